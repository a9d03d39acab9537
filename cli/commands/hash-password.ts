// drover hash-password: a password's hash for a Secret that is kept in a repository and stays as it is written there.
import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { DEFAULT_MIN_PASSWORD_LENGTH, formatPasswordHash, passwordLength, SALT_BYTES } from "../../lib/identity/password.ts";
import { hashPassword } from "../../lib/identity/scrypt.ts";
import { CliError, EXIT } from "../failure.ts";
import { askSecret, passwordIn, print, readPassword } from "../terminal.ts";

export function addHashPassword(program: Command): void {
  program
    .command("hash-password")
    .description("print a password's hash, for the key `hash` of a User's Secret")
    .option("--password-stdin", "read the password from standard input (default: asked for)")
    .action(async ({ passwordStdin }: { readonly passwordStdin?: boolean }) => {
      const password = passwordStdin ? await readPassword() : await askTwice();
      if (passwordLength(password) < DEFAULT_MIN_PASSWORD_LENGTH)
        throw new CliError(EXIT.usage, `the password is shorter than ${DEFAULT_MIN_PASSWORD_LENGTH} characters`);
      print(`${formatPasswordHash(await hashPassword(password, new Uint8Array(randomBytes(SALT_BYTES))))}\n`);
    });
}

async function askTwice(): Promise<string> {
  const first = await askSecret("Password: ");
  if (first !== (await askSecret("The same again: "))) throw new CliError(EXIT.usage, "the two passwords are not the same");
  return passwordIn(Buffer.from(first), "what was typed");
}
