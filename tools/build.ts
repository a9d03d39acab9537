// Bundles each process into one file under dist/: node tools/build.ts
import { existsSync } from "node:fs";
import { build } from "esbuild";

const processes: Record<string, string> = {
  drover: "cli/main.ts",
  auth: "auth/main.ts",
  proxy: "proxy/main.ts",
  agent: "agent/main.ts",
  "operator-identity": "operators/identity/main.ts",
  "operator-access": "operators/access/main.ts",
  "operator-clusters": "operators/clusters/main.ts",
};

await build({
  entryPoints: Object.fromEntries(Object.entries(processes).filter(([, path]) => existsSync(path))),
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  sourcemap: "linked",
  logLevel: "warning",
  // Dependencies that are still CommonJS call require() at run time; an ES module has none of its own.
  banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
});
