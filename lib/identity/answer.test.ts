import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { changeHeaders, evaluateAnswer } from "./answer.ts";
import { declaredLength, SANDBOX_HEADERS } from "./answer-headers.ts";
import { parseTarget } from "./path.ts";

const asked = { method: "GET", path: "/api/v1/namespaces/shop/pods/web/proxy/ui/a?b=c", base: "/clusters/west" };
const headersOf = (headers: readonly string[], status = 200) => {
  const result = evaluateAnswer(asked, { status, headers });
  return result.is === "accepted" ? result.headers : result.reason;
};

describe("a cluster's answer", () => {
  test("loses what would act on the whole host, and is sandboxed", () => {
    const acting = [
      ...["Set-Cookie", "set-cookie", "Alt-Svc", "Clear-Site-Data", "Content-Security-Policy", "Strict-Transport-Security"],
      ...["Refresh", "NEL", "Report-To", "Reporting-Endpoints", "Link", "WWW-Authenticate", "Proxy-Authenticate", "Proxy-Connection"],
      ...["Accept-CH", "Critical-CH", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Service-Worker-Allowed"],
      ...["X-Accel-Redirect", "X-Sendfile", "X-Original-URL", "SourceMap", "Content-Location", "Location", "Trailer", "Connection"],
      ...["Transfer-Encoding", "Upgrade", "Keep-Alive", "X-Frame-Options", "X-Content-Type-Options", "X-Anything"],
    ];
    const raw = acting.flatMap((name) => [name, "x"]);
    expect(headersOf(["Content-Type", "text/html", ...raw])).toEqual(["Content-Type", "text/html", ...SANDBOX_HEADERS]);
  });

  test("keeps what an API server says, with its repeats and its order", () => {
    const raw = [
      ...["Audit-Id", "a", "Cache-Control", "no-cache, private", "Content-Type", "application/json", "Content-Encoding", "gzip"],
      ...["Warning", "299 - a", "Warning", "299 - b", "X-Kubernetes-Pf-Flowschema-Uid", "f", "X-Kubernetes-Pf-Prioritylevel-Uid", "p"],
      ...["Retry-After", "1", "Vary", "Accept", "ETag", '"e"', "Last-Modified", "x", "Expires", "x", "Date", "x", "Content-Length", "12"],
    ];
    expect(headersOf(raw)).toEqual([...raw, ...SANDBOX_HEADERS]);
  });

  test("loses the space around a value, which HTTP/2 does not carry", () => {
    expect(headersOf(["Warning", " 299 - a\t"])).toEqual(["Warning", "299 - a", ...SANDBOX_HEADERS]);
  });

  test.each<[readonly string[], number | "malformed" | undefined]>([
    [["Content-Type", "a"], undefined],
    [["content-LENGTH", "12"], 12],
    [["Content-Length", "12", "Content-Length", "12"], "malformed"],
    [["Content-Length", "12", "content-length", "13"], "malformed"],
    [["Content-Length", "12, 12"], "malformed"],
    [["Content-Length", "+12"], "malformed"],
    [["Content-Length", "0x12"], "malformed"],
    [["Content-Length", ""], "malformed"],
  ])("with %j declares a length of %s", (raw, length) => {
    expect(declaredLength(raw)).toBe(length);
    const result = evaluateAnswer(asked, { status: 200, headers: raw });
    expect(result).toMatchObject(length === "malformed" ? { is: "refused" } : { is: "accepted", length });
  });

  test.each<[string, number]>([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
  ])("to %s with status %d has no body to be held to a length", (method, status) => {
    expect(evaluateAnswer({ ...asked, method }, { status, headers: ["Content-Length", "5"] })).toMatchObject({
      is: "accepted",
      length: undefined,
    });
  });

  test("of no content declares no length", () => {
    expect(headersOf(["Content-Length", "5"], 204)).toEqual([...SANDBOX_HEADERS]);
  });

  test.each([101, 199, 600, 999])("with status %d is not passed on", (status) => {
    expect(evaluateAnswer(asked, { status, headers: [] }).is).toBe("refused");
  });

  test("that agrees to another protocol names it, and nothing else of the connection", () => {
    const raw = [
      "Connection",
      "Upgrade",
      "Upgrade",
      "SPDY/3.1",
      "X-Stream-Protocol-Version",
      "v4",
      "Set-Cookie",
      "a",
      "Content-Length",
      "9",
    ];
    expect(changeHeaders(raw)).toEqual([
      ...["Connection", "Upgrade", "Upgrade", "SPDY/3.1", "X-Stream-Protocol-Version", "v4"],
      ...SANDBOX_HEADERS,
    ]);
  });
});

describe("a cluster's redirect", () => {
  const leads = (location: string, over: Partial<typeof asked> = {}, status = 302) => {
    const result = evaluateAnswer({ ...asked, ...over }, { status, headers: ["Location", location] });
    return result.is === "accepted" ? result.headers[result.headers.indexOf("Location") + 1] : undefined;
  };

  test.each([
    ["/openapi/v3/api/v1?hash=A", "/clusters/west/openapi/v3/api/v1?hash=A"],
    ["/clusters/east/api", "/clusters/west/clusters/east/api"],
    ["b/", "/clusters/west/api/v1/namespaces/shop/pods/web/proxy/ui/b/"],
    ["?c=d#e", "/clusters/west/api/v1/namespaces/shop/pods/web/proxy/ui/a?c=d#e"],
    ["../../../../../../../../../../clusters/east/api", "/clusters/west/clusters/east/api"],
    ["%2e%2e/%2E%2e/%2e./.%2e/../../../../../clusters/east/api", "/clusters/west/clusters/east/api"],
  ])("to %s leads to %s", (location, expected) => {
    expect(leads(location)).toBe(expected);
    expect(leads(location, { method: "HEAD" })).toBe(expected);
  });

  test.each(
    [
      ...["http://evil.example/", "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example"],
      ...[
        "https://cluster.invalid/",
        "//cluster.invalid/",
        "https:/x",
        "https:x",
        "javascript:alert(1)",
        "data:,x",
        "https://u:p@x/",
        "",
        "/.//x",
      ],
      ...["/%00", "/a%2f..%2fb", "/%252e%252e/x", "/a/..;/b"],
    ].filter((location) => location !== ""),
  )("to %j is not passed on", (location) => {
    expect(leads(location)).toBeUndefined();
  });

  test("that answers a write, has a status of its own, leads nowhere or to two places, is not passed on", () => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) expect(leads("/api", { method })).toBeUndefined();
    for (const status of [300, 305, 306, 309, 399]) expect(leads("/api", {}, status)).toBeUndefined();
    for (const headers of [[], ["Location", "/a", "Location", "/b"]])
      expect(evaluateAnswer(asked, { status: 302, headers }).is).toBe("refused");
    const agents = evaluateAnswer({ method: "GET", path: "/api" }, { status: 302, headers: ["Location", "/a"] });
    expect(agents.is).toBe("refused");
  });

  test("leads nowhere but into its own cluster, whatever it says", () => {
    const piece = fc.constantFrom(
      "/",
      "\\",
      "..",
      ".",
      "%2e",
      "%2f",
      "%5c",
      ":",
      "@",
      "?",
      "#",
      "//",
      "\t",
      " ",
      ";",
      "clusters",
      "east",
      "evil.example",
      "https",
    );
    const location = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
      fc.string(),
      fc.webUrl(),
    );
    fc.assert(
      fc.property(location, fc.constantFrom("/", "/api/v1", asked.path), (given, path) => {
        const led = leads(given, { path });
        if (led === undefined) return;
        // As a client follows it: the WHATWG way, and by the text.
        const url = new URL(led, "https://api.example/clusters/west/");
        const target = parseTarget(led.split("#")[0] ?? "");
        expect([url.host, target]).toEqual(["api.example", expect.objectContaining({ is: "cluster", cluster: "west" })]);
        expect(url.pathname.startsWith("/clusters/west/")).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});
