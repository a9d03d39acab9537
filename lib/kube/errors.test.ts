import { expect, test } from "@jest/globals";
import { ApiError, ConnectionError, errorFromStatus, isAlreadyExists, isConflict, isGone, isTransient } from "./errors.ts";

test("a Status becomes an error with its reason, its message and its Retry-After", () => {
  const error = errorFromStatus(429, { reason: "TooManyRequests", message: "slow down", details: { retryAfterSeconds: 7 } }, "GET /api");
  expect(error).toMatchObject({ code: 429, reason: "TooManyRequests", retryAfterSeconds: 7, message: "GET /api: 429 slow down" });
  expect(errorFromStatus(429, {}, "GET /api", "3").retryAfterSeconds).toBe(3);
});

test("a body that is not a Status is quoted, shortened", () => {
  expect(errorFromStatus(502, "<html>bad gateway</html>\n", "GET /api").message).toBe("GET /api: 502 <html>bad gateway</html>");
  expect(errorFromStatus(500, "x".repeat(9_000), "GET /api").message.length).toBeLessThan(600);
  expect(errorFromStatus(500, null, "GET /api").message).toBe("GET /api: 500 no message");
});

test("already existing is not a conflict, and a version that the server has not reached needs a new list like an expired one", () => {
  const exists = new ApiError(409, "AlreadyExists", "");
  expect([isAlreadyExists(exists), isConflict(exists)]).toEqual([true, false]);
  expect(isConflict(new ApiError(409, "Conflict", ""))).toBe(true);
  expect(isGone(new ApiError(504, "Timeout", "", { details: { causes: [{ reason: "ResourceVersionTooLarge" }] } }))).toBe(true);
  expect(isGone(new ApiError(504, "Timeout", ""))).toBe(false);
});

test("temporary errors are distinguished from wrong requests", () => {
  for (const code of [429, 500, 503, 504]) expect(isTransient(new ApiError(code, "", ""))).toBe(true);
  for (const code of [400, 401, 403, 404, 422]) expect(isTransient(new ApiError(code, "", ""))).toBe(false);
  expect(isTransient(new ConnectionError("refused", undefined))).toBe(true);
  expect(isTransient(new TypeError("fault of the program"))).toBe(false);
});
