// How long a grant and its revocation take, from the hub's answer to the managed cluster's.
import { setTimeout as pause } from "node:timers/promises";
import { untilAllowed } from "../e2e/harness/answers.ts";
import { projectBinding, readPods, site, templateYAML, user } from "../e2e/harness/fixtures.ts";
import { hub } from "../e2e/harness/kubectl.ts";
import { state } from "../e2e/harness/state.ts";
import { createUser, deleteUser } from "../e2e/harness/users.ts";
import { Client, type Target } from "./client.ts";
import { type Distribution, distribution } from "./statistics.ts";
import { account, serverOf } from "./target.ts";

const ROUNDS = 150;
const ASK_EVERY_MS = 5;
const GIVE_UP_MS = 30_000;
const USER = "bench-anna";
const TEMPLATE = "bench-reader";

export interface AccessTimes {
  readonly rounds: number;
  /** ms from the hub's answer to the creation of a binding until the first 200. */
  readonly grant: Distribution;
  /** ms from the hub's answer to its deletion until the first 403. */
  readonly revoke: Distribution;
}

export async function measureAccess(rounds = ROUNDS): Promise<AccessTimes> {
  await hub().apply(templateYAML(TEMPLATE, [readPods]));
  const [keeps, where] = [await site("east", "bench-keeps"), await site("east", "bench-web")];
  const anna = await createUser(USER);
  await hub().apply(projectBinding(keeps, "anna-keeps", TEMPLATE, user(USER)));
  await untilAllowed(anna.kubectl("east"), ["get", "pods", "-n", keeps.namespace]);

  const binding = projectBinding(where, "anna-reads", TEMPLATE, user(USER));
  const admin = await account(hub(), "bench-admin", "cluster-admin");
  const bindings = `${await serverOf(hub())}/apis/drover.dev/v1alpha1/namespaces/${binding.metadata.namespace}/projectroletemplatebindings`;
  const asAdmin = { ca: state().proxy.ca, token: admin.token };
  const pods: Target = {
    url: `${state().proxy.url}/clusters/east/api/v1/namespaces/${where.namespace}/pods`,
    ca: state().proxy.ca,
    token: anna.token,
  };
  const [writer, reader] = [new Client({ url: bindings, ...asAdmin }, 1), new Client(pods, 1)];
  const [grants, revocations]: [number[], number[]] = [[], []];
  try {
    for (let i = 0; i < rounds; i++) {
      await expectStatus(writer.send("POST", { url: bindings, ...asAdmin }, binding), 201);
      grants.push(await timeUntil(reader, pods, 200));
      await expectStatus(writer.send("DELETE", { url: `${bindings}/${binding.metadata.name}`, ...asAdmin }), 200);
      revocations.push(await timeUntil(reader, pods, 403));
    }
  } finally {
    writer.close();
    reader.close();
    await deleteUser(USER);
    await keeps.remove();
    await where.remove();
    await hub().delete(templateYAML(TEMPLATE, []));
    await admin.remove();
  }
  return { rounds, grant: distribution(grants), revoke: distribution(revocations) };
}

async function timeUntil(client: Client, target: Target, status: number): Promise<number> {
  const started = performance.now();
  for (;;) {
    const answer = await client.get(target);
    const elapsed = performance.now() - started;
    if (answer.status === status) return elapsed;
    if (elapsed > GIVE_UP_MS) throw new Error(`waited ${GIVE_UP_MS} ms for ${status}, got ${answer.status}`);
    await pause(ASK_EVERY_MS);
  }
}

async function expectStatus(answer: Promise<{ status: number }>, wanted: number): Promise<void> {
  const { status } = await answer;
  if (status !== wanted) throw new Error(`the hub answered ${status} instead of ${wanted}`);
}
