import { X509Certificate } from "node:crypto";
import { connect, createServer } from "node:tls";
import { expect, test } from "@jest/globals";
import { Authority } from "./pki.ts";

test("a server certificate verifies against its authority and names the address", () => {
  const authority = Authority.create("test authority");
  const server = new X509Certificate(authority.certificate({ commonName: "api" }, ["server"], ["127.0.0.1", "::1", "localhost"]).cert);
  const ca = new X509Certificate(authority.cert);
  expect(server.verify(ca.publicKey)).toBe(true);
  expect(server.checkIssued(ca)).toBe(true);
  expect(server.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(server.checkIP("::1")).toBe("::1");
  expect(server.checkHost("localhost")).toBe("localhost");
  expect(server.checkHost("example.org")).toBeUndefined();
  expect(ca.ca).toBe(true);
  expect(server.ca).toBe(false);
  expect(server.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
});

test("a client certificate carries its groups as organizations, from a loaded authority too", () => {
  const made = Authority.create("test authority");
  const pair = Authority.load("test authority", made).certificate({ commonName: "admin", organizations: ["system:masters"] }, ["client"]);
  const client = new X509Certificate(pair.cert);
  expect(client.subject).toBe("O=system:masters\nCN=admin");
  expect(client.verify(new X509Certificate(made.cert).publicKey)).toBe(true);
});

test("another authority of the same name does not verify", async () => {
  const [one, other] = [Authority.create("same"), Authority.create("same")];
  const server = createServer(one.certificate({ commonName: "s" }, ["server"], ["127.0.0.1"]), (socket) => socket.end("hello"));
  try {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const dial = (ca: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port, ca }, () => resolve("trusted"));
        socket.on("error", reject);
        socket.resume();
      });
    await expect(dial(one.cert)).resolves.toBe("trusted");
    await expect(dial(other.cert)).rejects.toThrow();
  } finally {
    server.close();
  }
});
