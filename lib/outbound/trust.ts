// The one place that makes the TLS options of outgoing connections: whom they trust, as whom they show themselves.

/** PEM, any number of certificates in one text; or a function that gives what is trusted now, asked for each new connection. */
export type Authorities = string | (() => string);

/** What a connection trusts, and what it shows. PEM throughout. */
export interface Trust {
  /** Absent: the authorities of the system. */
  readonly ca?: Authorities | undefined;
  /** The name that the server's certificate must carry, when it is not the host of the URL. */
  readonly serverName?: string | undefined;
  /** A client certificate; only together with its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Fits `tls.connect`, `https.request`, `https.Agent` and undici's connectors. */
export interface TLSOptions {
  readonly ca?: string;
  readonly servername?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: true;
  readonly allowPartialTrustChain: true;
}

/**
 * The server is always verified. Every certificate in `ca` is a trust anchor, an intermediate one too, as with kubectl and curl: OpenSSL by
 * itself would go on to a self-signed root, which a bundle need not hold.
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
