// How the requests that may be open in a cluster are shared out among users. Pure bookkeeping.
//
// A user may have open at most a quarter of what is free. One user alone so gets a fifth of all, and the more users take what they can, the
// less the next one gets. Long-running requests have a count of their own, and leave a reserve for the requests that end by themselves.

const SHARE_OF_FREE = 1 / 4;
const LONG_RUNNING_PART = 4 / 5;

interface Open {
  shortLived: number;
  longRunning: number;
}

interface ClusterOpen extends Open {
  readonly users: Map<string, Open>;
}

export interface PlaceRequest {
  readonly cluster: string;
  readonly user: string;
  /** See long-running.ts. */
  readonly longRunning: boolean;
}

export class Shares {
  readonly #capacity: number;
  readonly #clusters = new Map<string, ClusterOpen>();

  /** `capacity`: requests that may be open at once in a cluster. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Takes a place. Returns the function that gives it back, which is idempotent; or a sentence that says which limit is reached. */
  take({ cluster, user, longRunning }: PlaceRequest): (() => void) | string {
    const inCluster = this.#clusters.get(cluster) ?? { ...NONE, users: new Map() };
    const ofUser = inCluster.users.get(user) ?? { ...NONE };
    const kind = longRunning ? "longRunning" : "shortLived";
    const all = this.#capacity - inCluster.longRunning - inCluster.shortLived;
    const free = longRunning ? Math.min(all, Math.floor(this.#capacity * LONG_RUNNING_PART) - inCluster.longRunning) : all;
    const what = longRunning ? "watches and streams" : "requests";
    const others = longRunning ? "; requests that end are still served" : "";
    if (free <= 0) return `the cluster "${cluster}" carries as many ${what} as it may${others}`;
    const share = Math.max(1, Math.floor(free * SHARE_OF_FREE));
    if (ofUser[kind] >= share) {
      return `User "${user}" has ${ofUser[kind]} ${what} open in the cluster "${cluster}", the most that one user may have at the moment${others}`;
    }
    inCluster[kind]++;
    ofUser[kind]++;
    this.#clusters.set(cluster, inCluster);
    inCluster.users.set(user, ofUser);
    let returned = false;
    return () => {
      if (returned) return;
      returned = true;
      inCluster[kind]--;
      ofUser[kind]--;
      if (isNone(ofUser)) inCluster.users.delete(user);
      if (isNone(inCluster)) this.#clusters.delete(cluster);
    };
  }
}

const NONE: Open = { shortLived: 0, longRunning: 0 };
const isNone = ({ shortLived, longRunning }: Open): boolean => shortLived + longRunning === 0;
