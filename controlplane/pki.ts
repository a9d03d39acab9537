// Certificates of an embedded control plane and of tests: P-256 keys. node:crypto makes keys and signatures, @peculiar/asn1-x509 the encoding.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import * as x509 from "@peculiar/asn1-x509";

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

export interface Subject {
  commonName: string;
  /** Kubernetes reads these as groups. */
  organizations?: readonly string[];
}

/** When a certificate is valid; by default from a minute ago on, for years. */
export interface Validity {
  readonly from: Date;
  readonly until: Date;
}

type Usage = "server" | "client";

const COMMON_NAME = "2.5.4.3";
const ORGANIZATION = "2.5.4.10";
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const PURPOSES: Readonly<Record<Usage, string>> = { server: x509.id_kp_serverAuth, client: x509.id_kp_clientAuth };
const YEARS = 5;

/** A new key, PEM; `sec1` is the older form. */
const newKey = (type: "pkcs8" | "sec1" = "pkcs8"): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type, format: "pem" }).toString();

/** A new key for signing ServiceAccount tokens, PEM; the API server reads elliptic keys in the older form only. */
export const serviceAccountKey = (): string => newKey("sec1");

const publicKeyOf = (key: string): KeyObject => createPublicKey(createPrivateKey(key));

const keyId = (publicKey: KeyObject): Buffer =>
  createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();

const distinguishedName = ({ commonName, organizations = [] }: Subject): x509.Name => {
  const attribute = (type: string, text: string): x509.RelativeDistinguishedName =>
    new x509.RelativeDistinguishedName([new x509.AttributeTypeAndValue({ type, value: new x509.AttributeValue({ utf8String: text }) })]);
  return new x509.Name([...organizations.map((group) => attribute(ORGANIZATION, group)), attribute(COMMON_NAME, commonName)]);
};

const extension = (extnID: string, value: object, critical = false): x509.Extension =>
  new x509.Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });

const authorityExtensions = (): x509.Extension[] => [
  extension(x509.id_ce_basicConstraints, new x509.BasicConstraints({ cA: true }), true),
  extension(x509.id_ce_keyUsage, new x509.KeyUsage(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign), true),
];

const leafExtensions = (usages: readonly Usage[], names: readonly string[]): x509.Extension[] => {
  const alternatives = names.map((name) => new x509.GeneralName(isIP(name) === 0 ? { dNSName: name } : { iPAddress: name }));
  return [
    extension(x509.id_ce_keyUsage, new x509.KeyUsage(x509.KeyUsageFlags.digitalSignature), true),
    extension(x509.id_ce_extKeyUsage, new x509.ExtendedKeyUsage(usages.map((usage) => PURPOSES[usage]))),
    ...(names.length > 0 ? [extension(x509.id_ce_subjectAltName, new x509.SubjectAlternativeName(alternatives))] : []),
  ];
};

const yearsFromNow = (): Validity => {
  const from = new Date(Date.now() - 60_000);
  const until = new Date(from);
  until.setUTCFullYear(from.getUTCFullYear() + YEARS);
  return { from, until };
};

interface Request {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly extensions: readonly x509.Extension[];
  readonly validity?: Validity | undefined;
}

/** The certificate as PEM, signed with the issuer's key. */
const issue = (issuer: { readonly subject: Subject; readonly key: string }, request: Request): string => {
  const { from, until } = request.validity ?? yearsFromNow();
  const signatureAlgorithm = new x509.AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 });
  const tbsCertificate = new x509.TBSCertificate({
    version: x509.Version.v3,
    // The leading 1 keeps the number positive and its encoding minimal; Go refuses anything else.
    serialNumber: new Uint8Array(Buffer.concat([Buffer.from([1]), randomBytes(15)])).buffer,
    signature: signatureAlgorithm,
    issuer: distinguishedName(issuer.subject),
    validity: new x509.Validity({ notBefore: from, notAfter: until }),
    subject: distinguishedName(request.subject),
    subjectPublicKeyInfo: AsnConvert.parse(request.publicKey.export({ type: "spki", format: "der" }), x509.SubjectPublicKeyInfo),
    extensions: new x509.Extensions([
      extension(x509.id_ce_subjectKeyIdentifier, new x509.SubjectKeyIdentifier(keyId(request.publicKey))),
      extension(
        x509.id_ce_authorityKeyIdentifier,
        new x509.AuthorityKeyIdentifier({ keyIdentifier: new x509.KeyIdentifier(keyId(publicKeyOf(issuer.key))) }),
      ),
      ...request.extensions,
    ]),
  });
  const signature = sign("sha256", Buffer.from(AsnConvert.serialize(tbsCertificate)), createPrivateKey(issuer.key));
  const signatureValue = new Uint8Array(signature).buffer;
  const certificate = new x509.Certificate({ tbsCertificate, signatureAlgorithm, signatureValue });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString();
};

/** A server's certificate that no authority signed. */
export const selfSigned = (commonName: string, names: readonly string[]): KeyPair => {
  const [subject, key] = [{ commonName }, newKey()];
  return { cert: issue({ subject, key }, { subject, publicKey: publicKeyOf(key), extensions: leafExtensions(["server"], names) }), key };
};

/** A certificate authority; `certificate` signs one leaf. */
export class Authority {
  readonly cert: string;
  readonly key: string;
  readonly subject: Subject;

  private constructor(subject: Subject, pair: KeyPair) {
    this.subject = subject;
    this.cert = pair.cert;
    this.key = pair.key;
  }

  /** Makes a new authority with a new key. */
  static create(commonName: string): Authority {
    const [subject, key] = [{ commonName }, newKey()];
    const cert = issue({ subject, key }, { subject, publicKey: publicKeyOf(key), extensions: authorityExtensions() });
    return new Authority(subject, { cert, key });
  }

  /** The authority that `create` made under the same common name, from its files. */
  static load(commonName: string, pair: KeyPair): Authority {
    return new Authority({ commonName }, pair);
  }

  /** A new authority below this one. */
  intermediate(commonName: string): Authority {
    const [subject, key] = [{ commonName }, newKey()];
    return new Authority(subject, { cert: issue(this, { subject, publicKey: publicKeyOf(key), extensions: authorityExtensions() }), key });
  }

  /** A certificate of this authority for the key of another one: clients that trust this authority then trust the other; PEM. */
  crossSign({ subject, key }: Authority): string {
    return issue(this, { subject, publicKey: publicKeyOf(key), extensions: authorityExtensions() });
  }

  /** Signs a certificate for a new key; a server's names may be DNS names and IP addresses. */
  certificate(subject: Subject, usages: readonly Usage[], names: readonly string[] = [], validity?: Validity): KeyPair {
    const key = newKey();
    return { cert: issue(this, { subject, publicKey: publicKeyOf(key), extensions: leafExtensions(usages, names), validity }), key };
  }
}
