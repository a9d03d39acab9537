// Headers of the answers that auth and the proxy write themselves. A browser that opens one runs nothing in it, shows it in no frame and
// keeps no copy. The answers of clusters have their own: lib/identity/answer-headers.ts.

/** Names and values in turn. */
export const SAFETY_HEADERS: readonly string[] = [
  ...["Cache-Control", "no-store"],
  ...["X-Content-Type-Options", "nosniff"],
  ...["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
];
