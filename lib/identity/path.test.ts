import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseTarget } from "./path.ts";

/** Any UTF-16, also what is no text. */
const anyText = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units));

describe("a path", () => {
  test.each([
    ["/clusters/east/api/v1/pods?watch=1&x=%2e%2e/../y", { is: "cluster", cluster: "east", path: "/api/v1/pods?watch=1&x=%2e%2e/../y" }],
    ["/clusters/east", { is: "cluster", cluster: "east", path: "/" }],
    ["/clusters/east?x", { is: "cluster", cluster: "east", path: "/?x" }],
    ["/clusters/east/", { is: "cluster", cluster: "east", path: "/" }],
    [
      "/clusters/a-1/api/v1/namespaces/x/services/https:web:443/proxy/a%2Fb//c;d/%7e/a..b/...",
      {
        is: "cluster",
        cluster: "a-1",
        path: "/api/v1/namespaces/x/services/https:web:443/proxy/a%2Fb//c;d/%7e/a..b/...",
      },
    ],
    ["/clusters/east/x/100%25/50%25%20off", { is: "cluster", cluster: "east", path: "/x/100%25/50%25%20off" }],
    ["/agents/east/tunnel", { is: "tunnel", cluster: "east" }],
    ["/agents/east/hub/apis/drover.dev?x=1", { is: "hub", cluster: "east", path: "/apis/drover.dev?x=1" }],
  ])("%s is read once, and its rest kept byte for byte", (url, target) => {
    expect(parseTarget(url)).toEqual(target);
  });

  test.each([
    "/",
    "/healthz",
    "/clusters",
    "/agents",
    "/agents/east",
    "/agents/east/tunnel/",
    "/agents/east/tunnel?x",
    "/agents/east/shell",
    "/clustersx/east",
  ])("%s leads nowhere", (url) => {
    expect(parseTarget(url)).toEqual({ is: "nowhere" });
  });

  test.each([
    "/clusters/east/../west/api",
    "/clusters/east/api/..",
    "/clusters/east/./api",
    "/clusters/east/%2e%2e/west",
    "/clusters/east/%2E%2e/west",
    "/clusters/east/.%2e/west",
    "/clusters/east/a%2f..%2fb",
    "/clusters/east/a%2f%2e%2e%2fb",
    "/clusters/east/%252e%252e/west",
    "/clusters/east/%25252e%25252e/west",
    "/clusters/east/..;x/west",
    "/clusters/east/a\\..\\b",
    "/clusters/east/a%5c..%5cb",
    "/clusters/east/%c0%ae%c0%ae/west",
    "/clusters/east/%ff",
    "/clusters/east/%ed%a0%80",
    "/clusters/east/%00",
    "/clusters/east/%2500",
    "/clusters/east/%",
    "/clusters/east/%zz",
    "/clusters/east/\0",
    "/clusters/east/ä",
    "/clusters/east/a b",
    "/clusters/east/#x",
    "/clusters//east/api",
    "//clusters/east/api",
    "/clusters/east//api",
    "/clusters/",
    "/clusters/EAST/api",
    "/clusters/ea%73t/api",
    "/clusters%2feast/api",
    "/%63lusters/east/api",
    "/Clusters/east/api",
    "/clusters/east%2f..%2fwest/api",
    "/clusters/east;x/api",
    "/clusters/east--x/api",
    "/clusters/-east/api",
    "/clusters/a23456789012345678901234567/api",
    "/clusters/./east",
    "/agents/../clusters/east",
    "http://127.0.0.1/clusters/east/api",
    "*",
    "east:443",
    "",
  ])("%j is refused", (url) => {
    expect(parseTarget(url)).toMatchObject({ is: "malformed" });
  });

  test("that is taken goes on exactly as it was after the cluster's name, and has no dot segment in any reading", () => {
    const piece = fc.constantFrom(
      "/",
      "//",
      ".",
      "..",
      "%2e",
      "%2E",
      "%2f",
      "%25",
      "%5c",
      "\\",
      ";",
      "a",
      "west",
      "%c3%a4",
      "%c0%ae",
      "?",
      "%00",
      "clusters",
      "api",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const rest = `/${pieces.join("")}`;
        const target = parseTarget(`/clusters/east${rest}`);
        if (target.is === "malformed") return;
        expect(target).toEqual({ is: "cluster", cluster: "east", path: rest });
        let path = rest.split("?")[0] ?? "";
        for (let i = 0; i < 3; i++) {
          expect(path.split(/[/\\]/)).not.toContain("..");
          expect(path.split(/[/\\]/)).not.toContain(".");
          try {
            path = decodeURIComponent(path);
          } catch {
            return;
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("of any bytes is read without failing, and never as two clusters", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const url of [text, `/clusters/${text}`, `/clusters/east${text}`]) {
          const target = parseTarget(url);
          if (target.is === "cluster") expect(url.startsWith(`/clusters/${target.cluster}`)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
