// An environment in which nothing happens: no process logs a warning, and an idle watch stays open, however it was
// opened. The length of the rest is what the two tests differ in.
import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { untilAllowed } from "../harness/answers.ts";
import type { BackgroundCommand } from "../harness/command.ts";
import { clusterBinding, user } from "../harness/fixtures.ts";
import { hub } from "../harness/kubectl.ts";
import { linesFromNow } from "../harness/logs.ts";
import { state } from "../harness/state.ts";
import { always, not, until } from "../harness/until.ts";
import { createUser, deleteUser, type TestUser } from "../harness/users.ts";

interface Watch {
  readonly name: string;
  /** Whether it has begun, as far as whoever asked can see. */
  readonly begun: () => boolean;
  readonly over: () => string | undefined;
  readonly stop: () => Promise<unknown> | undefined;
}

const NAMESPACE = "kube-node-lease";
const KIND = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
/** Stories before this one may have left processes that start anew. */
const CALM_MS = 10_000;

export function story(restMs: number): void {
  jest.setTimeout(restMs + 240_000);
  const binding = clusterBinding("east", "ar-ines-views", "cluster-viewer", user("ar-ines"));
  let ines: TestUser;
  let watches: Watch[] = [];

  beforeAll(async () => {
    ines = await createUser("ar-ines");
    await hub().apply(binding);
    await untilAllowed(ines.kubectl("east"), ["get", "configmaps", "-n", NAMESPACE]);
  });
  afterAll(async () => {
    await Promise.all(watches.map((watch) => watch.stop()));
    await hub().delete(binding);
    await deleteUser("ar-ines");
  });

  test(`for ${restMs / 1000} s no process logs a warning, and idle watches stay open`, async () => {
    await calm();
    const lines = linesFromNow();
    const args = ["get", "configmaps", "-n", NAMESPACE, "--watch-only", "-v=6"];
    watches = [
      overHttp1(ines.token),
      overHttp2(ines.token),
      ofKubectl("kubectl over HTTP/2", ines.kubectl("east").start(args)),
      ofKubectl("kubectl over HTTP/1.1", ines.kubectl("east").start(args, { env: { DISABLE_HTTP2: "1" } })),
    ];
    await until("every watch has begun", () => watches.every(({ begun }) => begun()) || not(watches.filter(({ begun }) => !begun())));
    await always(
      "every watch goes on",
      async () => watches.map(({ name, over }) => [name, over()]).find(([, end]) => end !== undefined) === undefined || not(ends(watches)),
      restMs,
    );
    const said = lines();
    expect(said.filter(({ level }) => level !== "info" && level !== "debug").map(({ process, text }) => `${process}: ${text}`)).toEqual([]);
    // Each is on record as begun, once; what ended was as short as the list before kubectl's watch.
    const records = said.map(({ audit }) => audit).filter((audit) => audit?.user === "ar-ines" && audit.path === KIND);
    expect(records.filter((audit) => audit?.stage === "begin")).toHaveLength(watches.length);
    expect(records.filter((audit) => audit?.stage === "end" && Number(audit.ms) > 2_000)).toEqual([]);
  });
}

const ends = (watches: readonly Watch[]): string => watches.map(({ name, over }) => `${name}: ${over() ?? "goes on"}`).join("; ");

/** Waits until no process has logged a warning for a while. */
async function calm(): Promise<void> {
  await until(
    "the environment is at rest",
    async () => {
      const lines = linesFromNow();
      await always(
        "no process logs a warning",
        async () => {
          const loud = lines().find(({ level }) => level !== "info" && level !== "debug");
          return loud === undefined || not(`${loud.process}: ${loud.text}`);
        },
        CALM_MS,
      );
      return true;
    },
    180_000,
  );
}

/** Of what is there a watch would speak at once. */
const path = `/clusters/east${KIND}?watch=1&fieldSelector=metadata.name%3Dnone-such`;

function overHttp1(token: string): Watch {
  let status: number | undefined;
  let over: string | undefined;
  const options = { ca: readFileSync(state().proxy.ca), agent: false, headers: { authorization: `Bearer ${token}` } };
  const req = request(state().proxy.url + path, options, (res) => {
    status = res.statusCode;
    res.resume().on("error", () => {});
    res.on("close", () => {
      over = res.complete ? "ended" : "broke";
    });
  });
  req.on("error", (error) => {
    over = error.message;
  });
  req.end();
  return { name: "HTTP/1.1", begun: () => status === 200, over: () => over, stop: () => void req.destroy() };
}

function overHttp2(token: string): Watch {
  let status: number | undefined;
  let over: string | undefined;
  const session = connectHttp2(state().proxy.url, { ca: readFileSync(state().proxy.ca) });
  session.on("error", (error) => {
    over = error.message;
  });
  session.on("goaway", (code) => {
    over = `GOAWAY ${code}`;
  });
  const stream = session.request({ ":path": path, authorization: `Bearer ${token}` });
  stream.on("response", (head) => {
    status = Number(head[":status"]);
  });
  stream.resume().on("error", () => {});
  stream.on("close", () => {
    over ??= `closed with ${stream.rstCode}`;
  });
  return { name: "HTTP/2", begun: () => status === 200, over: () => over, stop: () => void session.destroy() };
}

/** With -v=6 kubectl logs each response when its headers arrive. */
function ofKubectl(name: string, running: BackgroundCommand): Watch {
  const answers = (): number => [...running.stderr().matchAll(/verb="GET"[^\n]*watch=true[^\n]*status="200/g)].length;
  return {
    name,
    begun: () => answers() === 1,
    over: () => (running.hasEnded() ? running.stderr() : answers() > 1 ? "began again" : undefined),
    stop: () => running.stop(),
  };
}
