import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Authority } from "../../test/certificates.ts";
import { until } from "../../test/until.ts";
import { readCertificate, reloadCertificate } from "./certificate.ts";

const authority = Authority.create("serving");
const pair = () => authority.certificate({ commonName: "localhost" }, ["server"], ["localhost"]);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "certificate-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a renewed certificate is served without a restart; while the files are broken, the one in use stays", async () => {
  const files = { certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
  const write = async ({ cert, key }: { cert: string; key: string }): Promise<void> => {
    await writeFile(files.certFile, cert);
    await writeFile(files.keyFile, key);
  };
  const [first, other, second] = [pair(), pair(), pair()];
  await write(first);
  const current = await readCertificate(files);
  const server = createServer(current);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const port = (server.address() as AddressInfo).port;
  const said: string[] = [];
  const note = (message: string): void => void said.push(message);
  const stop = new AbortController();
  const reloading = reloadCertificate({
    ...{ files, current, everyMs: 20, signal: stop.signal },
    use: (renewed) => server.setSecureContext(renewed),
    log: { debug: note, info: note, warn: note, error: note },
  });
  try {
    // A key of another certificate, and files as they are while they are being written.
    const broken = [{ key: other.key }, { cert: "", key: first.key }, { cert: first.cert, key: "" }, { cert: first.cert.slice(0, 100) }];
    for (const { cert = first.cert, key = first.key } of broken) {
      await write({ cert, key });
      said.length = 0;
      await until(() => said.includes("certificate not renewed"), "the files are found to be broken");
      expect(said).not.toContain("certificate renewed");
      expect(await served(port, authority.cert)).toBe(pemBytes(first.cert));
    }
    await write(second);
    await until(() => said.includes("certificate renewed"), "the renewed certificate is taken");
    expect(await served(port, authority.cert)).toBe(pemBytes(second.cert));
  } finally {
    stop.abort();
    await reloading;
    await new Promise((resolve) => server.close(resolve));
  }
});

/** The certificate that the server shows, DER in base64. */
const served = (port: number, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca, servername: "localhost" }, () => {
      resolve(socket.getPeerCertificate().raw.toString("base64"));
      socket.destroy();
    });
    socket.once("error", reject);
  });

const pemBytes = (pem: string): string => pem.replace(/-----[A-Z ]+-----|\s/g, "");
