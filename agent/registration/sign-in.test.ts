import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { silent } from "../../lib/kube/log.ts";
import { type AuthClient, AuthRefusal, type HubToken } from "./auth-client.ts";
import { signIn } from "./sign-in.ts";

const TOKEN: HubToken = { token: "hub", lifetimeMs: 3_600_000, hubAheadMs: 0 };
let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "drover-sign-in-"));
  writeFileSync(join(directory, "token"), "registration-token\n");
  writeFileSync(join(directory, "empty"), "");
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What auth says to each attempt to sign in with the key, in turn; the last one for ever. */
function attempt(answers: readonly (HubToken | Error)[], file: string | undefined) {
  const registered: string[] = [];
  let next = 0;
  const auth = {
    token: async () => {
      const answer = answers[Math.min(next++, answers.length - 1)];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    register: async (token: string) => {
      registered.push(token);
      return "SHA256:x";
    },
  } as unknown as AuthClient;
  const options = { auth, registrationTokenFile: file === undefined ? undefined : join(directory, file), log: silent };
  return { done: signIn(options, new AbortController().signal), registered };
}
const unknownKey = new AuthRefusal(401, "no such key");

describe("signIn", () => {
  test("an agent whose key the hub knows never shows its registration token", async () => {
    const { done, registered } = attempt([TOKEN], "token");
    expect(await done).toEqual(TOKEN);
    expect(registered).toEqual([]);
  });

  test("an agent whose key is unknown registers once and signs in", async () => {
    const { done, registered } = attempt([unknownKey, TOKEN], "token");
    expect(await done).toEqual(TOKEN);
    expect(registered).toEqual(["registration-token"]);
  });

  test.each([new Error("connect ECONNREFUSED"), new AuthRefusal(503, "away"), new AuthRefusal(429, "later")])(
    "an agent that cannot reach the hub does not register anew: %s",
    async (error) => {
      const { done, registered } = attempt([error], "token");
      await expect(done).rejects.toBe(error);
      expect(registered).toEqual([]);
    },
  );

  test.each(["empty", "missing", undefined])("without a registration token (%s) the refusal stands", async (file) => {
    const { done, registered } = attempt([unknownKey], file);
    await expect(done).rejects.toBe(unknownKey);
    expect(registered).toEqual([]);
  });
});
