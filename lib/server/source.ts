// Where a request comes from, evaluated in the same way by auth and the proxy. Pure.
import { type BlockList, isIP } from "node:net";
import { isListed, plain } from "./addresses.ts";

export interface Source {
  /** For the audit record. */
  readonly address: string;
  /** The key of limits per source. */
  readonly key: string;
  /** A load balancer that does not name the client: a limit per source would be one limit for everybody behind it. */
  readonly standsForMany: boolean;
}

/**
 * The nearest address that is not a trusted load balancer. `peer`: the other end of the connection. `forwardedFor`: every X-Forwarded-For of the
 * request, joined by commas; only the entries that trusted load balancers wrote count.
 */
export function sourceOf(peer: string, forwardedFor: string | undefined, balancers: BlockList): Source {
  let address = plain(peer);
  const hops = forwardedFor?.split(",") ?? [];
  while (isListed(address, balancers)) {
    const before = hopAddress(hops.pop() ?? "");
    if (before === undefined) return { address, key: sourceKey(address), standsForMany: true };
    address = before;
  }
  return { address, key: sourceKey(address), standsForMany: false };
}

/** Some balancers write the port as well: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function hopAddress(hop: string): string | undefined {
  const text = hop.trim();
  const address = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(address) === 0 ? undefined : plain(address);
}

/** An IPv4 address itself (also one written as IPv6); of an IPv6 address the /64, which belongs to one subscriber. */
export function sourceKey(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.toLowerCase().replace(/%.*$/, "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0");
  const groups = [...left, ...zeros, ...right].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${groups.join(":")}::/64`;
}
