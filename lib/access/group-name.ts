// The encoding of group names. They are sent in headers and used in RBAC subjects. Characters that headers would change (outer spaces,
// anything beyond ASCII) are encoded in one canonical form, or the name is refused.

const MAX_LENGTH = 1024;

/**
 * Percent-encodes every byte of the UTF-8 form except letters, digits, `-`, `.` and `_`. Names that differ in case, Unicode form
 * or encoding stay different groups. undefined: the name is not allowed (empty, outer spaces, control characters,
 * half a surrogate pair, or longer than 1024 characters once encoded).
 */
export function encodeGroup(name: string): string | undefined {
  if (name === "" || name !== name.trim() || /\p{Cc}/u.test(name) || !name.isWellFormed()) return undefined;
  const encoded = encodeURIComponent(name).replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return encoded.length <= MAX_LENGTH ? encoded : undefined;
}
