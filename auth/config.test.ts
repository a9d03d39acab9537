import { describe, expect, test } from "@jest/globals";
import { authConfig } from "./config.ts";

const tls = { certFile: "c", keyFile: "k" };
const good = { tls, proxyURL: "https://api.drover.example" };

describe("configuration of auth", () => {
  test("what is left out gets its default, and the whole is frozen", () => {
    const config = authConfig.parse(good);
    expect(config.tokenTTLSeconds).toEqual({ default: 43_200, max: 604_800 });
    expect(() => Object.assign(config.tls, { certFile: "x" })).toThrow();
  });

  test.each([
    [{ ...good, tokenTTL: 5 }, 'unknown key "tokenTTL"'],
    [{ tls }, "the configuration must have required property 'proxyURL'"],
    [{ ...good, proxyURL: "http://api.drover.example" }, '"proxyURL" must match pattern "^https://[^/?#]+(/[^?#]*[^/?#])?$"'],
    [{ ...good, proxyURL: "https://api.drover.example/" }, '"proxyURL" must match pattern "^https://[^/?#]+(/[^?#]*[^/?#])?$"'],
    [{ ...good, tokenTTLSeconds: { default: 600, max: 60 } }, '"tokenTTLSeconds.default" (600) is more than "tokenTTLSeconds.max" (60)'],
    [{ ...good, trustForwardedFrom: ["10.0.0.0/33"] }, '"trustForwardedFrom" has "10.0.0.0/33", which is neither an address nor a CIDR'],
    [{ ...good, connections: { perSource: 9, all: 5 } }, '"connections.perSource" is more than "connections.all"'],
  ])("%j stops the start", (config, message) => {
    expect(() => authConfig.parse(config)).toThrow(message);
  });
});
