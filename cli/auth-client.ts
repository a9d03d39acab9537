// Talks to auth over verified TLS. Redirects are not followed: a password goes to the host that was named, or nowhere.
import { certificateProblem, isUntrusted } from "../lib/outbound/certificate.ts";
import { httpsRequest } from "../lib/outbound/connect.ts";
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

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const TIMEOUT_MS = 30_000;
const LARGEST_ANSWER = 4 * 1024 * 1024;

/** The answer, whatever its status; throws a CliError when there is none. */
export function call(server: AuthServer, { method, path, token, body }: Call): Promise<Answer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      accept: "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(payload === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
    };
    const outgoing = httpsRequest(`${server.url}${path}`, { ca: server.ca }, { method, timeout: TIMEOUT_MS, headers });
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > LARGEST_ANSWER) outgoing.destroy(new Error("the answer is too large"));
        else chunks.push(chunk);
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString()) }));
      incoming.on("error", (error) => reject(unreachable(server.url, error)));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", (error) => reject(unreachable(server.url, error)));
    outgoing.end(payload);
  });
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a person types as the server: https only, no path dots and trailing slashes. */
export function serverURL(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined;
  if (url === undefined || url.protocol !== "https:" || url.username !== "" || url.search !== "" || url.hash !== "")
    throw new CliError(EXIT.usage, `${JSON.stringify(text)} is not the URL of an auth server; write it like https://auth.drover.example`);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
