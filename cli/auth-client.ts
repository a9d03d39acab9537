// Talks to auth over verified TLS.
import { certificateProblem, isUntrusted } from "../lib/outbound/certificate.ts";
import { type JSONAnswer, sendJSON } from "../lib/outbound/client.ts";
import { CliError, EXIT } from "./failure.ts";

export interface AuthServer {
  /** https URL without a trailing slash. */
  readonly url: string;
  /** PEM of the authorities to trust; undefined: those of the system. */
  readonly ca?: string | undefined;
}

export interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
}

/** The answer, whatever its status; throws a CliError when there is none. */
export async function call({ url, ca }: AuthServer, { method, path, token, body }: Call): Promise<JSONAnswer> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    return await sendJSON(`${url}${path}`, { ca }, { method, headers, ...(body === undefined ? {} : { body }) });
  } catch (error) {
    throw unreachable(url, error as Error);
  }
}

/** The body of a 2xx answer; otherwise an error that names the server's reason. */
export async function ask(server: AuthServer, what: Call): Promise<unknown> {
  const { status, body } = await call(server, what);
  if (status >= 200 && status < 300) return body;
  const message = statusMessage(body) ?? `HTTP ${status}`;
  if (status === 401 && what.token !== undefined)
    throw new CliError(EXIT.notLoggedIn, `the login is over; log in again: kubectl drover login ${server.url}`);
  throw new CliError(status >= 500 ? EXIT.unreachable : EXIT.refused, `${server.url}: ${message}`);
}

export function statusMessage(body: unknown): string | undefined {
  const message = typeof body === "object" && body !== null ? (body as { message?: unknown }).message : undefined;
  return typeof message === "string" ? message : undefined;
}

/** Says which kind of trouble it is, because each has another remedy. */
function unreachable(url: string, error: Error & { code?: string }): CliError {
  const advice: Record<string, string> = {
    ECONNREFUSED: "nothing listens there; check the URL, and that auth runs",
    ENOTFOUND: "the host name does not resolve; check the URL",
  };
  const problem = certificateProblem(error);
  const text =
    problem === undefined
      ? (advice[error.code ?? ""] ?? error.message)
      : `${problem}${isUntrusted(error) ? "; give the right one with --ca-file" : ""}`;
  return new CliError(EXIT.unreachable, `${url}: ${text}`);
}

/** The auth server as users write it: https only; without a slash at the end. */
export function serverURL(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined;
  if (url === undefined || url.protocol !== "https:" || url.username !== "" || url.search !== "" || url.hash !== "")
    throw new CliError(EXIT.usage, `${JSON.stringify(text)} is not the URL of an auth server; write it like https://auth.drover.example`);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
