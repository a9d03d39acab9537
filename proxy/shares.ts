// How the requests that a cluster's tunnel carries are shared out among users. Pure bookkeeping.
//
// A user may have open at most a quarter of what is free, so one alone gets a fifth of all, and the more
// there are who take what they can, the less the next of them gets. Watches and streams have no end, so they are counted by themselves and leave a reserve for requests that end.

const OF_WHAT_IS_FREE = 1 / 4;
const UNBOUNDED = 4 / 5;

interface Open {
  bounded: number;
  unbounded: number;
}

interface OfCluster extends Open {
  readonly users: Map<string, Open>;
}

export interface Asked {
  readonly cluster: string;
  readonly user: string;
  /** See unbounded.ts. */
  readonly unbounded: boolean;
}

export class Shares {
  readonly #carries: number;
  readonly #clusters = new Map<string, OfCluster>();

  /** `carries`: requests that may be open at once in a cluster. */
  constructor(carries: number) {
    this.#carries = carries;
  }

  /** Takes a place. Returns how to give it back, which is idempotent, or a sentence that says which bound is reached. */
  take({ cluster, user, unbounded }: Asked): (() => void) | string {
    const ofCluster = this.#clusters.get(cluster) ?? { ...NONE, users: new Map() };
    const ofUser = ofCluster.users.get(user) ?? { ...NONE };
    const kind = unbounded ? "unbounded" : "bounded";
    const all = this.#carries - ofCluster.unbounded - ofCluster.bounded;
    const free = unbounded ? Math.min(all, Math.floor(this.#carries * UNBOUNDED) - ofCluster.unbounded) : all;
    const what = unbounded ? "watches and streams" : "requests";
    const meanwhile = unbounded ? "; requests that end are still served" : "";
    if (free <= 0) return `the cluster "${cluster}" carries as many ${what} as it may${meanwhile}`;
    const share = Math.max(1, Math.floor(free * OF_WHAT_IS_FREE));
    if (ofUser[kind] >= share) {
      return `User "${user}" has ${ofUser[kind]} ${what} open in the cluster "${cluster}", the most that one user may have at the moment${meanwhile}`;
    }
    ofCluster[kind]++;
    ofUser[kind]++;
    this.#clusters.set(cluster, ofCluster);
    ofCluster.users.set(user, ofUser);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      ofCluster[kind]--;
      ofUser[kind]--;
      if (isNone(ofUser)) ofCluster.users.delete(user);
      if (isNone(ofCluster)) this.#clusters.delete(cluster);
    };
  }
}

const NONE: Open = { bounded: 0, unbounded: 0 };
const isNone = ({ bounded, unbounded }: Open): boolean => bounded + unbounded === 0;
