import { expect, test } from "@jest/globals";
import { mergeKubeconfigs, parseKubeconfig, resolveContext } from "./kubeconfig.ts";

const FILE = "/home/alice/.kube/config";
const server = "https://hub.example:6443";
const PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const data = Buffer.from(PEM).toString("base64");

const config = (user: object, cluster: object = {}, context: object = {}, file = FILE) =>
  parseKubeconfig(
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server, ...cluster } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u", ...context } }],
      "current-context": "x",
    }),
    file,
  );

// Every field of Cluster, AuthInfo, ExecConfig and Context in client-go's tools/clientcmd/api/v1/types.go of Kubernetes 1.36.
const FIELDS = {
  cluster: [
    ...["server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority", "certificate-authority-data"],
    ...["proxy-url", "disable-compression", "extensions"],
  ],
  user: [
    ...["client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile", "as", "as-uid"],
    ...["as-groups", "as-user-extra", "username", "password", "auth-provider", "exec", "extensions"],
  ],
  exec: ["command", "args", "env", "apiVersion", "installHint", "provideClusterInfo", "interactiveMode"],
  context: ["cluster", "user", "namespace", "extensions"],
} as const;

const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "login", interactiveMode: "Never" };
const certificate = { "client-certificate-data": data, "client-key-data": data };

/** For each field: what it becomes, or the message of the refusal. Empty: it does not affect how the server is reached. */
const becomes: Readonly<
  Record<string, { readonly given: readonly [user: object, cluster?: object, context?: object]; to: object | RegExp }>
> = {
  "cluster.server": { given: [{}], to: { server } },
  "cluster.tls-server-name": { given: [{}, { "tls-server-name": "api" }], to: { serverName: "api" } },
  "cluster.insecure-skip-tls-verify": { given: [{}, { "insecure-skip-tls-verify": true }], to: /insecure-skip-tls-verify/ },
  "cluster.certificate-authority": { given: [{}, { "certificate-authority": "ca.crt" }], to: { ca: { file: "/home/alice/.kube/ca.crt" } } },
  "cluster.certificate-authority-data": { given: [{}, { "certificate-authority-data": data }], to: { ca: { pem: PEM } } },
  "cluster.proxy-url": { given: [{}, { "proxy-url": "http://proxy.example:3128" }], to: { proxyURL: "http://proxy.example:3128" } },
  "cluster.disable-compression": { given: [{}, { "disable-compression": true }], to: {} },
  "cluster.extensions": { given: [{}, { extensions: [{ name: "a", extension: 1 }] }], to: {} },
  "user.client-certificate": {
    given: [{ "client-certificate": "a.crt", "client-key-data": data }],
    to: { certificate: { cert: { file: "/home/alice/.kube/a.crt" }, key: { pem: PEM } } },
  },
  "user.client-certificate-data": { given: [certificate], to: { certificate: { cert: { pem: PEM }, key: { pem: PEM } } } },
  "user.client-key": {
    given: [{ "client-certificate-data": data, "client-key": "/a.key" }],
    to: { certificate: { cert: { pem: PEM }, key: { file: "/a.key" } } },
  },
  "user.client-key-data": { given: [{ "client-key-data": data }], to: /only one of client-certificate and client-key/ },
  "user.token": { given: [{ token: "t" }], to: { token: "t" } },
  "user.tokenFile": { given: [{ tokenFile: "t" }], to: { tokenFile: "/home/alice/.kube/t" } },
  "user.as": { given: [{ as: "bob" }], to: { impersonate: { user: "bob", uid: "", groups: [], extra: {} } } },
  "user.as-uid": { given: [{ as: "bob", "as-uid": "1" }], to: { impersonate: { user: "bob", uid: "1", groups: [], extra: {} } } },
  "user.as-groups": {
    given: [{ as: "bob", "as-groups": ["a", "b"] }],
    to: { impersonate: { user: "bob", uid: "", groups: ["a", "b"], extra: {} } },
  },
  "user.as-user-extra": {
    given: [{ as: "bob", "as-user-extra": { a: ["1", "2"] } }],
    to: { impersonate: { user: "bob", uid: "", groups: [], extra: { a: ["1", "2"] } } },
  },
  "user.username": { given: [{ username: "alice" }], to: /username and password/ },
  "user.password": { given: [{ password: "secret" }], to: /username and password/ },
  "user.auth-provider": { given: [{ "auth-provider": { name: "oidc" } }], to: /auth-provider/ },
  "user.exec": { given: [{ exec }], to: { exec: { ...exec, args: [], env: [], installHint: "", provideClusterInfo: false } } },
  "user.extensions": { given: [{ extensions: [] }], to: {} },
  "exec.command": { given: [{ exec: { ...exec, command: "../bin/login" } }], to: { exec: { command: "/home/alice/bin/login" } } },
  "exec.args": { given: [{ exec: { ...exec, args: ["a"] } }], to: { exec: { args: ["a"] } } },
  "exec.env": { given: [{ exec: { ...exec, env: [{ name: "A", value: "b" }] } }], to: { exec: { env: [{ name: "A", value: "b" }] } } },
  "exec.apiVersion": { given: [{ exec: { ...exec, apiVersion: "client.authentication.k8s.io/v1alpha1" } }], to: /v1alpha1/ },
  "exec.installHint": { given: [{ exec: { ...exec, installHint: "apt" } }], to: { exec: { installHint: "apt" } } },
  "exec.provideClusterInfo": {
    given: [
      { exec: { ...exec, provideClusterInfo: true } },
      { extensions: [{ name: "client.authentication.k8s.io/exec", extension: { a: 1 } }] },
    ],
    to: { exec: { provideClusterInfo: true, clusterExtension: { a: 1 } } },
  },
  "exec.interactiveMode": { given: [{ exec: { ...exec, interactiveMode: undefined } }], to: /interactiveMode/ },
  "context.cluster": { given: [{}, {}, { cluster: "other" }], to: /names no cluster/ },
  "context.user": { given: [{}, {}, { user: "other" }], to: /"other", which does not exist/ },
  "context.namespace": { given: [{}, {}, { namespace: "shop" }], to: {} },
  "context.extensions": { given: [{}, {}, { extensions: [] }], to: {} },
};
const fields = Object.entries(FIELDS).flatMap(([type, names]) => names.map((name) => `${type}.${name}`));

test.each(fields)("the field %s is supported, or refused by name", (field) => {
  const found = becomes[field];
  expect(found).toBeDefined();
  const { given, to } = found as NonNullable<typeof found>;
  if (to instanceof RegExp) expect(() => resolveContext(config(...given))).toThrow(to);
  else expect(resolveContext(config(...given))).toMatchObject(to);
});

test.each([
  ["a field that nobody knows", [{ "as-group": ["a"] }], /user "u" has a field "as-group"/],
  ["one in the cluster", [{}, { "insecure-skip-tls": true }], /cluster "c" has a field "insecure-skip-tls"/],
  ["one in exec", [{ exec: { ...exec, commands: "x" } }], /exec of user "u" has a field "commands"/],
  ["a list where a text belongs", [{ as: ["bob"] }], /user "u": "as" must be text/],
  ["a number as a token", [{ token: 12345 }], /"token" must be text/],
  ["a text where a list belongs", [{ as: "bob", "as-groups": "admins" }], /"as-groups" must be a list of texts/],
  ["extra values that are no lists", [{ as: "bob", "as-user-extra": { a: "b" } }], /"as-user-extra" must be lists of texts by name/],
  ["groups without a user", [{ "as-groups": ["a"] }], /as-groups or as-user-extra without "as"/],
  ["a uid without a user", [{ "as-uid": "1" }], /as-uid, as-groups or as-user-extra without "as"/],
  ["data that is no PEM", [{}, { "certificate-authority-data": "!!!" }], /certificate-authority-data is not the base64 of PEM/],
  ["plain http", [{}, { server: "http://hub.example" }], /not reached over https/],
  ["a server without a scheme", [{}, { server: "hub.example:6443" }], /not reached over https/],
  ["a password in the server's URL", [{}, { server: "https://alice:secret@hub.example" }], /a user or a password in its server/],
  ["a proxy by SOCKS", [{}, { "proxy-url": "socks5://user:secret@proxy.example" }], /proxy-url that is neither/],
] as [string, [object, object?], RegExp][])("%s is refused in one line that shows no value of a credential", (_, given, message) => {
  expect(() => resolveContext(config(...given))).toThrow(message);
  const text = (() => {
    try {
      return String(resolveContext(config(...given)));
    } catch (error) {
      return (error as Error).message;
    }
  })();
  expect(text).not.toMatch(/\n|secret|12345/);
});

test("null and empty texts count as absent, as with kubectl", () => {
  const user = { token: "t", tokenFile: "", as: "", exec: null, "auth-provider": null, "client-certificate": "" };
  expect(resolveContext(config(user, { "certificate-authority": "", "proxy-url": "" }))).toEqual({ server, token: "t" });
});

test("data has precedence over a file, and a plugin is used only when there is no other credential", () => {
  const both = { ...certificate, "client-certificate": "a.crt", "client-key": "a.key" };
  expect(resolveContext(config({ ...both, exec }))).toEqual({ server, certificate: { cert: { pem: PEM }, key: { pem: PEM } } });
});

test("of several files the first that defines a name wins, and paths stay relative to their own file", () => {
  const merged = mergeKubeconfigs([
    config({ tokenFile: "t" }, {}, {}, "/a/config"),
    config({ token: "second" }, { server: "https://second.example" }, {}, "/b/config"),
    parseKubeconfig(JSON.stringify({ contexts: [{ name: "y", context: { cluster: "c", user: "u" } }], "current-context": "y" }), "/c"),
  ]);
  expect(resolveContext(merged)).toEqual({ server, tokenFile: "/a/t" });
  expect(resolveContext(merged, "y")).toEqual({ server, tokenFile: "/a/t" });
});

test.each([
  ["no YAML", "a: [", /is not YAML/],
  ["a list", "- a", /is not a kubeconfig/],
  ["clusters that are no list", "clusters: {}", /"clusters" must be a list/],
  ["an entry without a name", "users: [{user: {}}]", /an entry of "users" has no name/],
  ["a name twice", "users: [{name: a, user: {}}, {name: a, user: {}}]", /user "a" is there twice/],
])("a file with %s is refused with its name", (_, text, message) => {
  expect(() => parseKubeconfig(text, FILE)).toThrow(message);
  expect(() => parseKubeconfig(text, FILE)).toThrow(FILE);
});

test("an empty file is a kubeconfig without contexts", () => {
  expect(() => resolveContext(parseKubeconfig("", FILE))).toThrow("there is no current context");
});
