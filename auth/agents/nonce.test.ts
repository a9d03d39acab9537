import { describe, expect, test } from "@jest/globals";
import { makeNonce, NONCE_LIFETIME_MS, verifyNonce } from "./nonce.ts";

const key = new Uint8Array(32).fill(7);
const now = new Date("2030-01-01T00:00:00Z");
const later = (ms: number) => new Date(now.getTime() + ms);
const nonce = makeNonce(key, "east", now, new Uint8Array(16).fill(1));

describe("nonces", () => {
  test("a nonce is valid for its cluster and its lifetime", () => {
    expect(verifyNonce(key, "east", now, nonce)).toBe("valid");
    expect(verifyNonce(key, "east", later(NONCE_LIFETIME_MS - 1), nonce)).toBe("valid");
    expect(verifyNonce(key, "east", later(NONCE_LIFETIME_MS), nonce)).toBe("expired");
  });

  test("a nonce of one cluster is worthless for another", () => {
    expect(verifyNonce(key, "west", now, nonce)).toBe("forged");
  });

  test("a nonce of another key is worthless", () => {
    expect(verifyNonce(new Uint8Array(32).fill(8), "east", now, nonce)).toBe("forged");
  });

  test("no byte of it can be changed", () => {
    for (let at = 0; at < nonce.length; at++) {
      const other = nonce[at] === "1" ? "2" : "1";
      const changed = nonce.slice(0, at) + other + nonce.slice(at + 1);
      // The last character of an unpadded base64 text carries spare bits; only changed bytes matter.
      if (at === nonce.length - 1 && Buffer.from(changed, "base64url").equals(Buffer.from(nonce, "base64url"))) continue;
      expect(verifyNonce(key, "east", now, changed)).toBe("forged");
    }
  });

  test.each(["", ".", "a.b.c", `${nonce}x`, `${nonce}\n`, `+${nonce}`])("%j is forged", (text) => {
    expect(verifyNonce(key, "east", now, text)).toBe("forged");
  });
});
