import { describe, expect, test } from "@jest/globals";
import type { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import type { Token } from "../../crds/v1alpha1/token.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { tokenHash, tokenObjectName } from "../identity/token.ts";
import { authorizationsIn, bearerOf, isTokenOf } from "./bearer.ts";
import { isInScope, membership } from "./membership.ts";
import { evaluateSession, mayUse, type SessionResult } from "./session.ts";

const TOKEN = `drv_${"A".repeat(43)}`;
const hash = tokenHash(TOKEN);

describe("the token that a request carries", () => {
  test.each<[string, string[], string]>([
    ["none", [], "NoToken"],
    ["one", [`Bearer ${TOKEN}`], "token"],
    ["the scheme in lower case", [`bearer ${TOKEN}`], "token"],
    ["the scheme in odd case", [`bEaReR ${TOKEN}`], "token"],
    ["the same one twice", [`Bearer ${TOKEN}`, `Bearer ${TOKEN}`], "SeveralTokens"],
    ["two, the second empty", [`Bearer ${TOKEN}`, ""], "SeveralTokens"],
    ["two in one header", [`Bearer ${TOKEN}, Bearer ${TOKEN}`], "MalformedToken"],
    ["another scheme", [`Basic ${TOKEN}`], "MalformedToken"],
    ["two spaces", [`Bearer  ${TOKEN}`], "MalformedToken"],
    ["a space behind", [`Bearer ${TOKEN} `], "MalformedToken"],
    ["a byte more", [`Bearer ${TOKEN}A`], "MalformedToken"],
    ["a byte less", [`Bearer ${TOKEN.slice(0, -1)}`], "MalformedToken"],
    ["another kind of token", ["Bearer eyJhbGciOi.e30.x"], "MalformedToken"],
    ["an empty header", [""], "MalformedToken"],
  ])("%s", (_, authorization, wanted) => {
    const bearer = bearerOf(authorization);
    expect(bearer).toEqual(wanted === "token" ? { is: "token", hash, name: tokenObjectName(hash) } : { is: "none", reason: wanted });
  });

  test("the object's name is half of the hash; the other half counts too", () => {
    const token = (stored: string) => ({ spec: { hash: stored } }) as unknown as Token;
    expect(isTokenOf(token(hash), hash)).toBe(true);
    expect(isTokenOf(token(`${hash.slice(0, 32)}${"0".repeat(32)}`), hash)).toBe(false);
    expect(isTokenOf(token(""), hash)).toBe(false);
  });

  test("a second header is not overlooked, however it is written", () => {
    expect(authorizationsIn(["Host", "x", "Authorization", "a", "aUTHORIZATION", "b"])).toEqual(["a", "b"]);
  });
});

const NOW = Date.parse("2030-01-01T00:00:00Z");
const token = (spec: object = {}, metadata: object = {}): Token =>
  ({
    metadata: { name: "t", ...metadata },
    spec: {
      ...{ hash, user: "alice", userUID: "alice-1", provider: "local", providerUID: "local-1", loginGeneration: 0 },
      ...{ expiresAt: "2030-01-01T00:00:01Z", ...spec },
    },
  }) as unknown as Token;
const user = (spec: object = {}, metadata: object = {}, status: object = {}): User =>
  ({ metadata: { name: "alice", uid: "alice-1", ...metadata }, spec: { enabled: true, ...spec }, status }) as unknown as User;
const provider = (metadata: object = {}, access: object = { mode: "Unrestricted" }): AuthProvider =>
  ({ metadata: { name: "local", uid: "local-1", ...metadata }, spec: { local: {}, access } }) as unknown as AuthProvider;
const gone = { deletionTimestamp: "2029-12-31T23:59:59Z" };

describe("whether a token is valid", () => {
  test.each<[string, Token, User | undefined, AuthProvider | undefined, SessionResult]>([
    ["all is well", token(), user(), provider(), "Valid"],
    ["it is being deleted, and a finalizer keeps it", token({}, gone), user(), provider(), "TokenDeleted"],
    ["it ran out this millisecond", token({ expiresAt: "2030-01-01T00:00:00Z" }), user(), provider(), "TokenExpired"],
    ["its end cannot be read", token({ expiresAt: "later" }), user(), provider(), "TokenExpired"],
    ["the user is gone", token(), undefined, provider(), "UserGone"],
    ["the user is being deleted", token(), user({}, gone), provider(), "UserGone"],
    ["the user is disabled", token(), user({ enabled: false }), provider(), "UserDisabled"],
    ["the user is another one of the same name", token(), user({}, { uid: "alice-2" }), provider(), "UserReplaced"],
    ["it names no user's UID", token({ userUID: undefined }), user(), provider(), "UserReplaced"],
    ["all logins were ended since", token(), user({}, {}, { loginGeneration: 1 }), provider(), "LoggedOutEverywhere"],
    ["it is of this generation", token({ loginGeneration: 3 }), user({}, {}, { loginGeneration: 3 }), provider(), "Valid"],
    ["the User lost count", token({ loginGeneration: 3 }), user(), provider(), "LoggedOutEverywhere"],
    ["the password is another one", token({ credential: "a" }), user({}, {}, { credential: "b" }), provider(), "PasswordChanged"],
    ["there is no password any more", token({ credential: "a" }), user(), provider(), "PasswordChanged"],
    ["the password is the same", token({ credential: "a" }), user({}, {}, { credential: "a" }), provider(), "Valid"],
    ["it was not got with a password", token(), user({}, {}, { credential: "b" }), provider(), "Valid"],
    ["the provider is another one of the same name", token(), user(), provider({ uid: "local-2" }), "ProviderReplaced"],
    ["the provider now lets others in only", token(), user(), provider({}, { mode: "Required", users: ["bob"] }), "NotAllowedByProvider"],
    ["the provider now has an unknown mode", token(), user(), provider({}, { mode: "Odd" }), "NotAllowedByProvider"],
    ["the provider is gone", token(), user(), undefined, "ProviderGone"],
    ["the provider is being deleted", token(), user(), provider(gone), "ProviderGone"],
    ["the provider is not accepted, its directory being away", token(), user(), provider(), "Valid"],
  ])("%s", (_, token, user, provider, wanted) => {
    expect(evaluateSession(token, { user, provider, hasAccessSomewhere: true }, NOW)).toBe(wanted);
  });
});

test.each<[string, object, object, boolean, boolean]>([
  ["Unrestricted", { mode: "Unrestricted" }, {}, false, true],
  ["Required, and they are not listed", { mode: "Required" }, {}, true, false],
  ["Required, and they are listed", { mode: "Required", users: ["alice"] }, {}, false, true],
  ["Required, and a group of theirs is listed", { mode: "Required", groups: ["devs"] }, { local: ["devs"] }, false, true],
  ["Required, and another provider's group of that name", { mode: "Required", groups: ["devs"] }, { corp: ["devs"] }, false, false],
  ["Restricted, and they have access somewhere", { mode: "Restricted" }, {}, true, true],
  ["Restricted, and they have access nowhere", { mode: "Restricted" }, {}, false, false],
  ["Restricted, and they are listed", { mode: "Restricted", users: ["alice"] }, {}, false, true],
])("whom a provider lets in: %s", (_, access, groups, hasAccessSomewhere, wanted) => {
  const reported = Object.entries(groups).map(([provider, names]) => ({ provider, names }));
  expect(mayUse(provider({}, access), user({}, {}, { groups: reported }), hasAccessSomewhere)).toBe(wanted);
});

describe("who may reach a cluster", () => {
  const members = (spec: object): ClusterMembers =>
    ({ metadata: { name: "members" }, spec: { users: [], groups: [], everyone: false, ...spec } }) as unknown as ClusterMembers;
  const groups = { groups: [{ provider: "corp", names: ["devs", "ops"] }] };
  test.each<[string, User, ClusterMembers | undefined, readonly string[] | undefined]>([
    ["a cluster without a list", user(), undefined, undefined],
    ["an empty list", user(), members({}), undefined],
    ["a user who is named", user(), members({ users: ["alice"] }), []],
    ["a user in a group that is named", user({}, {}, groups), members({ groups: ["drover:group:corp:devs"] }), ["drover:group:corp:devs"]],
    ["a group of the same name from another provider", user({}, {}, groups), members({ groups: ["drover:group:other:devs"] }), undefined],
    ["everyone", user(), members({ everyone: true }), []],
  ])("%s", (_, user, members, wanted) => {
    expect(membership(user, members)).toEqual(wanted);
  });

  test("the groups of a user are read once, however many clusters they are looked up in", () => {
    let read = 0;
    const reported = { provider: "corp", names: ["devs"] };
    const status = {
      get groups() {
        read++;
        return [reported];
      },
    };
    const member = user({}, {}, status);
    for (let n = 0; n < 100; n++)
      expect(membership(member, members({ groups: n % 2 === 0 ? ["drover:group:corp:devs"] : [] }))).toEqual(
        n % 2 === 0 ? ["drover:group:corp:devs"] : undefined,
      );
    expect(read).toBe(1);
  });

  test("a token for some clusters opens no other", () => {
    expect(["east", "west"].map((cluster) => isInScope(token({ clusters: ["east"] }), cluster))).toEqual([true, false]);
    expect(isInScope(token(), "west")).toBe(true);
    expect(isInScope(token({ clusters: [] }), "west")).toBe(false);
  });
});
