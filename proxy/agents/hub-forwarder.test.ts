// What a request of an agent leaves behind when its client leaves early. Nothing here reaches a hub.
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { Refusal } from "../../lib/server/refusal.ts";
import type { AdmittedRequest } from "../admit.ts";
import type { Client } from "../client.ts";
import { HubForwarder } from "./hub-forwarder.ts";

const SETS: AdmittedRequest = {
  ...{ to: "hub", method: "GET", cluster: "east", path: "/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets" },
  ...{ headers: [], contentLength: undefined, authorization: [], upgrade: undefined, userAgent: undefined, source: "", rateKey: "" },
};

/** As a request of node's: who listens for its end after it has ended hears nothing. */
function request(): { readonly client: Client; readonly refused: Promise<string>; leave(): void } {
  const over = new EventEmitter().setMaxListeners(0);
  const refused = Promise.withResolvers<string>();
  const client: Client = {
    request: { method: SETS.method, url: "", rawHeaders: [], peer: "" },
    ...{ body: undefined, sink: new PassThrough(), responded: false },
    ...{ respond: () => {}, abort: () => {} },
    refuse: ({ body }) => refused.resolve((JSON.parse(body.toString()) as { message: string }).message),
    onClose: (listener) => void over.once("close", listener),
  };
  return { client, refused: refused.promise, leave: () => void over.emit("close") };
}

test("an agent that leaves while its token is looked at keeps none of its places", async () => {
  const verified = Promise.withResolvers<{ token: string; hash: string }>();
  let leaving = true;
  const forwarder = new HubForwarder({
    hub: { server: "https://127.0.0.1:1" },
    tokens: { verify: () => verified.promise },
    limits: {
      admit: () => (leaving ? undefined : new Refusal("TooManyRequests", "there was a place")),
      ...{ written: () => {}, read: () => {} },
    },
  });
  let over = 0;
  for (let n = 0; n < 100; n++) {
    const { client, leave } = request();
    forwarder.handle(client, SETS, () => over++);
    leave();
  }
  verified.resolve({ token: "t", hash: "h" });
  await setImmediate();
  leaving = false;
  const last = request();
  forwarder.handle(last.client, SETS, () => {});
  expect(await last.refused).toContain("there was a place");
  expect(over).toBe(100);
  forwarder.close();
});
