import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEventFragment } from "../src/generated/operations";
import { csv } from "../src/logic/csv";
import { append, KEPT, matches, NOTHING, prepend, wordsOf } from "../src/views/events/log";

const event = (seq: number, given: Partial<LogEventFragment> = {}): LogEventFragment => ({
  seq, eventId: String(seq), family: "graph_update", type: "step_created", op: "create", entityType: "Step", entityId: `e${seq}`,
  planId: null, actor: "ann", timestamp: "2026-01-01T00:00:00Z", fromStatus: null, toStatus: null, correlationId: null, commandId: null,
  changes: null, ...given,
}) as LogEventFragment;
const events = (from: number, to: number): LogEventFragment[] => Array.from({ length: to - from + 1 }, (_, i) => event(from + i));

test("events that come twice are kept once, in order, however a stream was resumed", () => {
  let log = append({ ...NOTHING, from: 10 }, events(11, 20));
  log = append(log, events(15, 25));
  log = append(log, []);
  assert.deepEqual(log.events.map((one) => one.seq), events(11, 25).map((one) => one.seq));
  assert.equal(log.from, 10);
});

test("older events come before the present ones, once", () => {
  const log = prepend(append({ ...NOTHING, from: 10 }, events(11, 12)), events(1, 12), 0);
  assert.deepEqual(log.events.map((one) => one.seq), events(1, 12).map((one) => one.seq));
  assert.equal(log.from, 0);
});

test("a page that follows for long keeps the latest events, and knows where older ones begin", () => {
  const log = append(append(NOTHING, events(1, KEPT)), events(KEPT + 1, KEPT + 50));
  assert.equal(log.events.length, KEPT);
  assert.equal(log.from, 50);
});

test("all words have to be found, in any field", () => {
  const one = event(7, { toStatus: "completed", actor: "Bob" });
  assert.ok(matches(one, wordsOf(" BOB  completed "), ""));
  assert.ok(!matches(one, wordsOf("bob failed"), ""));
  assert.ok(!matches(one, [], "Plan"));
});

test("CSV quotes what it must, and no cell is a formula", () => {
  assert.equal(csv(["a", "b"], [["x,y", 'say "hi"'], [null, -1], ["=1+1", { k: [1] }], ["-2", "line\nbreak"]]),
    'a,b\r\n"x,y","say ""hi"""\r\n,-1\r\n\'=1+1,"{""k"":[1]}"\r\n\'-2,"line\nbreak"');
});
