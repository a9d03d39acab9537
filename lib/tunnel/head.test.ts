import { describe, expect, test } from "@jest/globals";
import { TunnelError } from "./errors.ts";
import { offersTunnel } from "./handshake.ts";
import { parseRequestHead, parseResponseHead } from "./head.ts";

const request = {
  method: "GET",
  path: "/api/v1/pods?watch=1",
  headers: ["Accept", "a"],
  body: "none",
  user: "drover:user:alice",
  uid: "u",
  groups: ["g"],
  extra: { k: ["v"] },
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe("a request head from the peer", () => {
  test("is parsed as it was sent", () => {
    expect(parseRequestHead(bytes(request))).toEqual(request);
  });

  test.each(["none", "chunked", 0, 17])("may have body %s", (body) => {
    expect(parseRequestHead(bytes({ ...request, body })).body).toBe(body);
  });

  test("loses unknown fields", () => {
    expect(parseRequestHead(bytes({ ...request, target: "10.0.0.1:22" }))).toEqual(request);
  });

  test.each([
    ["no object", []],
    ["null", null],
    ["a missing method", { ...request, method: undefined }],
    ["a method with a space", { ...request, method: "GET /x" }],
    ["a path without a slash", { ...request, path: "api" }],
    ["an absolute URL as its path", { ...request, path: "http://10.0.0.1/" }],
    ["a path with a line break", { ...request, path: "/a\r\nHost: x" }],
    ["a path with a space", { ...request, path: "/a HTTP/1.1" }],
    ["a user that is no text", { ...request, user: ["a"] }],
    ["a missing uid", { ...request, uid: undefined }],
    ["groups that are no list", { ...request, groups: "g" }],
    ["a group that is no text", { ...request, groups: [1] }],
    ["extra values that are no list", { ...request, extra: { k: "v" } }],
    ["no word about its body", { ...request, body: undefined }],
    ["a body of less than nothing", { ...request, body: -1 }],
    ["a body of half a byte", { ...request, body: 0.5 }],
    ["a body of another framing", { ...request, body: "gzip" }],
    ["a second opinion about its body's length", { ...request, headers: ["content-LENGTH", "3"] }],
    ["a second opinion about its body's framing", { ...request, headers: ["Transfer-Encoding", "chunked"] }],
    ["an odd number of headers", { ...request, headers: ["Accept"] }],
    ["a header name with a colon", { ...request, headers: ["a:", "b"] }],
    ["a header value with a line break", { ...request, headers: ["a", "b\r\nc: d"] }],
    ["a header value with NUL", { ...request, headers: ["a", "\0"] }],
    ["a header value beyond Latin-1", { ...request, headers: ["a", "ł"] }],
  ])("is refused with %s", (_, value) => {
    expect(() => parseRequestHead(bytes(value))).toThrow(TunnelError);
  });

  test("is refused when it is not JSON", () => {
    expect(() => parseRequestHead(Buffer.from("{"))).toThrow(TunnelError);
  });
});

describe("a response head from the peer", () => {
  test.each([101, 200, 304, 599, 600, 999])("may have status %d", (status) => {
    expect(parseResponseHead(bytes({ status, headers: [] }))).toEqual({ status, headers: [] });
  });

  test.each([99, 100, 103, 199, 1000, 200.5, "200", undefined])("may not have status %s", (status) => {
    expect(() => parseResponseHead(bytes({ status, headers: [] }))).toThrow(TunnelError);
  });
});

test("a handshake offers the tunnel in any letter case and position of the list, and only by the whole token", () => {
  expect(offersTunnel("drover-tunnel/1")).toBe(true);
  expect(offersTunnel("drover-tunnel/2, Drover-Tunnel/1")).toBe(true);
  expect(offersTunnel("drover-tunnel/10")).toBe(false);
  expect(offersTunnel("websocket")).toBe(false);
  expect(offersTunnel(undefined)).toBe(false);
});
