// How a connection becomes a tunnel: an HTTP/1.1 Upgrade whose token carries the version. A later version is a later token,
// and an agent may offer several ("drover-tunnel/2, drover-tunnel/1").

export const UPGRADE_TOKEN = "drover-tunnel/1";
/** In the 101: the id of the proxy replica that answered, and the version that was chosen. */
export const REPLICA_HEADER = "Drover-Replica";
export const VERSION_HEADER = "Drover-Tunnel-Version";
export const TUNNEL_VERSION = "1";

/** How often agents may dial from one address: so often at once, and then so often a second. A thousand behind one address may come back at once. */
export const DIALS_BURST = 3_000;
export const DIALS_PER_SECOND = 50;

/** Whether an Upgrade header offers the version that we speak. Names are compared without regard to case, as HTTP has it. */
export const offersTunnel = (upgrade = ""): boolean =>
  upgrade
    .toLowerCase()
    .split(",")
    .some((offer) => offer.trim() === UPGRADE_TOKEN);
