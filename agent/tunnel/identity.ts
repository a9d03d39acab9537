// Who a tunnelled request is for, checked again at the last door before the cluster: the hub may be wrong, or no longer itself.
import { EVERYONE, GROUP_PREFIX, USER_PREFIX } from "../../lib/access/names.ts";
import { EXTRA_KEYS } from "../../lib/components/impersonator.ts";
import type { RequestHead } from "../../lib/tunnel/head.ts";

/** What a header may carry unchanged through any HTTP implementation: printable ASCII, no space at either end. */
const CLEAN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Headers that an API server or an authenticating proxy could read as an identity. */
const IDENTITY_HEADER = /^(?:impersonate-|x-remote-|authorization$|proxy-authorization$|cookie$)/i;

/** Why a request must not reach the cluster; undefined when nothing speaks against it. */
export function reasonToRefuse(head: RequestHead): string | undefined {
  if (head.user === "") return "the request names no user";
  if (!isPerson(head.user)) return "the user is not one of Drover's";
  for (const group of head.groups) if (!isGroup(group)) return "a group is not one of Drover's";
  if (head.uid !== "" && !CLEAN.test(head.uid)) return "the uid is malformed";
  for (const [key, values] of Object.entries(head.extra)) {
    if (!EXTRA_KEYS.includes(key)) return "an extra is unknown";
    if (!values.every((value) => CLEAN.test(value))) return "an extra is malformed";
  }
  for (let i = 0; i < head.headers.length; i += 2) {
    if (IDENTITY_HEADER.test((head.headers[i] ?? "").trim())) return "a header carries an identity";
  }
  return undefined;
}

const isPerson = (user: string): boolean => user.length > USER_PREFIX.length && user.startsWith(USER_PREFIX) && CLEAN.test(user);
const isGroup = (group: string): boolean =>
  group === EVERYONE || (group.length > GROUP_PREFIX.length && group.startsWith(GROUP_PREFIX) && CLEAN.test(group));
