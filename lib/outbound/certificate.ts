// Explains why a server's certificate was refused. Each reason has a different remedy.

const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired; whoever runs the server must renew it",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; check the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name; use a name that is in the certificate",
  INVALID_PURPOSE: "its certificate is not one for servers",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed, and is not itself among the authorities that are trusted here",
};
const UNTRUSTED = "its certificate is not signed by an authority that is trusted here";
const UNTRUSTED_CODE = /^(UNABLE_TO_(VERIFY|GET)_|SELF_SIGNED_|CERT_(UNTRUSTED|SIGNATURE_FAILURE|REJECTED)|INVALID_CA$)/;

/** Whether a wrong list of trusted authorities can be the cause of the error. */
export const isUntrusted = (error: unknown): boolean => {
  const code = codeOf(error);
  return code === "DEPTH_ZERO_SELF_SIGNED_CERT" || UNTRUSTED_CODE.test(code);
};

/** One sentence that says what is wrong and what to do; undefined when the error is not about a certificate. */
export function certificateProblem(error: unknown): string | undefined {
  const code = codeOf(error);
  return REASONS[code] ?? (UNTRUSTED_CODE.test(code) ? UNTRUSTED : undefined);
}

const codeOf = (error: unknown): string => String((error as { code?: unknown } | undefined)?.code ?? "");
