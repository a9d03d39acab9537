// What a connection trusts, against real TLS servers with chains of several kinds, and kubectl beside it.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, test } from "@jest/globals";
import { Authority, type KeyPair } from "../../test/certificates.ts";
import { kubectlPath } from "../../test/kubectl.ts";
import { tlsOptions } from "./trust.ts";

const root = Authority.create("root");
const newRoot = Authority.create("new root");
const stranger = Authority.create("stranger");
const issuing = root.intermediate("issuing");
const leaf = (by: Authority): KeyPair => by.certificate({ commonName: "server" }, ["server"], ["127.0.0.1"]);
const withChain = (pair: KeyPair, ...more: readonly string[]): KeyPair => ({ ...pair, cert: [pair.cert, ...more].join("") });

const issued = leaf(issuing);
const cases: readonly [what: string, shown: KeyPair, trusted: string, accepted: boolean][] = [
  ["the root, and the server shows the intermediate", withChain(issued, issuing.cert), root.cert, true],
  ["only the intermediate, and the server shows it", withChain(issued, issuing.cert), issuing.cert, true],
  ["only the intermediate, and the server shows its own certificate alone", issued, issuing.cert, true],
  ["the root, and the server does not show the intermediate", issued, root.cert, false],
  ["a bundle in which the right one comes last", withChain(issued, issuing.cert), stranger.cert + newRoot.cert + issuing.cert, true],
  ["a bundle with text between the certificates", issued, `# stranger\n${stranger.cert}\n# issuing\n${issuing.cert}`, true],
  ["the old root, and the new one is shown cross-signed by it", withChain(leaf(newRoot), root.crossSign(newRoot)), root.cert, true],
  ["the new root, and it is shown cross-signed by the old one", withChain(leaf(newRoot), root.crossSign(newRoot)), newRoot.cert, true],
  ["only the cross-signed certificate of the new root", leaf(newRoot), root.crossSign(newRoot), true],
  ["the server's very certificate", issued, issued.cert, true],
  ["somebody else", withChain(issued, issuing.cert, root.cert), stranger.cert, false],
];

test.each(cases)("trusting %s: as kubectl does", async (_, shown, ca, accepted) => {
  const server = createServer(shown, (_, answer) => answer.end("{}"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const directory = await mkdtemp(join(tmpdir(), "drover-trust-"));
  try {
    const file = join(directory, "ca.crt");
    await writeFile(file, ca);
    expect({ kubectl: await kubectlAccepts(port, file), drover: await weAccept(port, ca) }).toEqual({
      kubectl: accepted,
      drover: accepted,
    });
  } finally {
    server.close();
    await rm(directory, { recursive: true });
  }
});

const kubectlAccepts = async (port: number, file: string): Promise<boolean> => {
  const kubectl = await kubectlPath();
  const args = ["get", "--raw", "/", `--server=https://127.0.0.1:${port}`, `--certificate-authority=${file}`, "--token=x", "--kubeconfig="];
  return new Promise((resolve, reject) => {
    execFile(kubectl, args, { env: { HOME: "/nonexistent", KUBECONFIG: "/dev/null" } }, (error, _, stderr) => {
      if (error === null) resolve(true);
      else if (stderr.includes("x509:")) resolve(false);
      else reject(new Error(stderr));
    });
  });
};

const weAccept = (port: number, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, ...tlsOptions({ ca }) }, () => {
      resolve(true);
      socket.destroy();
    });
    socket.on("error", () => resolve(false));
  });
