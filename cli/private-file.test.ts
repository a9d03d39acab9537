import { lstat, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { writePrivate } from "./private-file.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "drover-private-"));
});
afterAll(() => rm(directory, { recursive: true }));

test("a link to a file that is not there yet stays a link, and the file is made where it leads", async () => {
  const link = join(directory, "link");
  await symlink("file", link);
  await writePrivate(link, "content");
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readFile(join(directory, "file"), "utf8")).toBe("content");
});

test("links that lead in a circle are an error, not a program that never ends", async () => {
  const [one, two] = [join(directory, "one"), join(directory, "two")];
  await symlink(two, one);
  await symlink(one, two);
  await expect(writePrivate(one, "content")).rejects.toMatchObject({ code: "ELOOP" });
});
