// What the proxy refuses, and what it ends, as a process under its own Role, in front of a real API server that is hub and cluster at once.

import { constants } from "node:http2";
import { request } from "node:https";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { type Answer, droverObject, nameOf, ProxyUnderTest, statusOf } from "../test/proxy/process.ts";
import { until } from "../test/until.ts";

jest.setTimeout(60_000);

let under: ProxyUnderTest;

beforeAll(async () => {
  under = await ProxyUnderTest.start();
}, 900_000);

afterAll(async () => {
  await under?.stop();
}, 60_000);

describe("who is refused", () => {
  const path = "/clusters/east/api/v1/namespaces";

  test("every Impersonate header, in any case and spelling, alone or doubled, from a member of the cluster too", async () => {
    const token = await under.tokenFor("alice");
    const before = under.east.seen.length;
    for (const name of [
      "Impersonate-User",
      "impersonate-group",
      "IMPERSONATE-UID",
      "Impersonate-Extra-Scopes",
      "Impersonate-New",
      "Impersonate%2DUser",
    ]) {
      for (const value of ["root", ["root", "system:masters"]]) {
        const answer = await under.ask(path, token, { [name]: value });
        expect([name, answer.status, JSON.parse(answer.body).details.causes[0].reason]).toEqual([name, 400, "ImpersonationRefused"]);
      }
    }
    expect(under.east.seen.length).toBe(before);
  });

  test("Connection cannot take away a header, and nothing goes under the proxy's identity", async () => {
    const token = await under.tokenFor("alice");
    for (const value of [
      "Impersonate-User, Impersonate-Group, Authorization",
      "close, Authorization",
      "Keep-Alive, X-Remote-User",
      "TE, Host",
    ]) {
      const answer = await under.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: ${value}\r\n\r\n`);
      expect([value, statusOf(answer)]).toEqual([value, 400]);
    }
    await under.ask(path, token, { "keep-alive": "Authorization", te: "trailers, Authorization" });
    for (const { user, headers } of under.east.seen) {
      expect(user).toBe("drover:user:alice");
      expect(headers.join("\n").toLowerCase()).not.toMatch(/authorization|impersonate/);
    }
  });

  test("X-Remote headers are refused; X-Forwarded and Forwarded are dropped", async () => {
    const token = await under.tokenFor("alice");
    for (const name of ["X-Remote-User", "x-remote-group", "X-Remote-Extra-Scopes", "X-Remote-Uid"]) {
      expect((await under.ask(path, token, { [name]: "root" })).status).toBe(400);
    }
    expect(
      (await under.ask(path, token, { "x-forwarded-for": "1.2.3.4", forwarded: "for=1.2.3.4", "x-forwarded-user": "root" })).status,
    ).toBe(200);
    expect(under.east.seen.at(-1)?.headers.join("\n").toLowerCase()).not.toMatch(/forwarded/);
    await until(async () => (await under.process.output()).includes('"source":"127.0.0.1"'), "the audit record");
    expect(await under.process.output()).not.toContain("1.2.3.4");
  });

  test("no token, half a token, two tokens or another kind", async () => {
    const token = await under.tokenFor("alice");
    for (const value of [
      "",
      "Bearer",
      "Bearer ",
      "Basic YTpi",
      token,
      `Bearer ${token}A`,
      `Bearer ${token} `.concat("x"),
      `Bearer ${"A".repeat(60_000)}`,
    ]) {
      const answer = await under.ask(path, undefined, { authorization: value });
      expect([value.length, answer.status]).toEqual([value.length, 401]);
      expect(JSON.parse(answer.body)).toMatchObject({ kind: "Status", reason: "Unauthorized", message: "Unauthorized" });
    }
    const twice = await under.raw(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    expect(statusOf(twice)).toBe(401);
    // A megabyte is more than a head may have; it is refused before it is read to its end.
    expect(statusOf(await under.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${"A".repeat(1_000_000)}\r\n\r\n`))).toBe(
      431,
    );
  });

  test("paths with two readings; others go on byte for byte", async () => {
    const token = await under.tokenFor("alice");
    const send = (target: string) =>
      under.raw(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`, "latin1"));
    const before = under.east.seen.length;
    for (const target of [
      ...[
        "/clusters/east/../west/api",
        "/clusters/east/%2e%2e/west",
        "/clusters//east/api",
        "//clusters/east/api",
        "/clusters/east%2f..%2fwest/api",
      ],
      ...[
        "http://x/clusters/east/api",
        "*",
        "/clusters/east/%00",
        "/clusters/east/%c0%ae%c0%ae/x",
        "/clusters/ea%73t/api",
        "/clusters/east/\xc0\xae/x",
      ],
      ...["/clusters/east/x/..;/y", "/clusters/east/a\\..\\b"],
    ]) {
      expect([target, statusOf(await send(target))]).toEqual([target, 400]);
    }
    expect(statusOf(await under.raw(`CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`))).toBe(405);
    expect(under.east.seen.length).toBe(before);
    await send("/clusters/east/api/v1/x/a%2Fb;c//d?e=%2e%2e&f=%%");
    expect(under.east.seen.at(-1)?.path).toBe("/api/v1/x/a%2Fb;c//d?e=%2e%2e&f=%%");
  });

  test("a token scoped to another cluster", async () => {
    const west = await under.tokenFor("alice", { clusters: ["west"] });
    const answer = await under.ask(path, west);
    expect([answer.status, JSON.parse(answer.body).details.causes[0].reason]).toEqual([403, "OutOfScope"]);
    expect((await under.ask("/clusters/hub/api", west)).status).toBe(403);
    await under.untilStatus(200, path, await under.tokenFor("alice", { clusters: ["east"] }));
  });

  test("a closed cluster and one that does not exist are answered with the same bytes", async () => {
    const token = await under.tokenFor("bob");
    const neutral = (answer: Answer, cluster: string) => [answer.status, answer.body.replaceAll(cluster, "C"), Object.keys(answer.headers)];
    const foreign = neutral(await under.ask(path, token), "east");
    expect(foreign[0]).toBe(403);
    expect(neutral(await under.ask("/clusters/none/api", token), "none")).toEqual(foreign);
    expect(neutral(await under.ask("/clusters/west/api", token), "west")).toEqual(foreign);
  });

  test("a cluster whose agent is not connected is answered with Retry-After", async () => {
    await under.hub.apply(droverObject(ClusterMembers.kind, "members", { users: ["carol"], groups: [], everyone: false }, "cluster-west"));
    const token = await under.tokenFor("carol");
    await under.untilStatus(503, "/clusters/west/api", token);
    const answer = await under.ask("/clusters/west/api", token);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(JSON.parse(answer.body)).toMatchObject({ reason: "ServiceUnavailable", details: { causes: [{ reason: "NotConnected" }] } });
  });

  test("request smuggling", async () => {
    const token = await under.tokenFor("alice");
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
    const hidden = "GET /clusters/east/api/v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const rest of [
      `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      `Content-Length: 4\r\nContent-Length: 60\r\n\r\nabcd${hidden}`,
      `Content-Length: +4\r\n\r\nabcd${hidden}`,
      `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`,
      `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      `X: a\r\n folded: b\r\n\r\n${hidden}`,
      `X : a\r\n\r\n${hidden}`,
      `X: a\nY: b\r\n\r\n${hidden}`,
      `X: a\0b\r\n\r\n${hidden}`,
    ]) {
      const answer = await under.raw(head + rest);
      expect([rest.slice(0, 40), statusOf(answer)]).toEqual([rest.slice(0, 40), 400]);
      expect(answer).not.toContain(token);
    }
    expect(statusOf(await under.raw(`GET ${path} HTTP/1.1\nHost: x\n\n`))).toBe(400);
    expect(under.east.seen.some((seen) => seen.path.includes("smuggled"))).toBe(false);
    expect(statusOf(await under.raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(70_000)}\r\n\r\n`))).toBe(431);
  });
});

describe("an open request ends at once", () => {
  /** Opens a stream that stays open, as the user; resolves with how it ends. */
  async function openStream(token: string): Promise<{ ended: () => boolean }> {
    let begun = false;
    let ended = false;
    const headers = { authorization: `Bearer ${token}` };
    const req = request(
      { host: "127.0.0.1", port: under.port, ca: under.hub.plane.ca, path: "/clusters/east/test/open", headers },
      (res) => {
        res.on("data", () => {
          begun = true;
        });
        res.on("error", () => {});
        res.on("close", () => {
          ended = true;
        });
      },
    );
    req.on("error", () => {});
    req.end();
    await until(() => begun, "the stream is open");
    return { ended: () => ended };
  }

  test.each<[string, (token: string) => Promise<unknown>]>([
    ["its token is deleted", (token) => under.auth.delete(Token, { name: nameOf(token) })],
    ["its user is disabled", () => under.hub.admin.patch(User, { name: "dave" }, { spec: { enabled: false } }, { type: "merge" })],
    [
      "the user is no member any more",
      () =>
        under.hub.admin.patch(
          ClusterMembers,
          { namespace: "cluster-east", name: "members" },
          { spec: { users: ["alice"] } },
          { type: "merge" },
        ),
    ],
  ])("when %s, and others go on", async (_, change) => {
    await under.hub.admin.patch(User, { name: "dave" }, { spec: { enabled: true } }, { type: "merge" });
    await under.hub.admin.patch(
      ClusterMembers,
      { namespace: "cluster-east", name: "members" },
      { spec: { users: ["alice", "dave"] } },
      { type: "merge" },
    );
    const [daves, alices] = [await under.tokenFor("dave"), await under.tokenFor("alice")];
    await under.untilStatus(403, "/clusters/east/api/v1/secrets", daves);
    const stream = await openStream(daves);
    const other = await openStream(alices);
    await change(daves);
    await until(() => stream.ended(), "the stream ends");
    expect(other.ended()).toBe(false);
    expect([401, 403]).toContain((await under.ask("/clusters/east/version", daves)).status);
  });

  test("over HTTP/2 it is cancelled: neither complete nor a fault", async () => {
    const token = await under.tokenFor("alice");
    const session = await under.http2();
    const stream = session.request({ authorization: `Bearer ${token}`, ":path": "/clusters/east/test/open" });
    let begun = false;
    stream.on("data", () => {
      begun = true;
    });
    stream.on("error", () => {});
    const closed = new Promise<number>((resolve) => stream.once("close", () => resolve(stream.rstCode)));
    await until(() => begun, "the stream is open");
    await under.auth.delete(Token, { name: nameOf(token) });
    expect(await closed).toBe(constants.NGHTTP2_CANCEL);
    session.close();
  });

  test("when its token's time has come", async () => {
    const token = await under.tokenFor("alice", { seconds: 6 });
    const stream = await openStream(token);
    await until(() => stream.ended(), "the stream ends");
    expect((await under.ask("/clusters/east/version", token)).status).toBe(401);
  });
});

describe("a login that is none any more", () => {
  const path = "/clusters/east/api/v1/namespaces";
  const setStatus = (status: object): Promise<string> =>
    under.hub.kubectl(["patch", "user.drover.dev", "alice", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);

  test.each([
    ["a new password", { credential: "00000000000000bb" }],
    ["logging out everywhere", { loginGeneration: 1 }],
  ])("%s ends the logins from before, and what they have open", async (_, status) => {
    await setStatus({ credential: "00000000000000aa", loginGeneration: 0 });
    const token = await under.tokenFor("alice");
    await under.untilStatus(200, path, token);
    const stream = request({
      ...{ host: "127.0.0.1", port: under.port, ca: under.hub.plane.ca, headers: { authorization: `Bearer ${token}` } },
      path: "/clusters/east/api/v1/namespaces?watch=1",
    });
    const ended = new Promise((resolve) => stream.on("close", resolve));
    const begun = new Promise((resolve) => stream.on("response", (res) => resolve(res.on("error", () => {}).resume())));
    stream.on("error", () => {}).end();
    await begun;
    await setStatus(status);
    await ended;
    expect((await under.ask(path, token)).status).toBe(401);
    await setStatus({ credential: null, loginGeneration: null });
    await under.untilStatus(200, path, await under.tokenFor("alice"));
  });

  test("a new user of the same name has none of the sessions of the one before", async () => {
    const token = await under.tokenFor("alice");
    await under.untilStatus(200, path, token);
    await under.hub.kubectl(["delete", "user.drover.dev", "alice"]);
    await under.hub.apply(droverObject(User.kind, "alice", {}));
    await under.untilStatus(200, path, await under.tokenFor("alice"));
    expect((await under.ask(path, token)).status).toBe(401);
  });

  test("a provider that was made again under its name, or restricted to others, has none of the sessions from before", async () => {
    const token = await under.tokenFor("alice");
    await under.untilStatus(200, path, token);
    const restrict = (access: object): Promise<string> =>
      under.hub.kubectl(["patch", "authprovider.drover.dev", "local", "--type=merge", "-p", JSON.stringify({ spec: { access } })]);
    await restrict({ mode: "Required", users: ["bob"] });
    await under.untilStatus(401, path, token);
    await restrict({ mode: "Unrestricted", users: null });
    await under.untilStatus(200, path, token);
    await under.hub.kubectl(["delete", "authprovider.drover.dev", "local"]);
    await under.hub.apply(droverObject(AuthProvider.kind, "local", { local: {} }));
    await under.untilStatus(200, path, await under.tokenFor("alice"));
    expect((await under.ask(path, token)).status).toBe(401);
  });
});
