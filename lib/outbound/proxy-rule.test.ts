import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Environment, parseProxy, proxyFor } from "./proxy-rule.ts";

const P = "http://proxy.example:3128";
const goes = (server: string, environment: Environment): string | undefined => proxyFor(new URL(server), environment)?.origin;

// The cases of proxy_test.go in Go's golang.org/x/net/http/httpproxy, and further ones.
test.each<[server: string, environment: Environment, through: string | undefined]>([
  ["https://a.example", {}, undefined],
  ["https://a.example", { HTTPS_PROXY: P }, P],
  ["https://a.example", { https_proxy: P }, P],
  ["https://a.example", { HTTPS_PROXY: "", https_proxy: P }, P],
  ["https://a.example", { HTTPS_PROXY: "http://capitals.example", https_proxy: P }, "http://capitals.example"],
  ["https://a.example", { HTTP_PROXY: P, http_proxy: P, ALL_PROXY: P }, undefined],
  ["https://a.example", { HTTPS_PROXY: "proxy.example:3128" }, P],
  ["https://a.example", { HTTPS_PROXY: "cache" }, "http://cache"],
  ["https://a.example", { HTTPS_PROXY: "https://secure.example" }, "https://secure.example"],
])("%s with %j goes through %s", (server, environment, through) => {
  expect(goes(server, environment)).toBe(through);
});

test.each<[server: string, exceptions: string, direct: boolean]>([
  ["https://localhost", "", true],
  ["https://localhost:8443", "", true],
  ["https://127.0.0.1", "", true],
  ["https://127.9.8.7:6443", "", true],
  ["https://[::1]", "", true],
  ["https://[::1]:6443", "", true],
  ["https://[::ffff:127.0.0.1]", "", true],
  ["https://localhost.example", "", false],
  ["https://10.96.0.1", "", false],
  ["https://kubernetes.default.svc", "", false],
  ["https://a.example", "*", true],
  ["https://10.96.0.1", "b.example, *", true],
  ["https://a.example", "*a.example", false],
  ["https://a.example", "a.example", true],
  ["https://A.EXAMPLE", "a.Example", true],
  ["https://x.a.example", "a.example", true],
  ["https://xa.example", "a.example", false],
  ["https://a.example", ".a.example", false],
  ["https://x.a.example", ".a.example", true],
  ["https://a.example", "*.a.example", false],
  ["https://x.y.a.example", "*.a.example", true],
  ["https://a.example", " b.example , a.example ", true],
  ["https://a.example", ",,", false],
  ["https://a.example", "a.example:443", true],
  ["https://a.example:443", "a.example:443", true],
  ["https://a.example", "a.example:80", false],
  ["https://a.example:6443", "a.example:6443", true],
  ["https://a.example:6443", "a.example", true],
  ["https://a.example", ":443", false],
  ["https://10.96.0.1", "10.96.0.1", true],
  ["https://10.96.0.1:6443", "10.96.0.1:6443", true],
  ["https://10.96.0.1", "10.96.0.1:6443", false],
  ["https://10.96.0.1", "10.96.0.0/12", true],
  ["https://10.112.0.1", "10.96.0.0/12", false],
  ["https://10.96.0.1", "0.0.0.0/0", true],
  ["https://10.96.0.1", "10.96.0.0/33", false],
  ["https://10.96.0.1", "10.96.0.0/", false],
  ["https://[::ffff:10.96.0.1]", "10.96.0.0/12", true],
  ["https://[fd00::1]", "fd00::/8", true],
  ["https://[fd00::1]", "fd00::1", true],
  ["https://[fd00::1]:6443", "[fd00::1]:6443", true],
  ["https://[fd00::1]", "[fd00::1]:6443", false],
  ["https://[fd00::1]", "[fd00::1]", true],
  ["https://[fe80::1]", "fd00::/8", false],
  ["https://10.96.0.1", "0.1", false],
  ["https://10.96.0.1", ".0.1", false],
  ["https://bücher.example", "bücher.example", true],
  ["https://xn--bcher-kva.example", "bücher.example", true],
  ["https://10.96.0.1", "$(UNSET)", false],
])("%s with NO_PROXY=%j is dialled directly: %s", (server, exceptions, direct) => {
  for (const name of ["NO_PROXY", "no_proxy"]) {
    expect(goes(server, { HTTPS_PROXY: P, [name]: exceptions })).toBe(direct ? undefined : P);
  }
});

test("NO_PROXY wins over no_proxy, as with Go", () => {
  expect(goes("https://a.example", { HTTPS_PROXY: P, NO_PROXY: "b.example", no_proxy: "a.example" })).toBe(P);
});

test.each(["socks5://u:secret@p", "ftp://u:secret@p", "http://", "http://u:secret@:80", "http://p:99999", "http://u:secret%zz@p"])(
  "%s is no proxy: the error names the variable and shows nothing of its value",
  (text) => {
    expect(() => parseProxy(text, "HTTPS_PROXY")).toThrow(/^HTTPS_PROXY is not the URL/);
    expect(() => parseProxy(text, "HTTPS_PROXY")).not.toThrow("secret");
  },
);

test("any text in NO_PROXY leads to a decision: the proxy or none", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[[\]:.*/a-f0-9, -]{0,40}$/));
  fc.assert(
    fc.property(text, fc.webUrl({ validSchemes: ["https"] }), (exceptions, server) => {
      expect([P, undefined]).toContain(goes(server, { HTTPS_PROXY: P, NO_PROXY: exceptions }));
    }),
  );
});
