// drover init: AuthProvider `local` and the first admin. Nothing else in Drover ever makes an admin, and this makes no second one.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { GlobalRole } from "../../crds/v1alpha1/globalrole.ts";
import { GlobalRoleBinding } from "../../crds/v1alpha1/globalrolebinding.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { SYSTEM_NAMESPACE, VERSION } from "../../lib/access/names.ts";
import { formatPasswordHash, HASH_KEY, passwordLength, SALT_BYTES } from "../../lib/identity/password.ts";
import { hashPassword } from "../../lib/identity/scrypt.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Namespace, Secret } from "../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { CliError, EXIT } from "../failure.ts";
import { type HubOptions, withHub } from "../hub.ts";
import { type Format, json } from "../output.ts";
import { writePrivate } from "../private-file.ts";
import { note, passwordIn, print } from "../terminal.ts";
import { formatOption, hubOptions } from "./options.ts";

const ADMIN_ROLE = "admin";
const LOCAL = "local";

interface Options extends HubOptions {
  readonly admin: string;
  readonly passwordFile?: string;
  readonly output: Format;
}

interface Done {
  readonly user: string;
  readonly created: boolean;
  /** Only when it was generated and not written to a file. */
  readonly password?: string;
  readonly passwordFile?: string;
}

export function addInit(program: Command): void {
  const command = program
    .command("init")
    .description("set Drover up on its hub: the provider `local` and the first admin; with the hub's kubeconfig")
    .option("--admin <name>", "name of the first admin", "root")
    .option("--password-file <file>", "file with the admin's password; a generated one is written there when it does not exist");
  formatOption(hubOptions(command)).action(async (options: Options) => {
    const done = await withHub(options, (hub) => init(hub, options));
    if (options.output === "json") return print(json(done));
    if (!done.created) return note(`${done.user} is the admin already; nothing changed`);
    if (done.password !== undefined) print(`${done.password}\n`);
    const where =
      done.password !== undefined
        ? "the line above is the password, shown this once"
        : done.passwordFile !== undefined
          ? `the password is in ${done.passwordFile}`
          : "the password stays as it was";
    note(`${done.user} is the admin now; ${where}`);
    note(`next: kubectl drover login <auth-url> --username ${done.user}`);
  });
}

/** The binding is written last: as long as it is missing, the work is not done and can be done again. */
async function init(hub: KubeClient, options: Options): Promise<Done> {
  const name = options.admin;
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
    throw new CliError(EXIT.usage, `${JSON.stringify(name)} cannot be a user's name: at most 63 lower-case letters, digits and '-'`);
  const admins = await existingAdmins(hub);
  if (admins.includes(name)) return { user: name, created: false };
  if (admins.length > 0)
    throw new CliError(
      EXIT.refused,
      `there is an admin already: ${admins.join(", ")}; others are made with a GlobalRoleBinding to the GlobalRole ${ADMIN_ROLE}`,
    );
  await mustBeInstalled(hub);

  await createUnlessThere(hub, AuthProvider, { ...head("AuthProvider", LOCAL), spec: { local: { minPasswordLength: 12 } } });
  const password = (await hub.find(User, { name })) === undefined ? await setPassword(hub, options) : {};
  if ((await hub.find(User, { name })) === undefined)
    await hub.create(User, {
      ...head("User", name),
      spec: { enabled: true, local: { passwordSecret: { name: secretName(name) } } },
    } as User);
  await createUnlessThere(hub, GlobalRoleBinding, {
    ...head("GlobalRoleBinding", `${name}-is-admin`),
    spec: { globalRole: ADMIN_ROLE, subject: { kind: "User", name } },
  });
  return { user: name, created: true, ...password };
}

/** Who is bound to GlobalRole admin: users that exist (a binding whose user was deleted does not count), and groups. */
async function existingAdmins(hub: KubeClient): Promise<string[]> {
  const [bindings, users] = await Promise.all([hub.list(GlobalRoleBinding), hub.list(User)]);
  const names = new Set(users.items.map(({ metadata }) => metadata.name));
  const subjects = bindings.items.filter(({ spec }) => spec.globalRole === ADMIN_ROLE).map(({ spec }) => spec.subject);
  const admins = subjects.flatMap((subject) => {
    if (subject.kind === "User") return names.has(subject.name) ? [subject.name] : [];
    return subject.kind === "Group" ? [`group ${subject.provider}:${subject.name}`] : [];
  });
  return [...new Set(admins)].sort();
}

async function mustBeInstalled(hub: KubeClient): Promise<void> {
  const [namespace, role] = await Promise.all([
    hub.find(Namespace, { name: SYSTEM_NAMESPACE }),
    hub.find(GlobalRole, { name: ADMIN_ROLE }),
  ]);
  const missing = namespace === undefined ? `namespace ${SYSTEM_NAMESPACE}` : role === undefined ? `GlobalRole ${ADMIN_ROLE}` : undefined;
  if (missing !== undefined)
    throw new CliError(EXIT.failed, `${missing} is missing in this cluster; first: kubectl apply -k deploy/bases/hub`);
}

const secretName = (user: string): string => `${user}-password`;

/** The hub gets the hash only. */
async function setPassword(hub: KubeClient, { admin, passwordFile }: Options): Promise<Pick<Done, "password" | "passwordFile">> {
  const given = passwordFile === undefined ? undefined : await passwordFrom(passwordFile);
  const provider = await hub.get(AuthProvider, { name: LOCAL });
  const shortest = provider.spec.local?.minPasswordLength ?? 0;
  const password = given ?? randomBytes(Math.max(18, shortest)).toString("base64url");
  if (passwordLength(password) < shortest)
    throw new CliError(
      EXIT.usage,
      `the password in ${passwordFile} is shorter than ${shortest} characters; AuthProvider ${LOCAL} demands that many`,
    );
  if (passwordFile !== undefined && given === undefined) await writePrivate(passwordFile, `${password}\n`);
  const hash = formatPasswordHash(await hashPassword(password, new Uint8Array(randomBytes(SALT_BYTES))));
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: secretName(admin), namespace: SYSTEM_NAMESPACE },
    type: "Opaque",
    data: { [HASH_KEY]: Buffer.from(hash).toString("base64") },
  };
  await hub.apply(Secret, secret, { fieldManager: "drover-init" });
  return passwordFile === undefined ? { password } : { passwordFile };
}

/** Undefined when there is no such file. */
async function passwordFrom(file: string): Promise<string | undefined> {
  try {
    return passwordIn(await readFile(file), file);
  } catch (error) {
    if (error instanceof CliError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CliError(EXIT.usage, `${file} cannot be read: ${(error as Error).message}`);
  }
}

const head = (kind: string, name: string) => ({ apiVersion: VERSION, kind, metadata: { name } });

async function createUnlessThere<T extends KubeObject>(hub: KubeClient, kind: Kind<T>, object: unknown): Promise<void> {
  const wanted = object as T;
  if ((await hub.find(kind, { name: wanted.metadata.name })) === undefined) await hub.create(kind, wanted, { fieldManager: "drover-init" });
}
