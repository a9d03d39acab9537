// How an agent reaches auth, the proxy and the hub from where networks are as they are: through an outbound proxy, and not at all when a
// certificate is wrong.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { KubeClient } from "../lib/kube/client.ts";
import { describe } from "../lib/kube/log.ts";
import { caFile } from "../lib/outbound/ca-file.ts";
import type { Authorities } from "../lib/outbound/trust.ts";
import { Authority } from "../test/certificates.ts";
import { type OutboundSite, startOutboundSite, withoutSquid } from "../test/outbound-site.ts";
import { until } from "../test/until.ts";
import { AuthClient } from "./registration/auth-client.ts";
import { AgentKey } from "./registration/key.ts";
import { dial } from "./tunnel/dial.ts";

const NAME = "drover.test";
const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
let site: OutboundSite;

beforeAll(async () => {
  site = await startOutboundSite(NAME);
}, 120_000);
afterAll(async () => {
  await site?.stop();
});
const before = process.env.HTTPS_PROXY;
afterEach(() => {
  if (before === undefined) delete process.env.HTTPS_PROXY;
  else process.env.HTTPS_PROXY = before;
});

/** Each way in which an agent goes out; the error with which it comes back. */
const ways: Readonly<Record<string, (url: string, ca: Authorities, signal: AbortSignal) => Promise<unknown>>> = {
  "agent to auth": (authURL, authorities, signal) =>
    new AuthClient({ authURL, ca: authorities, cluster: "east", key: new AgentKey(pem) }).token(signal),
  "agent to proxy": (proxyURL, authorities, signal) => dial({ proxyURL, ca: authorities, cluster: "east", token: "t", signal }),
  "agent to hub": async (hub, authorities, signal) => {
    const client = new KubeClient({ server: `${hub}/agents/east/hub`, ca: authorities });
    try {
      await client.request("GET", "/api", { signal });
    } finally {
      await client.close();
    }
  },
};
const failure = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => "no failure",
    (error: unknown) => describe(error),
  );

test.each(Object.entries(ways))(
  "%s: a wrong certificate ends it before a byte is sent, and the message says what is wrong with it",
  async (_, go) => {
    for (const { what, url, said } of site.bad.servers) {
      expect({ what, message: await failure(go(url, site.bad.ca, new AbortController().signal)) }).toEqual({
        what,
        message: expect.stringMatching(said),
      });
    }
    expect(site.bad.heard()).toBe(0);
  },
);

test.each(Object.entries(ways))(
  "%s: HTTPS_PROXY is gone through, with its user and password, and these are in no message",
  async (_, go) => {
    const { squid, ca, url: base } = site;
    if (squid === undefined) return withoutSquid();
    const { signal } = new AbortController();
    const opened = (await squid.tunnels()).length;
    process.env.HTTPS_PROXY = squid.url;
    expect(await failure(go(base, ca, signal))).toContain("404");
    const target = new URL(base).host;
    await until(async () => (await squid.tunnels()).length > opened, "squid has written what it did");
    expect((await squid.tunnels()).at(-1)).toEqual({ target, user: squid.user, status: "200" });

    process.env.HTTPS_PROXY = squid.url.replace("%3A", "%3Bsecret");
    const refused = await failure(go(base, ca, signal));
    expect(refused).toContain(`the proxy ${squid.host} answered CONNECT ${target} with 407`);
    expect(refused).not.toMatch(/secret|robot/);
  },
);

test.each(Object.entries(ways))(
  "%s: an authority that is added to the file of trusted ones counts for the next connection",
  async (_, go) => {
    const { squid, ca, url: base } = site;
    if (squid === undefined) return withoutSquid();
    process.env.HTTPS_PROXY = squid.url;
    const directory = await mkdtemp(join(tmpdir(), "drover-ca-"));
    try {
      const file = join(directory, "ca.crt");
      const old = Authority.create("old").cert;
      await writeFile(file, old);
      const trusted = caFile(file);
      const { signal } = new AbortController();
      expect(await failure(go(base, trusted, signal))).toMatch(/not signed by an authority that is trusted here/);
      await writeFile(`${file}.new`, old + ca);
      await rename(`${file}.new`, file);
      expect(await failure(go(base, trusted, signal))).toContain("404");
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);
