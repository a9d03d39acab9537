// Three projects, told apart by file name: pure tests in milliseconds, integration tests that start real API servers,
// and the stories in e2e/, which share one whole environment. A fourth is for what takes minutes and is not part of `make test`.
const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "es6" } }] },
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/.drover/"],
  injectGlobals: false,
};

export default {
  // Tests wait on conditions. The limit is for what never happens, and must not fail what a busy machine does slowly.
  testTimeout: 180_000,
  projects: [
    { ...shared, displayName: "pure", testMatch: ["**/*.test.ts"] },
    { ...shared, displayName: "integration", testMatch: ["**/*.itest.ts"] },
    {
      ...shared,
      displayName: "e2e",
      testMatch: ["**/e2e/**/*.e2e.ts"],
      globalSetup: "<rootDir>/e2e/harness/setup.ts",
      globalTeardown: "<rootDir>/e2e/harness/teardown.ts",
    },
    {
      ...shared,
      displayName: "long",
      testMatch: ["**/*.long.ts"],
      globalSetup: "<rootDir>/e2e/harness/setup.ts",
      globalTeardown: "<rootDir>/e2e/harness/teardown.ts",
    },
  ],
};
