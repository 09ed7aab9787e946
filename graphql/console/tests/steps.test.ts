import assert from "node:assert/strict";
import { test } from "node:test";
import { countStates, inOrder, keepOnly, mergeSteps, shapeOf, stateOf, unlock, type Book } from "../src/logic/steps";
import { step } from "./making";

const book = (...steps: ReturnType<typeof step>[]): Book => new Map(steps.map((one) => [one.id, one]));

test("an older page does not undo what the stream told", () => {
  const told = mergeSteps(book(step("a")), [step("a", { revision: 3, status: "completed" })]);
  const after = mergeSteps(told, [step("a", { revision: 2, status: "in_progress" })]);
  assert.equal(after.get("a")?.status, "completed");
});

test("of equal revisions the later word stays, as waits and readiness change without one", () => {
  const after = mergeSteps(book(step("a", { waitsFor: 1 })), [step("a", { waitsFor: 0, ready: true })]);
  assert.equal(after.get("a")?.ready, true);
});

test("nothing new is the same book, so that nothing is drawn again", () => {
  const before = book(step("a", { dependencyIds: ["b"] }), step("b"));
  assert.equal(mergeSteps(before, [step("a", { dependencyIds: ["b"] })]), before);
  assert.equal(keepOnly(before, new Set(["a", "b"])), before);
  assert.equal(unlock(before, [step("b")]), before);
});

test("the end of a step unlocks who waits for it alone", () => {
  const done = step("a", { revision: 2, status: "completed" });
  const waiting = [step("b", { dependencyIds: ["a"] }), step("c", { dependencyIds: ["a", "x"] }), step("x")];
  const after = unlock(book(done, ...waiting), [done]);
  assert.deepEqual([after.get("b")?.waitsFor, after.get("b")?.ready], [0, true]);
  assert.deepEqual([after.get("c")?.waitsFor, after.get("c")?.ready], [1, false]);
});

test("behind a skipped dependency or a condition nobody is called ready before it was decided", () => {
  const skipped = step("a", { status: "skipped" });
  const done = step("d", { status: "completed" });
  const all = book(skipped, done, step("b", { dependencyIds: ["a"] }), step("c", { dependencyIds: ["d"], type: "conditional" }));
  const after = unlock(all, [skipped, done]);
  assert.equal(after.get("b")?.ready, false);
  assert.equal(after.get("c")?.ready, false);
});

test("a step that rests is told apart from one that works", () => {
  assert.equal(stateOf(step("a", { status: "in_progress" })), "running");
  assert.equal(stateOf(step("a", { status: "in_progress", parked: "confirm" })), "waiting");
  assert.equal(stateOf(step("a", { status: "in_progress", dueAt: "2026-01-01T00:00:00Z" })), "waiting");
  assert.equal(stateOf(step("a", { status: "in_progress", parked: "decided" })), "running");
  assert.equal(stateOf(step("a", { ready: true })), "ready");
  assert.equal(countStates([step("a"), step("b", { status: "failed" })]).failed, 1);
});

test("the shape changes with steps and dependencies, not with how they stand", () => {
  const before = [step("a"), step("b", { dependencyIds: ["a"] })];
  assert.equal(shapeOf(before), shapeOf([step("a", { status: "completed" }), step("b", { dependencyIds: ["a"], ready: true })]));
  assert.notEqual(shapeOf(before), shapeOf([step("a"), step("b")]));
  assert.notEqual(shapeOf(before), shapeOf([step("a"), step("b", { dependencyIds: ["b"] })]));
});

test("steps are listed by position", () => {
  assert.deepEqual(inOrder(book(step("b", { position: 1 }), step("a", { position: 0 }))).map((one) => one.id), ["a", "b"]);
});
