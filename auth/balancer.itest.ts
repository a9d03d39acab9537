// auth behind a load balancer that says for whom it speaks, and behind one that does not.
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { AuthUnderTest, BALANCER, expectStatus, SENTINEL } from "../test/auth/server.ts";
import { until } from "../test/until.ts";

jest.setTimeout(120_000);

let under: AuthUnderTest;

beforeAll(async () => {
  under = await AuthUnderTest.start();
  await under.addUser("dave", `${SENTINEL}-dave`);
}, 900_000);

afterAll(async () => {
  await under?.stop();
});

test("140 logins at a provider that does not exist, from behind the same load balancer, use up nobody's attempts", async () => {
  for (let n = 0; n < 140; n++) {
    const body = { username: `nobody-${n}`, password: "x" };
    const reply = await under.send("POST", "/login/nowhere", { body, forwardedFor: `198.51.100.${n}` });
    expect(reply.status).toBe(404);
  }
  const reply = await under.login("dave", `${SENTINEL}-dave`, {}, { forwardedFor: "203.0.113.7" });
  expect(reply.status).toBe(200);
});

test("logins at an unknown provider use up the attempts neither of their own source nor of a load balancer", async () => {
  const body = { username: "nobody", password: "x" };
  for (const from of ["127.0.4.1", BALANCER]) {
    for (let n = 0; n < 140; n++) expect((await under.send("POST", "/login/nowhere", { body, from })).status).toBe(404);
    expect((await under.login("dave", `${SENTINEL}-dave`, {}, from)).status).toBe(200);
  }
});

test("ten wrong passwords from elsewhere do not lock a user out at the source from which they log in", async () => {
  const home = { forwardedFor: "203.0.113.8" };
  expect((await under.login("alice", SENTINEL, {}, home)).status).toBe(200);
  const guesses: number[] = [];
  for (let n = 0; n < 12; n++) guesses.push((await under.login("alice", `guess ${n}`, {}, { forwardedFor: "198.51.100.200" })).status);
  expect(guesses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
  expect(guesses).toContain(429);
  expect((await under.login("alice", SENTINEL, {}, home)).status).toBe(200);
});

test("a forged X-Forwarded-For in front of the load balancer's own entry counts for nothing", async () => {
  const statuses: number[] = [];
  for (let n = 0; n < 12; n++)
    statuses.push((await under.login("alice", `guess ${n}`, {}, { forwardedFor: `192.0.2.${n}, 198.51.100.77` })).status);
  expect(statuses).toContain(429);
  for (let n = 0; n < 12; n++) {
    const headers = { "x-forwarded-for": `192.0.2.${n}` };
    statuses.push((await under.login("alice", `guess ${n}`, {}, { from: "127.0.4.2", headers })).status);
  }
  expect(statuses.slice(12)).toContain(429);
});

test("behind a load balancer that names no client, wrong passwords for one user do not stop another, and a user's guesses are counted", async () => {
  for (let n = 0; n < 14; n++) expectStatus(await under.login("no-such-user", `guess ${n}`, {}, BALANCER), 401, "Unauthorized");
  expect((await under.login("dave", `${SENTINEL}-dave`, {}, BALANCER)).status).toBe(200);
});

test("a flood of invented tokens behind a load balancer that names no client does not keep a fresh login from being used", async () => {
  let [flooding, refused] = [true, 0];
  const flood = Array.from({ length: 16 }, async (_, worker) => {
    for (let n = 0; flooding; n++) {
      const token = `drv_${`${worker}x${n}`.padEnd(43, "x")}`;
      if ((await under.send("GET", "/clusters", { token, from: BALANCER })).status === 429) refused++;
    }
  });
  try {
    await until(() => refused > 100, "the flood is slowed down");
    const token = (await under.login("dave", `${SENTINEL}-dave`, {}, BALANCER)).body.token as string;
    expect((await under.send("GET", "/clusters", { token, from: BALANCER })).status).toBe(200);
  } finally {
    flooding = false;
    await Promise.all(flood);
  }
});

test("a balancer may open more connections than any other source; another source may not", async () => {
  const port = Number(new URL(under.auth.url).port);
  const held = async (localAddress: string) => {
    const sockets = Array.from({ length: 120 }, () => connect({ host: "127.0.0.1", port, localAddress }).on("error", () => {}));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    return sockets;
  };
  const sockets = [...(await held(BALANCER)), ...(await held("127.0.4.9"))];
  try {
    expect((await under.send("GET", "/.well-known/drover", { from: BALANCER })).status).toBe(200);
    await expect(under.send("GET", "/.well-known/drover", { from: "127.0.4.9" })).rejects.toThrow();
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
