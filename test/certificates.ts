// Certificates for tests that speak TLS without a control plane.
export { Authority, type KeyPair, selfSigned } from "../controlplane/pki.ts";
