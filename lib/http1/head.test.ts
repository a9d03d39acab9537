import { describe, expect, test } from "@jest/globals";
import { type Framing, framingOf, headerLines, type OutgoingRequest } from "./head.ts";

const outgoing = (over: Partial<OutgoingRequest> = {}): OutgoingRequest => ({
  method: "GET",
  path: "/api",
  headers: [],
  body: "none",
  ...over,
});

describe("the head of a request", () => {
  test.each<[string, Framing, string[]]>([
    ["GET", "none", []],
    ["HEAD", "none", []],
    ["DELETE", "none", []],
    ["OPTIONS", "none", []],
    ["POST", "none", ["Content-Length", "0"]],
    ["PUT", "none", ["Content-Length", "0"]],
    ["PATCH", "none", ["Content-Length", "0"]],
    ["GET", 0, ["Content-Length", "0"]],
    ["GET", 7, ["Content-Length", "7"]],
    ["DELETE", 7, ["Content-Length", "7"]],
    ["POST", 7, ["Content-Length", "7"]],
    ["GET", "chunked", ["Transfer-Encoding", "chunked"]],
    ["DELETE", "chunked", ["Transfer-Encoding", "chunked"]],
    ["POST", "chunked", ["Transfer-Encoding", "chunked"]],
  ])("of a %s with body %s says how it is framed, once", (method, body, framing) => {
    expect(headerLines(outgoing({ method, body, headers: ["Accept", "a"] }), "hub:6443")).toEqual([
      "Host",
      "hub:6443",
      "Accept",
      "a",
      ...framing,
    ]);
  });

  test("that asks for an upgrade has no body", () => {
    const upgrade = { upgrade: "websocket", headers: ["Sec-WebSocket-Version", "13"] };
    expect(headerLines(outgoing(upgrade), "h")).toEqual([
      ...["Host", "h", "Sec-WebSocket-Version", "13", "Connection", "Upgrade", "Upgrade", "websocket"],
    ]);
    expect(() => headerLines(outgoing({ ...upgrade, body: 3 }), "h")).toThrow(TypeError);
    expect(() => headerLines(outgoing({ ...upgrade, body: "chunked" }), "h")).toThrow(TypeError);
  });

  test.each<[string, Partial<OutgoingRequest>]>([
    ["a length of its own", { headers: ["content-LENGTH", "3"] }],
    ["a framing of its own", { headers: ["Transfer-Encoding", "chunked"] }],
    ["another host", { headers: ["Host", "other"] }],
    ["a word about the connection", { headers: ["Connection", "close"] }],
    ["an upgrade among its headers", { headers: ["Upgrade", "h2c"] }],
    ["a line break in a value", { headers: ["A", "b\r\nContent-Length: 3"] }],
    ["a line break in a name", { headers: ["A\r\nB", "c"] }],
    ["a name without a value", { headers: ["A"] }],
    ["a line break in its path", { path: "/ HTTP/1.1\r\nA: b" }],
    ["a space in its path", { path: "/a b" }],
    ["a path of another form", { path: "http://other/" }],
    ["a method that is more than one", { method: "GET / HTTP/1.1\r\n" }],
    ["a length that is none", { body: 1.5 }],
    ["a length below nothing", { body: -1 }],
    ["a line break in the protocol's name", { upgrade: "a\r\nb: c" }],
  ])("with %s is not written", (_, over) => {
    expect(() => headerLines(outgoing(over), "hub")).toThrow(TypeError);
  });

  test.each<[number | undefined, boolean, Framing | undefined]>([
    [undefined, false, "none"],
    [0, false, 0],
    [5, false, undefined],
    [undefined, true, "chunked"],
    [0, true, 0],
    [5, true, 5],
  ])("a declared length of %s with a body (%s) goes on as %s", (declared, hasBody, framing) => {
    expect(framingOf(declared, hasBody)).toBe(framing);
  });
});
