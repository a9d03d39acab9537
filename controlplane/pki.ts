// Certificates of a development environment: P-256 keys, made with node:crypto and thirty lines of DER.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";
import * as der from "./der.ts";

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

const ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));
const USAGE = { server: der.oid("1.3.6.1.5.5.7.3.1"), client: der.oid("1.3.6.1.5.5.7.3.2") };
const YEARS = 5;

const distinguishedName = (subject: Subject): Buffer => {
  const attribute = (type: string, value: string): Buffer => der.set(der.sequence(der.oid(type), der.utf8(value)));
  const groups = (subject.organizations ?? []).map((group) => attribute("2.5.4.10", group));
  return der.sequence(...groups, attribute("2.5.4.3", subject.commonName));
};

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${(bytes.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END ${label}-----\n`;

/** When a certificate is valid; by default from a minute ago on, for years. */
export interface Validity {
  readonly from: Date;
  readonly until: Date;
}

interface Issue {
  subject: Subject;
  issuer: Subject;
  signer: KeyObject;
  publicKey: KeyObject;
  issuerKeyId: Buffer;
  extensions: readonly Buffer[];
  validity?: Validity | undefined;
}

const keyId = (publicKey: KeyObject): Buffer =>
  createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();

const yearsFromNow = (): Validity => {
  const from = new Date(Date.now() - 60_000);
  const until = new Date(from);
  until.setUTCFullYear(from.getUTCFullYear() + YEARS);
  return { from, until };
};

const issue = (o: Issue): string => {
  const { from, until } = o.validity ?? yearsFromNow();
  const toBeSigned = der.sequence(
    der.tagged(0, true, der.integer(Buffer.from([2]))),
    // The leading 1 keeps the number positive and its encoding minimal; Go refuses anything else.
    der.integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_SHA256,
    distinguishedName(o.issuer),
    der.sequence(der.utcTime(from), der.utcTime(until)),
    distinguishedName(o.subject),
    o.publicKey.export({ type: "spki", format: "der" }),
    der.tagged(
      3,
      true,
      der.sequence(
        extension("2.5.29.14", der.octets(keyId(o.publicKey))),
        extension("2.5.29.35", der.sequence(der.tagged(0, false, o.issuerKeyId))),
        ...o.extensions,
      ),
    ),
  );
  return pem("CERTIFICATE", der.sequence(toBeSigned, ECDSA_SHA256, der.bits(sign("sha256", toBeSigned, o.signer))));
};

const AUTHORITY_EXTENSIONS = [
  extension("2.5.29.19", der.sequence(der.boolean(true)), true),
  extension("2.5.29.15", der.bits(Buffer.from([0b0000_0110]), 1), true),
];

const leafExtensions = (usages: readonly ("server" | "client")[], names: readonly string[]): Buffer[] => {
  const alternative = names.map((name) =>
    isIPv4(name) ? der.tagged(7, false, Buffer.from(name.split(".").map(Number))) : der.tagged(2, false, Buffer.from(name)),
  );
  return [
    extension("2.5.29.15", der.bits(Buffer.from([0b1000_0000]), 7), true),
    extension("2.5.29.37", der.sequence(...usages.map((usage) => USAGE[usage]))),
    ...(alternative.length > 0 ? [extension("2.5.29.17", der.sequence(...alternative))] : []),
  ];
};

/** A server's certificate that no authority signed. */
export const selfSigned = (commonName: string, names: readonly string[]): KeyPair => {
  const subject = { commonName };
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = { issuer: subject, signer: privateKey, issuerKeyId: keyId(publicKey) };
  const cert = issue({ subject, publicKey, ...issuer, extensions: leafExtensions(["server"], names) });
  return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
};

/** A certificate authority; `certificate` signs one leaf. */
export class Authority {
  readonly cert: string;
  readonly key: string;
  readonly #subject: Subject;

  private constructor(subject: Subject, pair: KeyPair) {
    this.#subject = subject;
    this.cert = pair.cert;
    this.key = pair.key;
  }

  /** Makes a new authority with a new key. */
  static create(commonName: string): Authority {
    const subject = { commonName };
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const issuer = { issuer: subject, signer: privateKey, issuerKeyId: keyId(publicKey) };
    const cert = issue({ subject, publicKey, ...issuer, extensions: AUTHORITY_EXTENSIONS });
    return new Authority(subject, { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() });
  }

  /** A new authority below this one. */
  intermediate(commonName: string): Authority {
    const subject = { commonName };
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const cert = issue({ subject, publicKey, ...this.#issuer(), extensions: AUTHORITY_EXTENSIONS });
    return new Authority(subject, { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() });
  }

  /** A certificate for the key of another authority, by which whoever trusts this one trusts that one too; PEM. */
  crossSign(other: Authority): string {
    const publicKey = createPublicKey(createPrivateKey(other.key));
    return issue({ subject: other.#subject, publicKey, ...this.#issuer(), extensions: AUTHORITY_EXTENSIONS });
  }

  /** The authority that `create` made under the same common name, from its files. */
  static load(commonName: string, pair: KeyPair): Authority {
    return new Authority({ commonName }, pair);
  }

  /** Signs a certificate for a new key; a server's names may be DNS names and IPv4 addresses. */
  certificate(subject: Subject, usages: readonly ("server" | "client")[], names: readonly string[] = [], validity?: Validity): KeyPair {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const cert = issue({ subject, publicKey, ...this.#issuer(), extensions: leafExtensions(usages, names), validity });
    return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  }

  #issuer(): Pick<Issue, "issuer" | "signer" | "issuerKeyId"> {
    const signer = createPrivateKey(this.key);
    return { issuer: this.#subject, signer, issuerKeyId: keyId(createPublicKey(signer)) };
  }
}

/** A new key for signing ServiceAccount tokens, PEM; the API server reads elliptic keys in this older form only. */
export const serviceAccountKey = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "sec1", format: "pem" }).toString();
