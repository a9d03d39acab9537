// One spelling for the names of providers' groups. A group travels in headers and in RBAC subjects; what headers would mangle
// (outer spaces, anything beyond ASCII) either gets one canonical form here, or is refused.

const MAX_LENGTH = 1024;

/**
 * Percent-encodes every byte of the UTF-8 form but letters, digits, `-`, `.` and `_`: names that differ in case, Unicode form
 * or encoding stay different groups. undefined: no group may be called that (empty, outer spaces, control characters,
 * half a surrogate pair, or longer than 1024 characters once encoded).
 */
export function encodeGroup(name: string): string | undefined {
  if (name === "" || name !== name.trim() || /\p{Cc}/u.test(name) || !name.isWellFormed()) return undefined;
  const encoded = encodeURIComponent(name).replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return encoded.length <= MAX_LENGTH ? encoded : undefined;
}
