// Decides which outbound proxy a connection uses, from the variables HTTPS_PROXY and NO_PROXY. The rules are those of Go's httpproxy, so that
// Drover uses the same proxies as kubectl. The result depends on the arguments only.
import { BlockList, isIP } from "node:net";
import { domainToASCII } from "node:url";

export type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = blockListOf("127.0.0.0/8", "::1/128");

/** The outbound proxy for an HTTPS server; undefined: none. Throws an Error that names the variable when its value is not the URL of a proxy. */
export function proxyFor(server: URL, environment: Environment): URL | undefined {
  const [name, text] = firstOf(environment, "HTTPS_PROXY", "https_proxy");
  if (text === "") return undefined;
  const host = hostOf(server);
  if (host === "localhost" || inList(LOOPBACK, host)) return undefined;
  const [, exceptions] = firstOf(environment, "NO_PROXY", "no_proxy");
  const port = server.port || "443";
  if (exceptions.split(",").some((exception) => matches(exception.trim().toLowerCase(), host, port))) return undefined;
  return parseProxy(text, name);
}

/** Parses the URL of a proxy; without a scheme it is http. `from` names the source in the error, which never shows the URL, because it may hold a password. */
export function parseProxy(text: string, from: string): URL {
  const whole = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const isProxy = url !== undefined && url.hostname !== "" && /^https?:$/.test(url.protocol) && isEscaped(url.username + url.password);
  if (!isProxy) throw new Error(`${from} is not the URL of an http or https proxy; write it like http://proxy.example:3128`);
  return url;
}

/** Whether every percent sign begins an escape, and the escapes decode to UTF-8. */
function isEscaped(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether one entry of NO_PROXY matches. An entry is `*`, an address, a network, a name (which includes its subdomains), or `.name` or `*.name`
 * (only the subdomains). Addresses and names may have a port.
 */
function matches(exception: string, host: string, port: string): boolean {
  if (exception === "*") return true;
  if (exception.includes("/")) return isNetwork(exception) && inList(blockListOf(exception), host);
  const [named, wantedPort] = withoutPort(exception);
  if (named === "" || (wantedPort !== "" && wantedPort !== port)) return false;
  if (isIP(named) !== 0) return inList(blockListOf(`${named}/${isIP(named) === 4 ? 32 : 128}`), host);
  if (isIP(host) !== 0) return false;
  const name = named.replace(/^\*(?=\.)/, "");
  const suffix = name.startsWith(".") ? name : `.${name}`;
  const ascii = `.${domainToASCII(suffix.slice(1)) || suffix.slice(1)}`;
  return host.endsWith(ascii) || (!name.startsWith(".") && host === ascii.slice(1));
}

/** "[::1]:443" and "name:443" have a port, "::1" has none. */
function withoutPort(text: string): [host: string, port: string] {
  const [, bracketed, inner, port] = /^(\[(.*)\]|[^:]*)(?::(\d*))?$/.exec(text) ?? [];
  return bracketed === undefined ? [text, ""] : [inner ?? bracketed, port ?? ""];
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();

function isNetwork(text: string): boolean {
  const [address = "", length = ""] = text.split("/");
  return isIP(address) !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (isIP(address) === 4 ? 32 : 128);
}

function blockListOf(...networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", length] = network.split("/");
    list.addSubnet(address, Number(length), isIP(address) === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

/** An IPv4-mapped IPv6 address is in the IPv4 networks. */
const inList = (list: BlockList, host: string): boolean => isIP(host) !== 0 && list.check(host, isIP(host) === 4 ? "ipv4" : "ipv6");

/** As Go does: upper case wins, and an empty variable counts as unset. */
function firstOf(environment: Environment, ...names: readonly string[]): [name: string, value: string] {
  const name = names.find((one) => (environment[one] ?? "") !== "");
  return name === undefined ? [names[0] ?? "", ""] : [name, environment[name] ?? ""];
}
