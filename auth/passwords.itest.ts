// Passwords as users and their tools write them, from the Secret to the login.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { User } from "../crds/v1alpha1/user.ts";
import { Secret } from "../lib/kube/core.ts";
import { AuthUnderTest, passwordSecret, SENTINEL, user } from "../test/auth/server.ts";
import type { TestHub } from "../test/hub.ts";
import { until } from "../test/until.ts";

jest.setTimeout(120_000);

let under: AuthUnderTest;
let hub: TestHub;

beforeAll(async () => {
  under = await AuthUnderTest.start();
  hub = under.hub;
}, 900_000);

afterAll(async () => {
  await under?.stop();
});

const stored = (name: string): Promise<Secret> => hub.admin.get(Secret, { name: `${name}-password`, namespace: "drover-system" });
const hashOf = async (name: string): Promise<string> => Buffer.from((await stored(name)).data?.hash ?? "", "base64").toString();

/** `kubectl create secret generic --from-file`, which keeps every byte of the file. */
async function secretFromFile(name: string, key: string, bytes: string | Uint8Array): Promise<void> {
  const file = join(hub.plane.directory, `${name}-${key}`);
  await writeFile(file, bytes, { mode: 0o600 });
  const from = `--from-file=${key}=${file}`;
  await hub.kubectl(["create", "secret", "generic", `${name}-password`, "-n", "drover-system", from]);
  await hub.apply(user(name));
}

describe("what a password's text is", () => {
  test.each([
    ["a newline at the end", "fa", `${SENTINEL}-fa\n`],
    ["the line break of Windows, and its byte order mark", "fb", `\uFEFF${SENTINEL}-fb\r\n`],
    ["nothing but the password", "fc", `${SENTINEL}-fc`],
  ])("a Secret made from a file with %s is the password that users type", async (_, name, file) => {
    await secretFromFile(name, "password", file);
    await under.accepted(name, "True");
    expect((await under.login(name, `${SENTINEL}-${name}`)).status).toBe(200);
    expect((await under.login(name, `${SENTINEL}-${name}\n`)).status).toBe(200);
    expect((await under.login(name, `${SENTINEL}-${name} `)).status).toBe(401);
  });

  test("a ready-made hash from a file with a newline is that hash", async () => {
    await secretFromFile("fd", "hash", `${await hashOf("alice")}\n`);
    await under.accepted("fd", "True");
    expect((await under.login("fd", SENTINEL)).status).toBe(200);
  });

  test.each([
    ["a line break inside", "fe", `${SENTINEL}\n${SENTINEL}\n`],
    ["bytes that are no UTF-8", "ff", Buffer.concat([Buffer.from(SENTINEL), Buffer.from([0xe9])])],
    ["more characters than a login takes", "fg", "x".repeat(1025)],
  ])("a password with %s is not accepted, and it says so", async (_, name, file) => {
    await secretFromFile(name, "password", file);
    await until(async () => {
      const { status } = await hub.admin.get(User, { name });
      return status?.conditions?.some(({ type, reason }) => type === "Accepted" && reason === "PasswordInvalid") ?? false;
    }, "the User says PasswordInvalid");
  });
});

describe("password Secrets that are applied again and again", () => {
  const apply = (args: readonly string[], object: object): Promise<string> => hub.kubectl([...args, "-f", "-"], JSON.stringify(object));

  test.each([
    ["kubectl apply", "ga", ["apply"]],
    ["server-side apply", "gb", ["apply", "--server-side", "--force-conflicts", "--field-manager=gitops"]],
  ])("with %s no correct login is refused meanwhile, the User stays accepted, and no login ends", async (_, name, args) => {
    await under.addUser(name, `${SENTINEL}-${name}`);
    const [token, hash] = [await under.tokenOf(name, `${SENTINEL}-${name}`), await hashOf(name)];
    const watched = watchAccepted(name);
    const refused: string[] = [];
    let applying = true;
    const logins = (async () => {
      for (let n = 0; applying; n++) {
        const reply = await under.login(name, `${SENTINEL}-${name}`, {}, { forwardedFor: `203.0.113.${n % 250}` });
        if (reply.status !== 200) refused.push(reply.text);
      }
    })();
    try {
      for (let n = 0; n < 15; n++) await apply(args, passwordSecret(name, { password: `${SENTINEL}-${name}` }));
    } finally {
      applying = false;
      await logins;
    }
    await until(async () => (await stored(name)).data?.password === undefined, "the plain password is gone");
    watched.stop();
    expect(refused).toEqual([]);
    expect(await watched.seen).not.toContain("False");
    expect(await hashOf(name)).toBe(hash);
    expect(await under.statusWith(token)).toBe(200);
  });

  test("a Secret with a ready-made hash stays as it was written: kubectl diff is empty, and nothing else writes it", async () => {
    const object = passwordSecret("gc", { hash: await hashOf("alice") });
    await hub.apply(object, user("gc"));
    await under.accepted("gc", "True");
    const { resourceVersion } = (await stored("gc")).metadata;
    expect((await under.login("gc", SENTINEL)).status).toBe(200);
    // kubectl diff ends with 1 when there is a difference, which here would be an error.
    expect(await apply(["diff"], object)).toBe("");
    await apply(["apply"], object);
    expect((await stored("gc")).metadata.resourceVersion).toBe(resourceVersion);
  });

  /** Every value of the condition Accepted, as a watch sees it. */
  function watchAccepted(name: string): { readonly seen: Promise<readonly string[]>; stop(): void } {
    const stopping = new AbortController();
    const seen = (async () => {
      const values = new Set<string>();
      const { resourceVersion } = await hub.admin.list(User);
      try {
        for await (const { object } of hub.admin.watch(User, { resourceVersion, signal: stopping.signal }))
          if (object.metadata.name === name)
            for (const { type, status } of object.status?.conditions ?? []) if (type === "Accepted") values.add(status);
      } catch (error) {
        if (!stopping.signal.aborted) throw error;
      }
      return [...values];
    })();
    return { seen, stop: () => stopping.abort() };
  }
});
