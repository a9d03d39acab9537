import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { isShortName } from "../crds/v1alpha1/names.ts";
import { readConfig } from "../lib/process/config.ts";
import { agentConfig } from "./config.ts";

const directory = mkdtempSync(join(tmpdir(), "drover-agent-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

test.each(["east", "e", "a-1", "a--b", "-a", "a-", "", "East", "a.b", "a".repeat(26), "a".repeat(27)])(
  "the agent takes a name exactly if a Cluster can have it: %p",
  (cluster) => {
    const file = join(directory, "config.json");
    writeFileSync(file, JSON.stringify({ cluster, authURL: "https://a.test", proxyURLs: ["https://p.test"] }));
    const read = () => readConfig(file, agentConfig);
    if (isShortName(cluster)) expect(read()).toMatchObject({ cluster });
    else expect(read).toThrow("cluster");
  },
);
