import { BlockList } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { listOf } from "../lib/server/addresses.ts";
import { Refusal } from "../lib/server/refusal.ts";
import { admit } from "./admit.ts";

describe("admission", () => {
  const none = new BlockList();
  const request = (over: object = {}) => ({
    method: "GET",
    url: "/clusters/east/api",
    rawHeaders: ["Accept", "*/*"],
    peer: "10.0.0.1",
    ...over,
  });
  const code = (over: object) => {
    const admitted = admit(request(over), none);
    return admitted instanceof Refusal ? admitted.code : admitted.to;
  };

  test.each([
    [{}, "cluster"],
    [{ url: "/agents/east/hub/apis" }, "hub"],
    [{ url: "/agents/east/tunnel", rawHeaders: ["Connection", "Upgrade", "Upgrade", "drover-tunnel/1"] }, "tunnel"],
    [{ url: "/clusters/../x" }, "PathRefused"],
    [{ url: "*", method: "OPTIONS" }, "PathRefused"],
    [{ url: "example.test:443", method: "CONNECT" }, "PathRefused"],
    [{ method: "TRACE" }, "MethodNotAllowed"],
    [{ method: "CONNECT" }, "MethodNotAllowed"],
    [{ method: "get" }, "MethodNotAllowed"],
    [{ rawHeaders: ["impersonate-user", "x"] }, "ImpersonationRefused"],
    [{ rawHeaders: ["X-Remote-User", "x"] }, "HeaderRefused"],
    [{ rawHeaders: ["Connection", "Authorization"] }, "HeaderRefused"],
    [{ url: "/healthz" }, "NotFound"],
    [{ rawHeaders: ["Connection", "Upgrade", "Upgrade", "websocket"] }, "cluster"],
    [{ rawHeaders: ["Connection", "Upgrade", "Upgrade", "SPDY/3.1"], method: "POST" }, "cluster"],
    [{ rawHeaders: ["Connection", "Upgrade", "Upgrade", "h2c"] }, "UpgradeRefused"],
    [{ rawHeaders: ["Connection", "Upgrade", "Upgrade", "websocket, h2c"] }, "UpgradeRefused"],
    [{ rawHeaders: ["Connection", "Upgrade", "Upgrade", "websocket"], method: "PATCH" }, "UpgradeRefused"],
    [{ url: "/agents/east/hub/apis", rawHeaders: ["Connection", "Upgrade", "Upgrade", "websocket"] }, "UpgradeRefused"],
  ])("of %j: %s", (over, expected) => {
    expect(code(over)).toBe(expected);
  });

  test("a forged X-Forwarded-For: it is trusted from configured load balancers only, and only as far as they reach", () => {
    const source = (peer: string, forwarded: string, list: readonly string[]) => {
      const admitted = admit(request({ peer, rawHeaders: ["X-Forwarded-For", forwarded] }), listOf(list));
      if (admitted instanceof Refusal) throw new Error(admitted.code);
      expect(admitted.headers).toEqual([]);
      return admitted.source;
    };
    expect(source("10.0.0.1", "1.2.3.4", [])).toBe("10.0.0.1");
    expect(source("10.0.0.1", "6.6.6.6, 1.2.3.4", ["10.0.0.0/8"])).toBe("1.2.3.4");
    expect(source("::ffff:10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", ["10.0.0.0/8"])).toBe("1.2.3.4");
    expect(source("10.0.0.1", "nonsense", ["10.0.0.0/8"])).toBe("10.0.0.1");
    expect(source("fd00::1", "2001:db8::1", ["fd00::/8"])).toBe("2001:db8::1");
  });

  test("behind a load balancer that names no client, a flood of dials for one cluster does not use up what others may dial", () => {
    const key = (cluster: string, forwarded?: string) => {
      const rawHeaders = ["Connection", "Upgrade", "Upgrade", "drover-tunnel/1", ...(forwarded ? ["X-Forwarded-For", forwarded] : [])];
      const admitted = admit(request({ url: `/agents/${cluster}/tunnel`, peer: "10.0.0.1", rawHeaders }), listOf(["10.0.0.1"]));
      if (admitted instanceof Refusal) throw new Error(admitted.code);
      return admitted.rateKey;
    };
    expect(key("east")).not.toBe(key("west"));
    expect(key("east", "203.0.113.7")).toBe(key("west", "203.0.113.7"));
  });
});
