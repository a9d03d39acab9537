import { User } from "../../crds/v1alpha1/user.ts";
import { VERSION } from "../../lib/access/names.ts";
import type { Context } from "../context.ts";

/** Every write of a User wakes all who watch Users; this often is often enough to know who is still around. */
const EVERY_MS = 5 * 60_000;

/** Notes on the User that he logged in. A login that worked does not fail because of this note. */
export async function recordLastLogin(context: Context, user: User): Promise<void> {
  const now = context.now();
  const last = user.status?.lastLoginTime;
  if (last !== undefined && now.getTime() - Date.parse(last) < EVERY_MS) return;
  const note = {
    apiVersion: VERSION,
    kind: "User",
    metadata: { name: user.metadata.name, ...(user.metadata.uid === undefined ? {} : { uid: user.metadata.uid }) },
    status: { lastLoginTime: now.toISOString() },
  };
  await context.hub.apply(User, note, { fieldManager: "auth", subresource: "status" }).catch(() => undefined);
}
