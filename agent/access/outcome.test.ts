import { expect, test } from "@jest/globals";
import { ApiError } from "../../lib/kube/client.ts";
import type { WriteResult } from "../../lib/reconcile/contract.ts";
import { NOTHING } from "./known.ts";
import { outcomeOf } from "./outcome.ts";
import type { Decision } from "./plan.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const error = (code: number, reason: string): ApiError => new ApiError(code, reason, reason);
const failed = (write: WriteResult["write"], name: string, why: ApiError): WriteResult => ({
  object: { apiVersion: RBAC, kind: "ClusterRole", name },
  write,
  outcome: "failed",
  corrected: false,
  error: why,
});
const decision = (state: Decision["state"]): Decision => ({
  state,
  known: NOTHING,
  forgotten: undefined,
  restored: [],
  problems: [],
  versions: {},
  rendered: { roles: [], bindings: [], claims: [], skipped: [], refused: [], waiting: [] },
  held: 0,
});
const outcome = (results: readonly WriteResult[], state: Decision["state"] = "in force") =>
  outcomeOf(decision(state), results, { settled: true, projectOf: () => undefined, groups: new Set(["g"]) });

const FORBIDDEN = error(403, "Forbidden");

test("a refused object is reported, and the rest is in effect", () => {
  expect(outcome([failed("apply", "a", FORBIDDEN)])).toMatchObject({
    failed: false,
    complete: true,
    refused: [{ object: "ClusterRole a" }],
  });
});

test.each([FORBIDDEN, error(422, "Invalid"), error(404, "NotFound")])(
  "access is not in effect while the agent's own copy cannot be kept: $code",
  (why) => {
    expect(outcome([failed("effect", "singleton", why)])).toMatchObject({ failed: true, complete: false, refused: [] });
  },
);

test("refusals are reported in the same order, however the requests ended", () => {
  const [a, b] = [failed("apply", "a", FORBIDDEN), failed("apply", "b", FORBIDDEN)];
  expect(outcome([b, a]).refused).toEqual(outcome([a, b]).refused);
});

test("a refused removal of the impersonator's role keeps a teardown from being done", () => {
  const refused = [failed("remove", "drover:impersonator", FORBIDDEN)];
  expect(outcome(refused, "teardown").refused).toHaveLength(1);
  expect(outcome(refused).refused).toHaveLength(0);
});
