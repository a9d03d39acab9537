// Pure: what the files of a kubeconfig look like with, or without, the entries of one Drover. Whatever is not ours comes out the same.
// For cluster `east` and user `alice`: cluster and context `drover-east`, user `drover-alice`.
//
// An entry is ours by its name and by its server. A cluster states its server. A user does not, so ours carries a mark: an extension, which
// kubectl keeps, with the server and with the prefix that begins the names of that login. A context is ours if it joins the two under our name.

type Fields = Readonly<Record<string, unknown>>;
type Entry = Fields & { readonly name: string };

export interface Kubeconfig {
  readonly clusters?: readonly Entry[] | null;
  readonly contexts?: readonly Entry[] | null;
  readonly users?: readonly Entry[] | null;
  readonly "current-context"?: string | null;
  readonly [other: string]: unknown;
}

export interface Login {
  /** Base URL of the proxy, without a trailing slash. */
  readonly apiURL: string;
  /** PEM. */
  readonly ca?: string | undefined;
  readonly user: string;
  readonly token: string;
  readonly clusters: readonly string[];
  /** Prefix of every name; "drover-" by default. */
  readonly prefix: string;
}

/** `taken`: entries that are not ours under names that we need, "cluster drover-east"; then nothing is to be changed. */
export type Change = { readonly files: readonly Kubeconfig[] } | { readonly taken: readonly string[] };

export const EMPTY: Kubeconfig = { apiVersion: "v1", kind: "Config", clusters: [], contexts: [], users: [] };

const FIELD = { clusters: "cluster", contexts: "context", users: "user" } as const;
type List = keyof typeof FIELD;
const LISTS = Object.keys(FIELD) as readonly List[];

/** What each entry is to be, made from what it is. */
type Wanted = Readonly<Record<List, ReadonlyMap<string, (before: Fields) => Fields>>>;

const EXTENSION = "drover.dev";

/**
 * With contexts for exactly these clusters; ours for others go, and so do users of ours but this one. What users set on an entry of ours (a
 * namespace, a proxy-url) stays. A current context is chosen where there is none, and otherwise left alone even if it goes: commands then
 * fail, which is better than that they mean another cluster.
 * @param files in the order of their precedence
 * @param target index of the file that gets new entries
 */
export function withEntries(files: readonly Kubeconfig[], target: number, login: Login): Change {
  const wanted = wantedBy(login);
  const isOurs = recogniser(files, login.apiURL, login);
  const taken = LISTS.flatMap((list) =>
    files
      .flatMap((file) => entriesOf(file, list))
      .filter((entry) => wanted[list].has(entry.name) && !isOurs(list, entry))
      .map(({ name }) => `${FIELD[list]} ${name}`),
  );
  if (taken.length > 0) return { taken: [...new Set(taken)] };
  const rest = dropped(files, (list, entry) => isOurs(list, entry) && !wanted[list].has(entry.name));
  const [first] = wanted.contexts.keys();
  const chosen = first === undefined || files.some((file) => file["current-context"]) ? {} : { "current-context": first };
  return { files: rest.map((file, index) => written(file, wanted, index === target ? { from: rest, ...chosen } : undefined)) };
}

/** Without what is ours at this server, tokens included. A cluster stays while a context that is not Drover's needs it. */
export function withoutEntries(files: readonly Kubeconfig[], apiURL: string): readonly Kubeconfig[] {
  return dropped(files, recogniser(files, apiURL));
}

function wantedBy({ apiURL, ca, token, prefix, ...login }: Login): Wanted {
  const user = `${prefix}${login.user}`;
  const each = (make: (cluster: string, before: Fields) => Fields) =>
    new Map(login.clusters.map((cluster) => [`${prefix}${cluster}`, (before: Fields) => make(cluster, before)]));
  const data = "certificate-authority-data";
  return {
    clusters: each((cluster, { [data]: _, ...before }) => ({
      ...before,
      server: `${apiURL}/clusters/${cluster}`,
      ...(ca !== undefined && { [data]: Buffer.from(ca).toString("base64") }),
    })),
    contexts: each((cluster, before) => ({ ...before, cluster: `${prefix}${cluster}`, user })),
    users: new Map([[user, (before) => ({ ...before, token, extensions: marked(before, { server: apiURL, prefix }) })]]),
  };
}

/** Decides which entries belong to a login at this server; `expected`: also by names that this one is to have, where they lead nowhere yet. */
function recogniser(files: readonly Kubeconfig[], apiURL: string, expected?: Login): (list: List, entry: Entry) => boolean {
  const all = (list: List): readonly Entry[] => files.flatMap((file) => entriesOf(file, list));
  const namesOf = (entries: readonly Entry[]): Set<unknown> => new Set(entries.map(({ name }) => name));
  const ownUser = ({ name, user }: Entry): boolean => {
    const mark = markOf(fieldsOf(user));
    return mark?.server === apiURL && String(name).startsWith(mark.prefix);
  };
  const users = namesOf(all("users").filter(ownUser));
  const prefixes = new Set(
    all("users")
      .filter(ownUser)
      .map(({ user }) => markOf(fieldsOf(user))?.prefix),
  );
  prefixes.add(expected?.prefix);
  const ownCluster = ({ name, cluster }: Entry): boolean => {
    const [before, of] = String(fieldsOf(cluster).server).split(`${apiURL}/clusters/`);
    return before === "" && of !== undefined && [...prefixes].some((prefix) => prefix !== undefined && name === `${prefix}${of}`);
  };
  const clusters = namesOf(all("clusters").filter(ownCluster));
  const unmanaged = namesOf(all("clusters").filter((entry) => !ownCluster(entry)));
  if (expected !== undefined) {
    const [user, names] = [`${expected.prefix}${expected.user}`, expected.clusters.map((cluster) => `${expected.prefix}${cluster}`)];
    if (!namesOf(all("users")).has(user)) users.add(user);
    for (const name of names) clusters.add(name);
  }
  const ownContext = ({ name, context }: Entry): boolean => {
    const { cluster, user } = fieldsOf(context);
    return cluster === name && users.has(user) && clusters.has(name) && !unmanaged.has(name);
  };
  const own = { clusters: ownCluster, contexts: ownContext, users: ownUser };
  return (list, entry) => own[list](entry);
}

function dropped(files: readonly Kubeconfig[], goes: (list: List, entry: Entry) => boolean): readonly Kubeconfig[] {
  const staying = files.flatMap((file) => entriesOf(file, "contexts")).filter((entry) => !goes("contexts", entry));
  const needed = new Set(staying.map(({ context }) => fieldsOf(context).cluster));
  return files.map((file) => {
    const lists = LISTS.flatMap((list) => {
      const before = entriesOf(file, list);
      const after = before.filter((entry) => !goes(list, entry) || (list === "clusters" && needed.has(entry.name)));
      return after.length === before.length ? [] : [[list, after] as const];
    });
    return { ...file, ...Object.fromEntries(lists) };
  });
}

/** The file with its entries as they are wanted. `adding`: it also gets those that none of the files has. */
function written(
  file: Kubeconfig,
  wanted: Wanted,
  adding?: { readonly from: readonly Kubeconfig[]; readonly "current-context"?: string },
): Kubeconfig {
  const { from = [], ...current } = adding ?? {};
  const lists = LISTS.flatMap((list) => {
    const there = new Set(from.flatMap((other) => entriesOf(other, list)).map(({ name }) => name));
    const missing =
      adding === undefined ? [] : [...wanted[list].keys()].filter((name) => !there.has(name)).map((name): Entry => ({ name }));
    const after = [...entriesOf(file, list), ...missing].map((entry): Entry => {
      const make = wanted[list].get(entry.name);
      return make === undefined ? entry : { ...entry, [FIELD[list]]: make(fieldsOf(entry[FIELD[list]])) };
    });
    return after.length === 0 ? [] : [[list, after] as const];
  });
  return { ...file, ...Object.fromEntries(lists), ...current };
}

interface Mark {
  readonly server: string;
  readonly prefix: string;
}

function markOf({ extensions }: Fields): Mark | undefined {
  const found = listOf(extensions).find(isMark);
  const { server, prefix } = fieldsOf(found?.extension);
  return typeof server === "string" && typeof prefix === "string" ? { server, prefix } : undefined;
}

const isMark = (extension: unknown): boolean => fieldsOf(extension).name === EXTENSION;

const marked = ({ extensions }: Fields, extension: Mark): readonly Fields[] => [
  ...listOf(extensions).filter((one) => !isMark(one)),
  { name: EXTENSION, extension },
];

const entriesOf = (file: Kubeconfig, list: List): readonly Entry[] => listOf(file[list]) as readonly Entry[];
const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value : []);
const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
