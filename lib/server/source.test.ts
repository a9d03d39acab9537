import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { listOf } from "./addresses.ts";
import { sourceKey, sourceOf } from "./source.ts";

const balancers = listOf(["10.0.0.0/8", "2001:db8:ffff::/48"]);

test.each([
  ["10.0.0.1", "10.0.0.1"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:0001:02:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("limits of %s count for %s", (address, key) => {
  expect(sourceKey(address)).toBe(key);
});

test.each<[string, string, string | undefined, string, boolean]>([
  ["a client without a load balancer", "203.0.113.7", undefined, "203.0.113.7", false],
  ["a client that claims another address", "203.0.113.7", "192.0.2.1", "203.0.113.7", false],
  ["a client behind a load balancer", "10.0.0.1", "203.0.113.7", "203.0.113.7", false],
  ["an IPv4 balancer on a socket of both families", "::ffff:10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7", false],
  ["an IPv6 balancer", "2001:db8:ffff::1", "2001:db8::7", "2001:db8::7", false],
  ["two balancers, one behind the other", "10.0.0.1", "203.0.113.7, 10.9.9.9", "203.0.113.7", false],
  ["a client that claims an address to a load balancer", "10.0.0.1", "192.0.2.1, 203.0.113.7", "203.0.113.7", false],
  ["a client that claims to be a load balancer", "10.0.0.1", "10.0.0.7, 203.0.113.7", "203.0.113.7", false],
  ["a balancer that writes the port", "10.0.0.1", "203.0.113.7:4711", "203.0.113.7", false],
  ["a balancer that writes an IPv6 address and the port", "10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7", false],
  ["a balancer that says nothing", "10.0.0.1", undefined, "10.0.0.1", true],
  ["a load balancer that names no address", "10.0.0.1", "unknown", "10.0.0.1", true],
  ["a balancer behind which is only another", "10.0.0.1", "10.0.0.2", "10.0.0.2", true],
  ["a socket that is closed already", "", undefined, "", false],
])("%s", (_, peer, forwardedFor, address, standsForMany) => {
  expect(sourceOf(peer, forwardedFor, balancers)).toEqual({ address, key: sourceKey(address), standsForMany });
});

test("nothing that a client writes into X-Forwarded-For itself changes its source", () => {
  fc.assert(
    fc.property(fc.string(), fc.ipV4(), (claimed, real) => {
      fc.pre(!real.startsWith("10."));
      const alone = sourceOf("10.0.0.1", real, balancers);
      expect(sourceOf("10.0.0.1", `${claimed}, ${real}`, balancers)).toEqual(alone);
      expect(sourceOf(real, claimed, balancers)).toEqual(alone);
    }),
  );
});
