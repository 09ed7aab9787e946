import assert from "node:assert/strict";
import { test } from "node:test";
import { collapse, GROUPS, LEAF, MOST, nameOf, pathToStep, WHOLE, type Grouping } from "../src/logic/collapse";
import { criticalPath, dependentsOf, ranks } from "../src/logic/graph";
import { layout } from "../src/logic/layout";
import type { StepNode } from "../src/logic/steps";
import { at, step, wide } from "./making";

const chain = (n: number): StepNode[] => wide(n, 1);

test("a rank is the longest way from a beginning", () => {
  const rank = ranks([step("a"), step("b", { dependencyIds: ["a"] }), step("c", { dependencyIds: ["a", "b", "gone", "b"] })]);
  assert.deepEqual([...rank.values()], [0, 1, 2]);
});

test("a circle, which the server never stores, does not hang the page", () => {
  const rank = ranks([step("a", { dependencyIds: ["b"] }), step("b", { dependencyIds: ["a"] }), step("c")]);
  assert.equal(rank.size, 3);
  assert.equal(criticalPath([step("a", { dependencyIds: ["a"], startedAt: at(0), finishedAt: at(1) })], true, 0).length, 1);
});

test("the critical path of a finished plan goes back from what ended last", () => {
  const done = { status: "completed" as const };
  const steps = [
    step("a", { ...done, startedAt: at(0), finishedAt: at(1) }),
    step("slow", { ...done, startedAt: at(1), finishedAt: at(9), dependencyIds: ["a"] }),
    step("fast", { ...done, startedAt: at(1), finishedAt: at(2), dependencyIds: ["a"] }),
    step("end", { ...done, startedAt: at(9), finishedAt: at(10), dependencyIds: ["fast", "slow"] }),
  ];
  assert.deepEqual(criticalPath(steps, true, 0), ["a", "slow", "end"]);
});

test("the critical path of a running plan is the longest chain, what runs counting what it took so far", () => {
  const steps = [
    step("a", { status: "completed", startedAt: at(0), finishedAt: at(1) }),
    step("long", { status: "in_progress", startedAt: at(1), dependencyIds: ["a"] }),
    step("b", { status: "completed", startedAt: at(1), finishedAt: at(3), dependencyIds: ["a"] }),
    step("c", { dependencyIds: ["b"] }),
  ];
  assert.deepEqual(criticalPath(steps, false, Date.parse(at(60))), ["a", "long"]);
  assert.deepEqual(criticalPath(steps, false, Date.parse(at(2))), ["a", "b", "c"]);
  assert.deepEqual(dependentsOf(steps).get("a"), ["long", "b"]);
});

test("a plan of a few hundred steps is drawn whole", () => {
  const steps = wide(4, WHOLE / 4);
  const shown = collapse(steps, ranks(steps), "rank", new Set());
  assert.equal(shown.collapsed, false);
  assert.equal(shown.nodes.length, WHOLE);
});

const SHAPES: Readonly<Record<string, StepNode[]>> = {
  wide: wide(3, 1_700), deep: chain(5_000), square: wide(70, 72),
  names: Array.from({ length: 5_000 }, (_, i) => step(`n${i}${"abc"[i % 3]}_${i}`, { position: i })),
};

for (const [name, steps] of Object.entries(SHAPES)) {
  for (const grouping of ["rank", "name"] as Grouping[]) {
    test(`5,000 steps, ${name}, by ${grouping}: never more nodes than can be drawn, none lost, each can be reached`, () => {
      const rank = ranks(steps);
      const closed = collapse(steps, rank, grouping, new Set());
      assert.ok(closed.nodes.length <= GROUPS && closed.nodes.length > 0, String(closed.nodes.length));
      const far = steps[4_321]!;
      const opened = new Set(pathToStep(steps, rank, grouping, far.id));
      const shown = collapse(steps, rank, grouping, opened);
      assert.ok(shown.nodes.some((node) => node.kind === "step" && node.step.id === far.id));
      assert.ok(shown.nodes.length <= MOST);
      const held = shown.nodes.reduce((sum, node) => sum + (node.kind === "step" ? 1 : node.steps.length), 0);
      assert.equal(held, steps.length);
      assert.equal(new Set(shown.nodes.map((node) => node.id)).size, shown.nodes.length);
    });
  }
}

test("whatever is opened, the drawing stays within its bound", () => {
  const steps = SHAPES["square"]!;
  const rank = ranks(steps);
  let opened = new Set<string>();
  for (let round = 0; round < 6; round++) {
    const shown = collapse(steps, rank, "rank", opened);
    assert.ok(shown.nodes.length <= MOST);
    opened = new Set([...opened, ...shown.nodes.filter((node) => node.kind === "group").map((node) => node.id)]);
  }
});

test("edges between groups say how many dependencies they stand for", () => {
  const steps = wide(2, 200);
  const shown = collapse(steps, ranks(steps), "rank", new Set());
  assert.deepEqual(shown.edges, [{ from: "r0-0", to: "r1-1", count: 200 }]);
});

test("everything drawn has a place of its own", () => {
  for (const steps of [chain(40), wide(4, 30), wide(30, 200)]) {
    const rank = ranks(steps);
    const opened = new Set(pathToStep(steps, rank, "rank", steps[steps.length - 1]!.id));
    const shown = collapse(steps, rank, "rank", opened);
    const spots = [...layout(shown).spots.values()];
    assert.equal(spots.length, shown.nodes.length);
    for (const [i, a] of spots.entries()) {
      for (const b of spots.slice(i + 1)) {
        const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        assert.ok(apart, `${JSON.stringify(a)} lies on ${JSON.stringify(b)}`);
      }
    }
  }
});

test("names of groups are what keys share", () => {
  assert.deepEqual(["stage00_item0001", "item12", "fetch[3]", "a.b.c", "42", "review"].map(nameOf),
    ["stage00", "item", "fetch", "a", "…", "review"]);
  assert.ok(LEAF < MOST);
});
