/** Exit codes; `drover --help` lists them. */
export const EXIT = { failed: 1, usage: 2, notLoggedIn: 3, refused: 4, unreachable: 5 } as const;

/** Ends the command with one line that says what went wrong and what to do next. */
export class CliError extends Error {
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
