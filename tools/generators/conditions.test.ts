// With server-side apply two writers of one condition would fight for it.
import { expect, test } from "@jest/globals";
import { KINDS } from "../../crds/kinds.ts";
import { READY } from "../../lib/reconcile/ready.ts";
import { RECONCILERS } from "./components.ts";

const owners = RECONCILERS.flatMap(({ reconcilers }) => reconcilers).flatMap(({ name, subject, owns }) =>
  owns.conditions.map((type) => ({ name, condition: `${subject.kind} ${type}` })),
);

test("each condition of a kind that people write is reported by one reconciler, and Ready too", () => {
  const documented = KINDS.filter(({ source }) => !source.internal).flatMap(({ kind, source, ready }) => [
    ...(source.conditions ?? []).map(({ type }) => `${kind} ${type}`),
    ...(ready === undefined ? [] : [`${kind} ${READY}`]),
  ]);
  const owned = owners
    .map(({ condition }) => condition)
    .filter((condition) => KINDS.some(({ kind, source }) => !source.internal && condition.startsWith(`${kind} `)));
  expect(owned.sort()).toEqual(documented.sort());
});
