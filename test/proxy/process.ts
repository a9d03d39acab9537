// The proxy as a process, under its own Role, in front of a real API server that is hub and cluster at once; and a client of it. The cluster east
// has a tunnel and the members alice and dave; the cluster west has neither.
import { randomBytes } from "node:crypto";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { Agent, request } from "node:https";
import { connect } from "node:tls";
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { Token } from "../../crds/v1alpha1/token.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { formatToken, TOKEN_BYTES, tokenHash, tokenObjectName } from "../../lib/identity/token.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../../lib/kube/connection.ts";
import { type KubeObject, timeOf } from "../../lib/kube/object.ts";
import { agentTokenOf, registerAgent } from "../agent.ts";
import { startHub, type TestHub, type TestProcess } from "../hub.ts";
import { until } from "../until.ts";
import { type Acceptor, dialTunnel } from "./acceptor.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

interface Parts {
  readonly hub: TestHub;
  readonly process: TestProcess;
  /** The hub, with the rights of auth. */
  readonly auth: KubeClient;
}

const RBAC = "rbac.authorization.k8s.io";

export const droverObject = (kind: string, name: string, spec: object, namespace?: string): KubeObject =>
  ({ apiVersion: "drover.dev/v1alpha1", kind, metadata: { name, ...(namespace && { namespace }) }, spec }) as never;

/** The name of a token's object. */
export const nameOf = (token: string): string => tokenObjectName(tokenHash(token));

/** The status of an answer in bytes. */
export const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);

export class ProxyUnderTest {
  readonly hub: TestHub;
  readonly process: TestProcess;
  readonly auth: KubeClient;
  readonly port: number;
  /** The other end of the newest tunnel. */
  east!: Acceptor;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor({ hub, process, auth }: Parts) {
    this.hub = hub;
    this.process = process;
    this.auth = auth;
    this.port = Number(new URL(process.url).port);
  }

  static async start(): Promise<ProxyUnderTest> {
    const hub = await startHub();
    try {
      for (const cluster of ["east", "west"]) await registerAgent(hub, cluster);
      await hub.apply(...objects());
      const auth = new KubeClient(await connectionFromKubeconfig(await hub.kubeconfigOf("auth")));
      const process = await hub.start("proxy", { replicaId: "proxy-0", tls: await hub.servingFiles() });
      const under = new ProxyUnderTest({ hub, process, auth });
      under.east = await under.dialEast();
      return under;
    } catch (error) {
      await hub.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.east.session.destroy();
    await this.auth.close();
    await this.hub.stop();
  }

  /** A token for the user, made as auth makes it; resolves when the proxy accepts it. */
  async tokenFor(user: string, { clusters, seconds = 3600 }: { clusters?: string[]; seconds?: number } = {}): Promise<string> {
    const token = formatToken(randomBytes(TOKEN_BYTES));
    const hash = tokenHash(token);
    const expiresAt = timeOf(new Date(Date.now() + seconds * 1000));
    const { status, metadata } = await this.hub.admin.get(User, { name: user });
    const provider = await this.hub.admin.get(AuthProvider, { name: "local" });
    const spec = {
      ...{ hash, user, userUID: metadata.uid, provider: "local", providerUID: provider.metadata.uid },
      ...{ kind: "Login", expiresAt, ...(clusters && { clusters }) },
      ...(status?.credential && { credential: status.credential }),
    };
    await this.auth.create(Token, droverObject("Token", nameOf(token), spec) as never);
    await until(async () => (await this.ask("/clusters/none/version", token)).status === 403, "the proxy accepts the token");
    return token;
  }

  ask(
    path: string,
    token: string | undefined,
    headers: Record<string, string | string[]> = {},
    method = "GET",
    body?: string,
  ): Promise<Answer> {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const where = { host: "127.0.0.1", port: this.port, ca: this.hub.plane.ca, path, method, agent: this.#agent };
    return new Promise((resolve, reject) => {
      const req = request({ ...where, headers: { ...authorization, ...headers } }, (res) => {
        let text = "";
        res.on("data", (piece: Buffer) => {
          text += piece.toString();
        });
        res.on("error", reject);
        res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }));
      });
      req.on("error", reject);
      req.end(body);
    });
  }

  untilStatus(status: number, path: string, token: string): Promise<void> {
    return until(async () => {
      const answer = await this.ask(path, token);
      if (answer.status !== status) throw new Error(`${answer.status} ${answer.body}`);
      return true;
    }, `${path} answers ${status}`);
  }

  /** Writes bytes, reads until the other side ends. */
  raw(bytes: string | Buffer, end = true): Promise<string> {
    return new Promise((resolve, reject) => {
      const where = { host: "127.0.0.1", port: this.port, ca: this.hub.plane.ca, ALPNProtocols: ["http/1.1"] };
      const socket = connect(where, () => socket.write(bytes));
      let text = "";
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        if (end && /^HTTP\/1.1 \d+/.test(text) && text.includes("\r\n\r\n") && !/connection: close/i.test(text)) socket.end();
      });
      // A server that refuses in the middle of a long head closes on what is still being sent.
      socket.on("error", (error) => (text === "" ? reject(error) : resolve(text)));
      socket.on("close", () => resolve(text));
    });
  }

  async http2(): Promise<ClientHttp2Session> {
    const session = connectHttp2(`https://127.0.0.1:${this.port}`, { ca: this.hub.plane.ca });
    await new Promise((resolve) => session.once("connect", resolve));
    return session;
  }

  /** Another tunnel of the cluster east. */
  async dialEast(): Promise<Acceptor> {
    const token = await agentTokenOf(this.hub, "east");
    const { server, ca } = this.hub.plane;
    const { cert, key } = this.hub.plane.clientCertificate("test-agent", ["system:masters"]);
    return dialTunnel({ proxy: { port: this.port, ca }, cluster: "east", token, managed: { server, ca, cert, key } });
  }
}

function objects(): KubeObject[] {
  const members = (users: string[], groups: string[]) => ({ users, groups, everyone: false });
  return [
    droverObject(AuthProvider.kind, "local", { local: {} }),
    ...["alice", "bob", "carol", "dave"].map((name) => droverObject(User.kind, name, {})),
    droverObject(ClusterMembers.kind, "members", members(["alice", "dave"], ["drover:group:corp:devs"]), "cluster-east"),
    droverObject(ClusterMembers.kind, "members", members([], []), "cluster-west"),
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: "test-reader" },
      rules: [{ apiGroups: [""], resources: ["configmaps", "namespaces"], verbs: ["get", "list", "watch", "create"] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "test-reader" },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "test-reader" },
      subjects: [{ apiGroup: RBAC, kind: "User", name: "drover:user:alice" }],
    },
  ] as KubeObject[];
}
