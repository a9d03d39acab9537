// A proxy in this process, with its real listener, steps and tunnels, in front of clusters that the test plays. What the hub says is
// fixed: alice may reach every cluster with the token `TOKEN`.

import { once } from "node:events";
import { BlockList } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { Registry } from "prom-client";
import type { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import type { Cluster } from "../../crds/v1alpha1/cluster.ts";
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import type { Token } from "../../crds/v1alpha1/token.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { tokenHash, tokenObjectName } from "../../lib/identity/token.ts";
import type { Connection } from "../../lib/kube/client.ts";
import type { Certificate } from "../../lib/server/certificate.ts";
import { RateLimiter } from "../../lib/server/rate.ts";
import { Session } from "../../lib/tunnel/session.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";
import { HubForwarder } from "../../proxy/agents/hub-forwarder.ts";
import type { TunnelEndpoint } from "../../proxy/agents/tunnel-endpoint.ts";
import { RequestHandlers } from "../../proxy/handlers.ts";
import { type Held, listen } from "../../proxy/listener.ts";
import { OpenRequests } from "../../proxy/open-requests.ts";
import type { HubView } from "../../proxy/pipeline.ts";
import { type AuditRecord, Recorder } from "../../proxy/record.ts";
import { Shares } from "../../proxy/shares.ts";
import { Tunnels } from "../../proxy/tunnels.ts";

/** Of another of the front's users. */
export const tokenOf = (user: string): string => `drv_${user.padEnd(43, "A")}`;
/** Of alice. */
export const TOKEN = tokenOf("");

export interface Front {
  readonly port: number;
  readonly tunnels: Tunnels;
  readonly open: OpenRequests;
  /** The end of the tunnel in the first cluster. */
  readonly acceptor: Session;
  /** The connection under that tunnel, at the proxy's end and at the cluster's. */
  readonly sockets: readonly TLSSocket[];
  /** What clients hold of the listener. */
  held(): Held;
  /** Audit records so far. */
  records(): AuditRecord[];
  close(): Promise<void>;
}

/** How a cluster answers, by its name. */
export type Clusters = Readonly<Record<string, (stream: Stream) => void>>;

export interface FrontOptions {
  /** How long a connection may have no request that is served. */
  readonly idleMs?: number;
  /** Who there is besides alice; each may reach every cluster with the token `tokenOf(name)`. */
  readonly others?: readonly string[];
  /** Requests that a cluster's tunnel carries, for the shares of its users. */
  readonly carries?: number;
  /** Where agents' requests to the hub go. */
  readonly upstream?: Pick<Connection, "server" | "ca">;
}

/** `serving`: for 127.0.0.1, signed by `ca`. `clusters` has at least one. */
export async function startFront(ca: string, serving: Certificate, clusters: Clusters, options: FrontOptions = {}): Promise<Front> {
  const hub = fixedHub(["alice", ...(options.others ?? [])]);
  const upstream = options.upstream ?? { server: "https://127.0.0.1:1" };
  const tunnels = new Tunnels();
  const open = new OpenRequests(hub);
  let lines = "";
  const nothing = () => 0;
  const gauges = { openRequests: nothing, tunnels: nothing, bufferedBytes: nothing, staleSeconds: nothing };
  const recorder = new Recorder(new Registry(), gauges, (more) => {
    lines += more;
  });
  const hubForwarder = new HubForwarder({ hub: upstream, tokens: everyAgent, limits: NO_LIMITS });
  const tunnelEndpoint = {} as TunnelEndpoint; // no agent dials here: the tunnel is made below
  const parts = { hub, tunnels, open, recorder, hubForwarder, tunnelEndpoint, trusted: new BlockList() };
  // Of cancelled requests it hardly refills: how fast the machine is must make no difference.
  const limits = { shares: new Shares(options.carries ?? 50_000), cancelled: new RateLimiter(5_000, 0.001) };
  const proxy = new RequestHandlers({ ...parts, staleAfterMs: 1, ...limits });
  const connectionLimits = { all: 1000, perSource: 100 };
  const idle = options.idleMs === undefined ? {} : { idleMs: options.idleMs };
  const listener = await listen({ host: "127.0.0.1", port: 0, limits: connectionLimits, ...idle }, serving, proxy);
  const ends = await Promise.all(
    Object.entries(clusters).map(async ([name, onStream]) => {
      const { near, far } = await socketPair(ca, serving);
      tunnels.add(name, new Session(near, { role: "opener" }));
      return { near, far, acceptor: new Session(far, { role: "acceptor", onStream }) };
    }),
  );
  const [first] = ends;
  if (first === undefined) throw new Error("no cluster");
  const { acceptor, near, far } = first;
  return {
    port: listener.port,
    held: () => listener.held(),
    tunnels,
    open,
    acceptor,
    sockets: [near, far],
    records: () => {
      recorder.flush();
      const written = lines.split("\n").filter((line) => line !== "");
      return written.map((line) => (JSON.parse(line) as { audit: AuditRecord }).audit);
    },
    close: async () => {
      for (const name of Object.keys(clusters)) tunnels.destroy(name);
      for (const end of ends) end.far.destroy();
      await listener.close(0);
      recorder.close();
    },
  };
}

const NO_LIMITS = { admit: () => undefined, written: () => {}, read: () => {} };
/** Each token is an agent's. */
const everyAgent = {
  verify: async ([header = ""]: readonly string[]) => {
    const token = header.replace("Bearer ", "");
    return { token, hash: tokenHash(token) };
  },
};

function fixedHub(names: readonly string[]): HubView {
  const tokens = new Map<string, Token>();
  for (const user of names) {
    const hash = tokenHash(user === "alice" ? TOKEN : tokenOf(user));
    const name = tokenObjectName(hash);
    const names = { user, userUID: "a", provider: "local", providerUID: "l" };
    const spec = { hash, ...names, loginGeneration: 0, expiresAt: "2100-01-01T00:00:00Z" };
    tokens.set(name, { metadata: { name, uid: "t" }, spec } as unknown as Token);
  }
  const members = { metadata: { name: "members" }, spec: { users: names, groups: [], everyone: false } };
  const users = new Map(names.map((name) => [name, { metadata: { name, uid: "a" }, spec: { enabled: true } } as unknown as User]));
  return {
    token: (name) => tokens.get(name),
    user: (name) => users.get(name),
    provider: () => ({ metadata: { name: "local", uid: "l" }, spec: { access: { mode: "Unrestricted" } } }) as unknown as AuthProvider,
    cluster: (name) => ({ metadata: { name } }) as unknown as Cluster,
    members: () => members as unknown as ClusterMembers,
    staleForMs: () => 0,
  };
}

async function socketPair(ca: string, serving: Certificate): Promise<{ near: TLSSocket; far: TLSSocket }> {
  const accepted = Promise.withResolvers<TLSSocket>();
  const server = createServer(serving, accepted.resolve).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const far = connect({ host: "127.0.0.1", port: address.port, ca });
  const near = await accepted.promise;
  server.close();
  return { near, far };
}
