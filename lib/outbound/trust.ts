// The one place that creates the TLS options of outgoing connections: what they trust, and which client certificate they present.

/** Trusted certificate authorities: PEM with any number of certificates, or a function that returns them, called for each new connection. */
export type Authorities = string | (() => string);

/** What a connection trusts, and the client certificate that it presents. All in PEM. */
export interface Trust {
  /** Absent: the authorities of the system. */
  readonly ca?: Authorities | undefined;
  /** The name that the server's certificate must carry, when it is not the host of the URL. */
  readonly serverName?: string | undefined;
  /** A client certificate; only together with its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Options for `tls.connect`, `https.request`, `https.Agent` and undici's connectors. */
export interface TLSOptions {
  readonly ca?: string;
  readonly servername?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: true;
  readonly allowPartialTrustChain: true;
}

/**
 * The server is always verified. Every certificate in `ca` is a trust anchor, including intermediate ones, as with kubectl and curl. OpenSSL
 * by default requires a self-signed root, which a bundle need not contain.
 */
export function tlsOptions({ ca, serverName, cert, key }: Trust): TLSOptions {
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : ca() }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    rejectUnauthorized: true,
    allowPartialTrustChain: true,
  };
}
