import { runProcess } from "../lib/process/run.ts";
import { runAgent } from "./agent.ts";
import { agentConfig } from "./config.ts";

await runProcess("agent", runAgent, agentConfig);
