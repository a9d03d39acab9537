// The three things that an agent asks of `auth`. TLS is always verified against the CA of the manifest.
import { httpsRequest } from "../../lib/outbound/connect.ts";
import type { Authorities } from "../../lib/outbound/trust.ts";
import type { AgentKey } from "./key.ts";

/** `auth` answered, and refused. */
export class AuthRefusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface HubToken {
  readonly token: string;
  /** For how long it is good, by the hub's clock: the agent's own may be off by an hour. */
  readonly lifetimeMs: number;
  /** The hub's clock minus ours. */
  readonly hubAheadMs: number;
}

export interface AuthClientOptions {
  readonly authURL: string;
  readonly ca: Authorities | undefined;
  readonly cluster: string;
  readonly key: AgentKey;
}

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 64 * 1024;

export class AuthClient {
  readonly #options: AuthClientOptions;

  constructor(options: AuthClientOptions) {
    this.#options = options;
  }

  /** Gives `auth` the public key, with the registration token as the proof that this cluster may. Returns the key's fingerprint. */
  async register(registrationToken: string, signal: AbortSignal): Promise<string> {
    const { key, cluster } = this.#options;
    const signature = key.signRegistration(cluster, registrationToken);
    const { body } = await this.#post("register", { token: registrationToken, publicKey: key.publicKey, signature }, signal);
    return text(body, "fingerprint");
  }

  /** A hub token for the answer to a challenge. */
  async token(signal: AbortSignal): Promise<HubToken> {
    const { key, cluster } = this.#options;
    const nonce = text((await this.#post("challenge", {}, signal)).body, "nonce");
    const { body, hubTime } = await this.#post("token", { nonce, signature: key.signNonce(cluster, nonce) }, signal);
    return { token: text(body, "token"), lifetimeMs: Date.parse(text(body, "expiresAt")) - hubTime, hubAheadMs: hubTime - Date.now() };
  }

  #post(endpoint: string, body: object, signal: AbortSignal): Promise<{ body: Record<string, unknown>; hubTime: number }> {
    const url = `${this.#options.authURL.replace(/\/+$/, "")}/agents/${this.#options.cluster}/${endpoint}`;
    return postJson(url, body, { ca: this.#options.ca, signal });
  }
}

function postJson(
  url: string,
  body: object,
  o: { ca: Authorities | undefined; signal: AbortSignal },
): Promise<{ body: Record<string, unknown>; hubTime: number }> {
  const payload = Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": payload.length };
    const req = httpsRequest(url, { ca: o.ca }, { method: "POST", headers, signal: o.signal });
    req.on("response", (res) => {
      const pieces: Buffer[] = [];
      let size = 0;
      res.on("error", reject);
      res.on("data", (piece: Buffer) => {
        size += piece.length;
        if (size > MAX_ANSWER_BYTES) req.destroy(new Error(`POST ${url}: an answer longer than ${MAX_ANSWER_BYTES} bytes`));
        else pieces.push(piece);
      });
      res.on("end", () => {
        const answer = parsed(Buffer.concat(pieces));
        const code = res.statusCode ?? 0;
        const date = Date.parse(res.headers.date ?? "");
        if (code < 300) resolve({ body: answer, hubTime: Number.isNaN(date) ? Date.now() : date });
        else reject(new AuthRefusal(code, `POST ${url}: ${code} ${typeof answer.message === "string" ? answer.message : ""}`));
      });
    });
    req.setTimeout(TIMEOUT_MS, () => req.destroy(new Error(`POST ${url}: no answer within ${TIMEOUT_MS} ms`)));
    req.on("error", reject);
    req.end(payload);
  });
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function text(body: Record<string, unknown>, field: string): string {
  const value = body[field];
  if (typeof value !== "string" || value === "") throw new Error(`the answer of auth has no ${field}`);
  return value;
}
