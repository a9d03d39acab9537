import { expect, test } from "@jest/globals";
import { statusBody } from "./status.ts";

test("a refusal is a Kubernetes Status", () => {
  expect(
    JSON.parse(
      statusBody({ code: 503, reason: "ServiceUnavailable", message: "not connected", cause: "NotConnected", retryAfterSeconds: 1 }),
    ),
  ).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "not connected",
    reason: "ServiceUnavailable",
    details: { causes: [{ reason: "NotConnected", message: "not connected" }], retryAfterSeconds: 1 },
    code: 503,
  });
  expect(JSON.parse(statusBody({ code: 401, reason: "Unauthorized", message: "Unauthorized" }))).not.toHaveProperty("details");
});
