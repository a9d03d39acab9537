import { expect, test } from "@jest/globals";
import { proxyConfig } from "./config.ts";

test("the configuration refuses what it does not know, and fills in the rest", () => {
  const least = { tls: { certFile: "c", keyFile: "k" }, replicaId: "a" };
  expect(proxyConfig.parse(least)).toMatchObject({ staleAfterSeconds: 300, limits: { connections: 20_000 } });
  expect(() => proxyConfig.parse({ ...least, colour: "red" })).toThrow('unknown key "colour"');
  expect(() => proxyConfig.parse({ ...least, trustForwardedFrom: ["10.0.0.0/33"] })).toThrow("trustForwardedFrom");
  expect(() => proxyConfig.parse({ ...least, replicaId: "a b" })).toThrow("replicaId");
});
