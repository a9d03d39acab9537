import { expect, test } from "@jest/globals";
import { KINDS } from "../../crds/kinds.ts";
import { AGENT_ON_HUB } from "../components/agent-on-hub.ts";
import { agentLeases, compiledKinds, credentials } from "./hub.ts";
import type { Guard } from "./policy.ts";

const guarded = (...guards: readonly Guard[]): readonly string[] =>
  guards.flatMap(({ matches }) => matches.flatMap(({ resources }) => resources));

test("every kind that only Drover writes is guarded, with its status", () => {
  const internal = KINDS.filter(({ source }) => source.internal);
  const resources = internal.flatMap(({ plural, statusSchema }) => [plural, ...(statusSchema ? [`${plural}/status`] : [])]);
  expect(guarded(compiledKinds, credentials)).toEqual(expect.arrayContaining(resources));
});

test("whatever agents patch as a whole object is guarded by itself: RBAC would let them change its metadata", () => {
  const whole = AGENT_ON_HUB.filter(({ patch }) => patch?.part === "spec").map(({ kind }) => kind.plural);
  expect(guarded(agentLeases)).toEqual(whole);
});
