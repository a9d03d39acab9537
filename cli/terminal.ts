// Prompts, and input from a pipe.
import { createInterface } from "node:readline/promises";
import { MAX_PASSWORD_LENGTH, passwordText } from "../lib/identity/password.ts";
import { CliError, EXIT } from "./failure.ts";
import { visible } from "./output.ts";

export async function askLine(question: string): Promise<string> {
  mustBeTerminal(`${question.replace(/:? *$/, "")} is missing; give it as an option`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question)).trim();
  } finally {
    lines.close();
  }
}

/** Reads a line from the terminal without showing it. */
export function askSecret(question: string): Promise<string> {
  mustBeTerminal("no terminal to ask for the password; pipe it in with --password-stdin");
  const { stdin, stderr } = process;
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.resume();
  return new Promise((resolve, reject) => {
    let typed = "";
    const end = (): void => {
      stdin.off("data", onData);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
    };
    const onData = (chunk: string): void => {
      for (const char of chunk) {
        if (char === "\r" || char === "\n" || char === "\u0004") {
          end();
          resolve(typed);
          return;
        }
        if (char === "\u0003") {
          end();
          reject(new CliError(130, "interrupted"));
          return;
        }
        if (char === "\u007f" || char === "\b") typed = [...typed].slice(0, -1).join("");
        else if (char >= " ") typed += char;
      }
    };
    stdin.on("data", onData);
  });
}

/** A password on standard input, read as everywhere else: the line break that ends it is none of it. */
export async function readPassword(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return passwordIn(Buffer.concat(chunks), "standard input");
}

export function passwordIn(bytes: Uint8Array, where: string): string {
  const text = passwordText(bytes);
  if (text !== undefined) return text;
  throw new CliError(
    EXIT.usage,
    `${where} holds no password: control characters or line breaks in it, no UTF-8, or more than ${MAX_PASSWORD_LENGTH} characters`,
  );
}

/** Progress and remarks: never on standard output, which programs read. */
export const note = (line: string): void => void process.stderr.write(`${visible(line)}\n`);

export const print = (text: string): void => void process.stdout.write(text);

function mustBeTerminal(otherwise: string): void {
  if (!process.stdin.isTTY) throw new CliError(EXIT.usage, otherwise);
}
