// A request as the steps of the pipeline see it, from what came in to what goes to the cluster. Descriptions only: no sockets.

export interface Incoming {
  readonly method: string;
  /** The request target, byte for byte (Latin-1). */
  readonly url: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** The address at the other end of the connection. */
  readonly peer: string;
}

/** After admit: nothing in it can be read as an identity, and its target is known. */
export interface Admitted {
  readonly method: string;
  readonly cluster: string;
  /** What the cluster gets as the request target. */
  readonly path: string;
  /** What the cluster gets as headers. */
  readonly headers: readonly string[];
  /** Of the request's body, in bytes; undefined: none is declared. */
  readonly contentLength: number | undefined;
  readonly authorization: readonly string[];
  readonly upgrade: string | undefined;
  readonly userAgent: string | undefined;
  /** Who asks, for the audit record. */
  readonly source: string;
  /** Under which limits per source count: of a source that stands for many, each cluster by itself. */
  readonly rateKey: string;
}
