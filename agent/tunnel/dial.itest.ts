// A dial always has an end, whatever the other side does. The other side is a TLS server that says what no proxy should.
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { expect, test } from "@jest/globals";
import { Authority } from "../../test/certificates.ts";
import { dial } from "./dial.ts";

test.each([
  ["in the middle of a refusal", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\n{"],
  ["right after the head of one", "HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["without a word", ""],
])("a dial whose connection ends %s fails", async (_, answer) => {
  const authority = Authority.create("dial test");
  const server = createServer(authority.certificate({ commonName: "proxy" }, ["server"], ["127.0.0.1"]), (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const proxyURL = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = { proxyURL, ca: authority.cert, cluster: "east", token: "t", signal: new AbortController().signal };
    await expect(dial(options)).rejects.toThrow();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
