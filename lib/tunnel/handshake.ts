// The handshake that turns a connection into a tunnel: an HTTP/1.1 Upgrade whose token carries the version. A later version gets another
// token, and an agent may offer several ("drover-tunnel/2, drover-tunnel/1").

export const UPGRADE_TOKEN = "drover-tunnel/1";
/** Headers of the 101 response: the name of the proxy replica, and the chosen version. */
export const REPLICA_HEADER = "Drover-Replica";
export const VERSION_HEADER = "Drover-Tunnel-Version";
export const TUNNEL_VERSION = "1";

/** Limits on dials from one address: a burst, and then a rate per second. A thousand agents behind one address may reconnect at once. */
export const DIALS_BURST = 3_000;
export const DIALS_PER_SECOND = 50;

/** Whether an Upgrade header offers UPGRADE_TOKEN. The comparison ignores case, as HTTP requires. */
export const offersTunnel = (upgrade = ""): boolean =>
  upgrade
    .toLowerCase()
    .split(",")
    .some((offer) => offer.trim() === UPGRADE_TOKEN);
