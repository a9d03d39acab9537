import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { caFile } from "./ca-file.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "drover-ca-file-"));
});
afterAll(() => rm(directory, { recursive: true }));

const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

test("a changed file is read again; while it is missing or holds no certificate, the last content stays in use", async () => {
  const file = join(directory, "ca.crt");
  await writeFile(file, pem("one"));
  const ca = caFile(file);
  expect(ca()).toBe(pem("one"));
  await writeFile(file, pem("one") + pem("two"));
  expect(ca()).toBe(pem("one") + pem("two"));
  await writeFile(file, "half written");
  expect(ca()).toBe(pem("one") + pem("two"));
  await rm(file);
  expect(ca()).toBe(pem("one") + pem("two"));
  await writeFile(file, pem("two"));
  expect(ca()).toBe(pem("two"));
});

test("a file of a mounted ConfigMap is read again when the kubelet moves the symbolic link", async () => {
  for (const version of ["1", "2"]) {
    await mkdir(join(directory, version));
    await writeFile(join(directory, version, "ca.crt"), pem(version));
  }
  await symlink("1", join(directory, "..data"));
  await symlink("..data/ca.crt", join(directory, "mounted.crt"));
  const ca = caFile(join(directory, "mounted.crt"));
  expect(ca()).toBe(pem("1"));
  await symlink("2", join(directory, "..new"));
  await rename(join(directory, "..new"), join(directory, "..data"));
  expect(ca()).toBe(pem("2"));
});

test("a missing file, or one without a certificate, is refused at once with its name", async () => {
  const file = join(directory, "empty");
  await writeFile(file, "");
  expect(() => caFile(file)).toThrow(`${file} holds no certificate in PEM form`);
  expect(() => caFile(join(directory, "nowhere"))).toThrow("cannot be read");
});
