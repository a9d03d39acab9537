// A managed cluster whose answers speak about something else than itself: where a user's kubectl goes then, and with which credentials.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Stream } from "../lib/tunnel/stream.ts";
import { Authority } from "../test/certificates.ts";
import { kubectlWith, type TestKubectl } from "../test/kubectl.ts";
import { type Front, startFront, TOKEN } from "../test/proxy/front.ts";

jest.setTimeout(120_000);

const authority = Authority.create("front test");
let front: Front;
let kubectl: TestKubectl;
let foreign: Server;
/** What a server that has nothing to do with any cluster heard. */
let heard: { readonly url: string; readonly authorization: string | undefined }[] = [];
/** What reached the cluster that was not asked. */
let reachedEast: string[] = [];
let west: (stream: Stream) => void = () => {};

beforeAll(async () => {
  const serving = authority.certificate({ commonName: "front" }, ["server"], ["127.0.0.1"]);
  front = await startFront(authority.cert, serving, {
    west: (stream) => {
      stream.resume();
      west(stream);
    },
    east: (stream) => {
      stream.resume();
      reachedEast.push(`${stream.request.method} ${stream.request.path}`);
      answer(stream, 200, ["Content-Type", "application/json"], "{}");
    },
  });
  foreign = createServer((req, res) => {
    heard.push({ url: req.url ?? "", authorization: req.headers.authorization });
    res.setHeader("Content-Type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
  const server = (cluster: string): string => `https://127.0.0.1:${front.port}/clusters/${cluster}`;
  const contexts = ["west", "east"].map((name) => ({ name, server: server(name) }));
  kubectl = await kubectlWith(contexts, authority.cert, TOKEN);
}, 900_000);
afterAll(async () => {
  foreign?.close();
  await front?.close();
  await kubectl?.remove();
});
beforeEach(() => {
  heard = [];
  reachedEast = [];
});

const foreignURL = (): string => `http://127.0.0.1:${(foreign.address() as AddressInfo).port}/collect`;

function answer(stream: Stream, status: number, headers: readonly string[], body = ""): void {
  stream.sendHead({ status, headers: [...headers] });
  stream.end(body);
}

const redirectTo = (status: number, location: () => string) => (stream: Stream) => answer(stream, status, ["Location", location()]);

describe("a cluster redirects its visitors", () => {
  test.each([301, 302, 303, 307, 308])(
    "%d to a plain-http server of its own: kubectl does not go there, and its token is not heard",
    async (status) => {
      west = redirectTo(status, foreignURL);
      const { code } = await kubectl.run(["--context", "west", "get", "pods"]);
      expect(heard).toEqual([]);
      expect(code).not.toBe(0);
    },
  );

  test.each([
    ["by its path", () => "/clusters/east/api/v1/namespaces/target"],
    ["by the whole URL", () => `https://127.0.0.1:${front.port}/clusters/east/api/v1/namespaces/target`],
    ["by a path that leaves its own", () => "../../../../../../../../clusters/east/api/v1/namespaces/target"],
  ])("to another cluster, %s: a delete in one cluster deletes nothing in the other", async (_, location) => {
    west = redirectTo(307, location);
    const { code, stderr } = await kubectl.run(["--context", "west", "delete", "--raw", "/api/v1/namespaces/default/configmaps/harmless"]);
    expect(reachedEast).toEqual([]);
    expect(code).toBe(1);
    expect(stderr).toContain('the cluster "west" answers with a redirect that does not stay in it');
  });

  test.each([
    ["by its path", () => "/clusters/east/api/v1/namespaces/target/secrets"],
    ["by a path that leaves its own", () => "../../../../../../../../clusters/east/api/v1/secrets"],
    ["by a path with escaped dots", () => "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/clusters/east/api/v1/secrets"],
  ])("to another cluster, %s: a read stays in the cluster that was asked", async (_, location) => {
    let asked: string[] = [];
    west = (stream) => {
      asked.push(stream.request.path);
      if (asked.length === 1) redirectTo(307, location)(stream);
      else answer(stream, 404, [], "no such thing");
    };
    await kubectl.run(["--context", "west", "get", "--raw", "/api/v1/namespaces/default/configmaps"]);
    expect(reachedEast).toEqual([]);
    expect(heard).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(2);
    asked = [];
  });
});

describe("a cluster answers a request to change the protocol", () => {
  /** All that the connection says until it ends. */
  const askUpgrade = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: front.port, ca: authority.cert }, () =>
        socket.write(
          `GET /clusters/west${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
        ),
      );
      let text = "";
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
      });
      socket.on("error", (error) => (text === "" ? reject(error) : resolve(text)));
      socket.on("close", () => resolve(text));
    });

  test("with a redirect to a server of its own: it is not passed on", async () => {
    west = redirectTo(307, foreignURL);
    const text = await askUpgrade("/api/v1/namespaces/default/pods/web/exec");
    expect(text).toMatch(/^HTTP\/1\.1 502 /);
    expect(text).toContain('"reason":"AnswerRefused"');
    expect(text).not.toContain("/collect");
  });

  test("with headers for the whole host: they are not passed on, with the change and without it", async () => {
    const raw = [
      "Upgrade",
      "websocket",
      "Sec-WebSocket-Accept",
      "a",
      "Set-Cookie",
      "session=1",
      "Content-Type",
      "text/plain",
      "X-Sendfile",
      "/etc",
    ];
    for (const status of [101, 403]) {
      west = (stream) => answer(stream, status, raw, "done");
      const text = await askUpgrade("/api/v1/namespaces/default/pods/web/exec");
      expect(text).toContain(`HTTP/1.1 ${status} `);
      expect(text).toContain("Sec-WebSocket-Accept: a\r\n");
      expect(text).not.toMatch(/session=1|X-Sendfile/i);
      expect(text.endsWith("done")).toBe(true);
    }
  });

  test("with more, or less, than it declares: what is beyond is not passed on, and the connection does not end in order", async () => {
    west = (stream) => answer(stream, 403, ["Content-Length", "2"], "noHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    expect(await askUpgrade("/x")).not.toContain("poison");
    west = (stream) => answer(stream, 403, ["Content-Length", "2, 60"], "no");
    expect(await askUpgrade("/x")).toMatch(/^HTTP\/1\.1 502 /);
  });
});
