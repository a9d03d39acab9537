// Bundles the two command line programs and each component into one file under dist/: node tools/build.ts
import { build } from "esbuild";
import { COMPONENTS } from "../lib/components/components.ts";

const components = Object.fromEntries(Object.entries(COMPONENTS).map(([name, { entry }]) => [name, entry]));

await build({
  entryPoints: { drover: "cli/main.ts", "drover-dev": "dev/main.ts", ...components },
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
