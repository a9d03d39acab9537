// auth and the identity operator as whole processes, under their own Roles, before a real API server; and a client of auth.
import { request } from "node:https";
import { expect } from "@jest/globals";
import { User } from "../../crds/v1alpha1/user.ts";
import { startHub, type TestHub, type TestProcess } from "../hub.ts";
import { until } from "../until.ts";

/** The URL of the proxy in `/.well-known/drover`. */
export const PROXY = "https://api.drover.test";
/** The password of alice; every other one begins with it. It must appear nowhere. */
export const SENTINEL = "sentinel-3f9c2b71-correct-horse";
/** Connections from here are a load balancer's, for auth. */
export const BALANCER = "127.0.9.1";

export interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

export interface Sending {
  readonly body?: unknown;
  readonly raw?: string;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  /** Loopback address to come from; each is a source of its own. */
  readonly from?: string;
  /** The address that the load balancer at `BALANCER` names. */
  readonly forwardedFor?: string;
}

export class AuthUnderTest {
  readonly hub: TestHub;
  readonly auth: TestProcess;
  identity: TestProcess;

  constructor(hub: TestHub, auth: TestProcess, identity: TestProcess) {
    this.hub = hub;
    this.auth = auth;
    this.identity = identity;
  }

  /** With AuthProvider `local` and the user alice, who can log in. */
  static async start(): Promise<AuthUnderTest> {
    const hub = await startHub();
    try {
      const tls = await hub.servingFiles();
      const [auth, identity] = await Promise.all([
        hub.start("auth", {
          ...{ tls, proxyURL: PROXY, listen: { host: "127.0.0.1", port: 0 } },
          ...{ connections: { perSource: 100, all: 5000 }, trustForwardedFrom: [`${BALANCER}/32`] },
        }),
        hub.start("operator-identity"),
      ]);
      const under = new AuthUnderTest(hub, auth, identity);
      await hub.apply({ apiVersion: "drover.dev/v1alpha1", kind: "AuthProvider", metadata: { name: "local" }, spec: { local: {} } });
      await under.addUser("alice", SENTINEL);
      await until(async () => (await under.login("alice", SENTINEL)).status === 200, "alice can log in");
      return under;
    } catch (error) {
      await hub.stop();
      throw error;
    }
  }

  send(method: string, path: string, sending: Sending = {}): Promise<Reply> {
    const { body, raw, token, forwardedFor, from = forwardedFor === undefined ? "127.0.0.1" : BALANCER } = sending;
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const headers = {
      ...(payload === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor }),
      ...sending.headers,
    };
    return new Promise((resolve, reject) => {
      const options = { method, ca: this.hub.plane.ca, agent: false, localAddress: from, headers } as const;
      const outgoing = request(`${this.auth.url}${path}`, options, (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("end", () => {
          const text = Buffer.concat(parts).toString();
          resolve({ status: incoming.statusCode ?? 0, text, body: text === "" ? {} : JSON.parse(text), headers: incoming.headers });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(payload);
    });
  }

  /** `from`: a loopback address to come from, or how else to send it. */
  login(username: string, password: string, more: object = {}, from: string | Sending = {}): Promise<Reply> {
    const sending = typeof from === "string" ? { from } : from;
    return this.send("POST", "/login/local", { body: { username, password, ...more }, ...sending });
  }

  async tokenOf(username: string, password: string, more: object = {}): Promise<string> {
    const { status, body } = await this.login(username, password, more);
    if (status !== 200) throw new Error(`login of ${username}: ${status} ${JSON.stringify(body)}`);
    return body.token as string;
  }

  async addUser(name: string, password: string): Promise<void> {
    await this.hub.apply(passwordSecret(name, { password }), user(name));
    await this.accepted(name, "True");
  }

  accepted(name: string, status: string): Promise<void> {
    return until(async () => {
      const { status: said } = await this.hub.admin.get(User, { name });
      return said?.conditions?.some((condition) => condition.type === "Accepted" && condition.status === status) ?? false;
    }, `User ${name} has Accepted=${status}`);
  }

  /** The status of an answer to `GET /clusters` with the token. */
  async statusWith(token: string): Promise<number> {
    return (await this.send("GET", "/clusters", { token })).status;
  }

  /** While the identity operator is away, as during an update. */
  async withoutOperator(work: () => Promise<void>): Promise<void> {
    await this.identity.stop();
    try {
      await work();
    } finally {
      this.identity = await this.hub.start("operator-identity");
      await until(async () => (await this.identity.output()).includes('"leading"'), "the identity operator leads again");
    }
  }

  stop(): Promise<void> {
    return this.hub.stop();
  }
}

export const user = (name: string): object => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "User",
  metadata: { name },
  spec: { local: { passwordSecret: { name: `${name}-password` } } },
});

export const passwordSecret = (name: string, stringData: object): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: `${name}-password`, namespace: "drover-system" },
  stringData,
});

/** A Status as kubectl understands it, with nothing of what was sent in it. */
export function expectStatus(reply: Reply, code: number, reason: string): void {
  expect(reply.body).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", code, reason });
  expect(reply.status).toBe(code);
  expect(reply.text).not.toContain(SENTINEL);
}
