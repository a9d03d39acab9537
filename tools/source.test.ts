import { expect, test } from "@jest/globals";
import { parseSource } from "./source.ts";

const imports = (text: string) => parseSource("x.ts", text).imports;
const uses = (text: string) => parseSource("x.ts", text).uses;

test.each([
  ['import { a, b as c } from "./x.ts"', { from: "./x.ts", names: ["a", "b"], typeOnly: false }],
  ['import type { A } from "./x.ts"', { from: "./x.ts", names: ["A"], typeOnly: true }],
  ['import { type A, type B } from "./x.ts"', { from: "./x.ts", names: [], typeOnly: true }],
  ['import { type A, b } from "./x.ts"', { from: "./x.ts", names: ["b"], typeOnly: false }],
  ['import * as x from "node:fs"', { from: "node:fs", names: [], typeOnly: false }],
  ['import "./x.ts"', { from: "./x.ts", names: [], typeOnly: false }],
  ['export { a } from "./x.ts"', { from: "./x.ts", names: ["a"], typeOnly: false }],
  ['export * from "./x.ts"', { from: "./x.ts", names: [], typeOnly: false }],
  ['const x = await import("undici")', { from: "undici", names: [], typeOnly: false }],
])("%s is seen for what it imports", (text, expected) => {
  expect(imports(text)).toEqual([expected]);
});

test.each([
  ["Date.now()", "Date.now"],
  ["f(() => [Math.random()])", "Math.random"],
  ["new Date()", "new Date()"],
  ["const { pid } = process", "process"],
  ["const x = { y: globalThis }", "globalThis"],
  [["`$", "{process.pid}`"].join(""), "process"],
  ["class A { b = setTimeout }", "setTimeout"],
])("%s is seen as a use", (text, expected) => {
  expect([...uses(text)]).toContain(expected);
});

test.each([
  ["const x = { process: 1 }", "process"],
  ["x.process", "process"],
  ["new Date(at)", "new Date()"],
  ['const x = "process"', "process"],
  ["const x = 1; // process", "process"],
  ["interface A { process: string }", "process"],
  ["function f(a: { console: string }): void {}", "console"],
])("%s is no use of what it only names", (text, unexpected) => {
  expect([...uses(text)]).not.toContain(unexpected);
});
