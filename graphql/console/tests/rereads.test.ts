import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Rereads } from "../src/logic/rereads";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.timers.reset());

function counting(): { reads: number; it: Rereads } {
  const counter = { reads: 0, it: null as unknown as Rereads };
  counter.it = new Rereads(() => {
    counter.reads += 1;
    counter.it.began();
  });
  return counter;
}

test("a reading that is slow is not begun anew while it goes on, and once more when it has ended", () => {
  const counter = counting();
  counter.it.began();
  for (let i = 0; i < 100; i++) {
    counter.it.ask();
    mock.timers.tick(100);
  }
  assert.equal(counter.reads, 0);
  counter.it.ended(); // it took 10 s: 30 s of rest
  mock.timers.tick(29_000);
  assert.equal(counter.reads, 0);
  mock.timers.tick(1_000);
  assert.equal(counter.reads, 1);
});

test("asked many times at rest it reads once", () => {
  const counter = counting();
  for (let i = 0; i < 10; i++) counter.it.ask();
  mock.timers.tick(60);
  assert.equal(counter.reads, 1);
});

test("what must be known is read without a rest", () => {
  const counter = counting();
  counter.it.began();
  mock.timers.tick(1_000);
  counter.it.ask();
  counter.it.ask(true);
  counter.it.ask();
  counter.it.ended();
  mock.timers.tick(0);
  assert.equal(counter.reads, 1);
  counter.it.ended();
  counter.it.ask();
  counter.it.ask(true);
  mock.timers.tick(0);
  assert.equal(counter.reads, 2);
});

test("stopped, it reads no more", () => {
  const counter = counting();
  counter.it.ask();
  counter.it.stop();
  mock.timers.tick(60_000);
  assert.equal(counter.reads, 0);
});
