// The steps between admit and forward, in their order. Pure but for what `known` answers.

import type { KnownGroups } from "../lib/sessions/membership.ts";
import { type Authenticated, authenticate, type Logins, whoseToken } from "./authenticate.ts";
import { authorise } from "./authorise.ts";
import { type Identity, identify } from "./identify.ts";
import { Refusal } from "./refusal.ts";
import type { Admitted } from "./request.ts";
import { type Clusters, route } from "./route.ts";

export interface Hub extends Logins, Clusters {
  staleForMs(): number;
}

export interface Decision {
  readonly who: Authenticated;
  readonly groups: KnownGroups;
  readonly identity: Identity;
}

/** `who` comes along with a refusal once it is known, for the audit record. */
export interface Refused {
  readonly refusal: Refusal;
  readonly who?: Authenticated;
}

export function decide(request: Admitted, hub: Hub, now: number, staleAfterMs: number): Decision | Refused {
  if (hub.staleForMs() > staleAfterMs) {
    return { refusal: new Refusal("HubUnavailable", "the proxy has not heard from the hub for too long and lets nobody in until it does") };
  }
  const who = authenticate(request.authorization, hub, now);
  if (who instanceof Refusal) return { refusal: who };
  const groups = authorise(who, request.cluster, route(request.cluster, hub));
  if (groups instanceof Refusal) return { refusal: groups, who };
  return { who, groups, identity: identify(who, groups) };
}

/** What a request that is under way was let in by. */
export interface LetIn {
  readonly cluster: string;
  readonly tokenName: string;
  readonly tokenUid: string | undefined;
  readonly groups: KnownGroups;
}

/** Whether a request that was let in would still be, with all the groups that it was given; otherwise why not. */
export function reconsider(letIn: LetIn, hub: Hub, now: number): Refusal | undefined {
  const token = hub.token(letIn.tokenName);
  if (token === undefined || token.metadata.uid !== letIn.tokenUid) return new Refusal("Unauthorized", "Unauthorized", "TokenDeleted");
  const who = whoseToken(token, hub, now);
  if (who instanceof Refusal) return who;
  const groups = authorise(who, letIn.cluster, route(letIn.cluster, hub));
  if (groups instanceof Refusal) return groups;
  return letIn.groups.every((group) => groups.includes(group))
    ? undefined
    : new Refusal("AccessEnded", "forbidden: a group on which this request may rest was withdrawn", "GroupWithdrawn");
}
