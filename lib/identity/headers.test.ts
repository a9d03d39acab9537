import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { evaluateHeaders } from "./headers.ts";

const clean = (raw: readonly string[]) => {
  const result = evaluateHeaders(raw);
  if (result.is !== "clean") throw new Error(`${result.is}`);
  return result;
};

describe("a client's headers", () => {
  test.each([
    "Impersonate-User",
    "impersonate-group",
    "IMPERSONATE-UID",
    "Impersonate-Extra-Scopes",
    "Impersonate-Something-Of-The-Future",
    "Impersonate%2DUser",
    "%49mpersonate-User",
    "Impersonate%252DUser",
    "Impersonate_User",
    "X-Remote-User",
    "x-remote-group",
    "X-Remote-Extra-Scopes",
    "X-Remote-Uid",
    "X_Remote_User",
    "%58-Remote-User",
  ])("that name an identity are refused: %s", (header) => {
    expect(evaluateHeaders(["Accept", "*/*", header, "x"])).toMatchObject({ is: "identity", header });
  });

  test.each(["Impersonate-User, Impersonate-Group", "close, Authorization", "keep-alive,X-Custom", "Authorization", "te, Host"])(
    "that ask to have others taken away are refused: Connection: %s",
    (value) => {
      expect(evaluateHeaders(["Connection", value])).toMatchObject({ is: "malformed" });
    },
  );

  test.each(["gzip, chunked", "identity", "chunked, chunked", "xchunked"])("with another Transfer-Encoding are refused: %s", (value) => {
    expect(evaluateHeaders(["Transfer-Encoding", value])).toMatchObject({ is: "malformed" });
  });

  test.each([
    ["X A", "b"],
    ["", "b"],
    ["X-A:", "b"],
    ["X-A", "b\r\nc: d"],
    ["X-A", "b\0"],
    ["X-A", "\x7f"],
    ["X-A", "ł"],
  ])("with characters that HTTP does not allow are refused: %j: %j", (name, value) => {
    expect(evaluateHeaders([name, value])).toMatchObject({ is: "malformed" });
  });

  test("go on as they were, with repeats, order and case", () => {
    const raw = ["Accept", "a", "X-Custom", "1", "x-custom", "2", "Empty", ""];
    expect(clean(raw).headers).toEqual(raw);
  });

  test.each<[readonly string[], number | undefined]>([
    [[], undefined],
    [["content-LENGTH", "12"], 12],
    [["Content-Length", "0"], 0],
    [["Transfer-Encoding", "chunked"], undefined],
  ])("of %j the length %s goes on beside them", (raw, length) => {
    expect(clean(raw)).toMatchObject({ headers: [], contentLength: length });
  });

  test.each([
    [["Content-Length", "3", "Content-Length", "3"]],
    [["Content-Length", "3, 3"]],
    [["Content-Length", "+3"]],
    [["Content-Length", "0x3"]],
    [["Content-Length", ""]],
    [["Content-Length", "3", "Transfer-Encoding", "chunked"]],
    [["Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"]],
    [["Transfer-Encoding", "chunked", "Connection", "Upgrade", "Upgrade", "websocket"]],
  ])("by which the body's end can be read in two ways are refused: %j", (raw) => {
    expect(evaluateHeaders(raw)).toMatchObject({ is: "malformed" });
  });

  test("lose credentials, cookies, hop-by-hop headers and claims about the way", () => {
    const dropped = [
      ...["Authorization", "Bearer x", "Cookie", "a=b", "Proxy-Authorization", "x", "Host", "h", "Connection", "keep-alive"],
      ...[
        "Keep-Alive",
        "timeout=5",
        "TE",
        "trailers",
        "Trailer",
        "Authorization",
        "Transfer-Encoding",
        "chunked",
        "Expect",
        "100-continue",
      ],
      ...["Forwarded", "for=1", "X-Forwarded-For", "1.2.3.4", "X-Forwarded-Host", "h", "X-Forwarded-Client-Cert", "c", "X-Real-IP", "1"],
      ...["Upgrade", "websocket", "Via", "x", ":path", "/"],
    ];
    expect(clean([...dropped, "Accept", "a"]).headers).toEqual(["Accept", "a"]);
  });

  test("give the token and what else the steps need", () => {
    const result = clean([
      "authorization",
      "Bearer x",
      "AUTHORIZATION",
      "Bearer y",
      "X-Forwarded-For",
      "1",
      "x-forwarded-for",
      "2",
      "User-Agent",
      "kubectl",
    ]);
    expect(result).toMatchObject({
      authorization: ["Bearer x", "Bearer y"],
      forwardedFor: "1, 2",
      userAgent: "kubectl",
      upgrade: undefined,
    });
  });

  test("ask for an upgrade only when Connection says so too", () => {
    expect(clean(["Upgrade", "websocket"]).upgrade).toBeUndefined();
    expect(clean(["Connection", "keep-alive, Upgrade", "Upgrade", "SPDY/3.1"]).upgrade).toBe("SPDY/3.1");
  });

  test("lose a bearer token among the WebSocket subprotocols, and keep the others", () => {
    const protocols = "v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.ZHJ2X3g, v4.channel.k8s.io";
    expect(clean(["Sec-WebSocket-Protocol", protocols]).headers).toEqual([
      "Sec-WebSocket-Protocol",
      "v5.channel.k8s.io, v4.channel.k8s.io",
    ]);
    expect(clean(["sec-websocket-protocol", "Base64url.Bearer.authorization.k8s.io.ZHJ2X3g"]).headers).toEqual([]);
  });

  test("never carry an identity or a credential on, whatever they are", () => {
    const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
    const name = fc.oneof(
      token,
      fc.tuple(fc.constantFrom("impersonate-", "Impersonate-", "X-Remote-", "x-forwarded-", "IMPERSONATE_"), token).map(([a, b]) => a + b),
      fc.constantFrom("Authorization", "authorization", "Cookie", "Connection", "Upgrade"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.stringMatching(/^[ -~]{0,10}$/)), { maxLength: 6 }), (pairs) => {
        const result = evaluateHeaders(pairs.flat());
        const names = pairs.map(([n]) => n.toLowerCase().replaceAll("_", "-"));
        if (names.some((n) => n.startsWith("impersonate-") || n.startsWith("x-remote-"))) {
          expect(result.is).not.toBe("clean");
          return;
        }
        if (result.is !== "clean") return;
        for (let i = 0; i < result.headers.length; i += 2) {
          expect(result.headers[i]?.toLowerCase()).not.toMatch(
            /^(impersonate|x-remote|x-forwarded-|authorization$|cookie$|connection$|upgrade$)/,
          );
        }
      }),
    );
  });
});
