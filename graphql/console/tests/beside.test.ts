import assert from "node:assert/strict";
import { test } from "node:test";
import { beside } from "../src/logic/beside";
import type { Spot } from "../src/logic/layout";

const at = (x: number, y: number): Spot => ({ x, y, width: 180, height: 50 });
const spots = new Map([["a", at(0, 0)], ["b", at(200, 0)], ["c", at(200, 80)], ["d", at(400, 300)]]);

test("an arrow goes to the nearest box on its side", () => {
  assert.equal(beside("a", "ArrowRight", spots), "b");
  assert.equal(beside("b", "ArrowDown", spots), "c");
  assert.equal(beside("c", "ArrowUp", spots), "b");
  assert.equal(beside("d", "ArrowLeft", spots), "c");
});

test("nothing is there beyond the border, for another key and for a box that is gone", () => {
  assert.equal(beside("a", "ArrowLeft", spots), null);
  assert.equal(beside("a", "Enter", spots), null);
  assert.equal(beside("gone", "ArrowRight", spots), null);
});

test("every box of a row is reached in turn, also where boxes lie aside", () => {
  const row = new Map(Array.from({ length: 9 }, (_, i) => [`s${i}`, at(200 * i, i % 2 ? 0 : 30)] as const));
  let here: string | null = "s0";
  const visited = [here];
  while ((here = beside(here, "ArrowRight", row)) !== null) visited.push(here);
  assert.deepEqual(visited, [...row.keys()]);
});
