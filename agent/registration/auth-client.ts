// The three things that an agent asks of `auth`. TLS is always verified against the CA of the manifest.
import { sendJSON } from "../../lib/outbound/client.ts";
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

  async #post(endpoint: string, body: object, signal: AbortSignal): Promise<{ body: Record<string, unknown>; hubTime: number }> {
    const { authURL, ca, cluster } = this.#options;
    const url = `${authURL.replace(/\/+$/, "")}/agents/${cluster}/${endpoint}`;
    const request = { method: "POST", body, signal, timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES };
    const answer = await sendJSON(url, { ca }, request);
    const { message, ...fields } = Object(answer.body) as Record<string, unknown>;
    if (answer.status >= 300)
      throw new AuthRefusal(answer.status, `POST ${url}: ${answer.status} ${typeof message === "string" ? message : ""}`);
    const date = Date.parse(answer.headers.date ?? "");
    return { body: fields, hubTime: Number.isNaN(date) ? Date.now() : date };
  }
}

function text(body: Record<string, unknown>, field: string): string {
  const value = body[field];
  if (typeof value !== "string" || value === "") throw new Error(`the answer of auth has no ${field}`);
  return value;
}
