// Step 5: who the cluster sees. Pure.
import { EVERYONE, userSubject } from "../lib/access/names.ts";
import type { KnownGroups } from "../lib/sessions/membership.ts";
import type { RequestHead } from "../lib/tunnel/head.ts";
import type { Authenticated } from "./authenticate.ts";

export type Identity = Pick<RequestHead, "user" | "uid" | "groups" | "extra">;

/** The extras name what the cluster's own audit log needs to find the login again; the Token's name is no secret. */
export function identify({ user, token }: Authenticated, groups: KnownGroups): Identity {
  return {
    user: userSubject(user.metadata.name),
    uid: user.metadata.uid ?? "",
    groups: [...groups, EVERYONE],
    extra: { "drover.dev/provider": [token.spec.provider], "drover.dev/token": [token.metadata.name] },
  };
}
