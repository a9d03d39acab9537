// Addresses of load balancers, as a configuration names them. Pure.
import { BlockList, isIP } from "node:net";

export function isCidr(entry: string): boolean {
  const [address = "", prefix, more] = entry.split("/");
  const family = isIP(address);
  if (family === 0 || more !== undefined) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32));
}

/** What is wrong with a list in a configuration that may hold only addresses and CIDRs; undefined: nothing. */
export function notAnAddress(key: string, entries: readonly string[]): string | undefined {
  const wrong = entries.find((entry) => !isCidr(entry));
  return wrong === undefined ? undefined : `"${key}" has "${wrong}", which is neither an address nor a CIDR`;
}

/** The addresses and CIDRs as a list for `isListed`. */
export function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** `address`: as a socket shows it. */
export function isListed(address: string, list: BlockList): boolean {
  const shown = plain(address);
  const family = isIP(shown);
  return family !== 0 && list.check(shown, family === 6 ? "ipv6" : "ipv4");
}

/** Turns an IPv4 address that a socket shows as IPv6 into IPv4 again. */
export const plain = (address: string): string =>
  address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
