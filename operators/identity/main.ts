// The identity operator: accounts, providers, the end of tokens.
import { operatorConfig } from "../../lib/process/operator-config.ts";
import { runOperator } from "../operator.ts";
import { cacheOptions, effects, reconcilers } from "./reconcilers.ts";

await runOperator("operator-identity", operatorConfig, async () => async () => ({ reconcilers, effects, cacheOptions }));
