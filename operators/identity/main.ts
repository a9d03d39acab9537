// The identity operator: accounts, providers, the end of tokens.
import { defineOperatorConfig } from "../../lib/process/operator-config.ts";
import { runOperator } from "../operator.ts";
import { cacheOptions, effects, reconcilers } from "./reconcilers.ts";

await runOperator("operator-identity", defineOperatorConfig(), async () => async () => ({ reconcilers, effects, cacheOptions }));
