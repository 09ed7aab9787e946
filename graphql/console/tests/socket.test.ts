import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { requestBody } from "../src/api/client";
import { reached } from "../src/api/connection";
import type { Operation } from "../src/api/operation";
import { session, signIn } from "../src/api/session";
import { Socket } from "../src/api/socket";

const WATCH: Operation<{ events: { cursor: string } }, { after: string | null }> = {
  name: "Watch", kind: "subscription", id: "sha256:0", text: "subscription Watch { x }",
};

interface Sent {
  type: string;
  id?: string;
  payload?: { variables?: { after: string | null }; authorization?: string };
}

/** A server's end of the connection, played by the test. */
class Wire {
  static readonly OPEN = 1;
  static all: Wire[] = [];
  readyState = 0;
  sent: Sent[] = [];
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: (event: { code: number; reason: string }) => void = () => undefined;
  constructor() {
    Wire.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Sent);
  }
  close(): void {
    this.readyState = 3;
  }
  open(): void {
    this.readyState = 1;
    this.onopen();
    this.say({ type: "connection_ack" });
  }
  say(message: object): void {
    this.onmessage({ data: JSON.stringify(message) });
  }
  break(code: number): void {
    this.readyState = 3;
    this.onclose({ code, reason: "" });
  }
}

beforeEach(() => {
  (globalThis as { WebSocket?: unknown }).WebSocket = Wire;
  Wire.all = [];
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => {
  reached(); // what it would ask again belongs to the clock that ends here
  mock.timers.reset();
});

function watching(socket: Socket): { cursors: string[]; events: string[]; stop: () => void } {
  const seen = { cursors: [] as string[], events: [] as string[] };
  const stop = socket.subscribe(WATCH, () => ({ after: seen.cursors.at(-1) ?? null }), {
    next: (data) => seen.cursors.push(data.events.cursor),
    error: (error) => seen.events.push(`error ${error.code}`),
    complete: () => seen.events.push("complete"),
    interrupted: () => seen.events.push("interrupted"),
  });
  return { ...seen, stop };
}

const next = (id: string, cursor: string): object => ({ type: "next", id, payload: { data: { events: { cursor } } } });
const starts = (wire: Wire): Sent[] => wire.sent.filter((message) => message.type === "subscribe");

test("after a break it goes on behind the last cursor", () => {
  const seen = watching(new Socket(() => "ws://x"));
  const first = Wire.all[0]!;
  first.open();
  const id = starts(first)[0]!.id!;
  first.say(next(id, "1"));
  first.say(next(id, "2"));
  first.break(1006);
  assert.deepEqual(seen.events, ["interrupted"]);
  mock.timers.tick(20_000);
  const second = Wire.all[1]!;
  second.open();
  assert.equal(starts(second)[0]?.payload?.variables?.after, "2");
  first.say(next(id, "late"));
  second.say(next(id, "3"));
  assert.deepEqual(seen.cursors, ["1", "2", "3"]);
  seen.stop();
});

test("silence counts as a break", () => {
  const seen = watching(new Socket(() => "ws://x"));
  Wire.all[0]!.open();
  mock.timers.tick(39_000);
  Wire.all[0]!.say({ type: "ping" });
  assert.equal(Wire.all[0]!.sent.at(-1)?.type, "pong");
  mock.timers.tick(39_000);
  assert.deepEqual(seen.events, []);
  mock.timers.tick(2_000);
  assert.deepEqual(seen.events, ["interrupted"]);
  seen.stop();
});

test("a refused token is asked for, and the same subscription goes on with the next one", () => {
  signIn("old-token");
  const socket = new Socket(() => "ws://x");
  const seen = watching(socket);
  Wire.all[0]!.readyState = 1;
  Wire.all[0]!.onopen();
  assert.equal(Wire.all[0]!.sent[0]?.payload?.authorization, "Bearer old-token");
  Wire.all[0]!.break(4403);
  assert.equal(session.get().needed, true);
  assert.equal(Wire.all.length, 1, "it does not hammer with a token that was refused");
  signIn("new-token");
  socket.reconnect();
  Wire.all.at(-1)!.open();
  assert.equal(Wire.all.at(-1)!.sent[0]?.payload?.authorization, "Bearer new-token");
  assert.equal(starts(Wire.all.at(-1)!).length, 1);
  seen.stop();
});

test("a token that ends in the middle is asked for, and nothing is missed", () => {
  signIn("first-token");
  const socket = new Socket(() => "ws://x");
  const seen = watching(socket);
  Wire.all[0]!.open();
  const id = starts(Wire.all[0]!)[0]!.id!;
  Wire.all[0]!.say(next(id, "7"));
  Wire.all[0]!.say({ type: "error", id, payload: [{ message: "expired", extensions: { code: "unauthenticated" } }] });
  assert.deepEqual([session.get().needed, session.get().reason, seen.events.length], [true, "expired", 0]);
  signIn("second-token");
  socket.reconnect();
  Wire.all[1]!.open();
  assert.equal(starts(Wire.all[1]!)[0]?.payload?.variables?.after, "7");
  seen.stop();
});

test("the connection is there only while somebody listens, and what was stopped hears nothing", () => {
  const socket = new Socket(() => "ws://x");
  const [one, two] = [watching(socket), watching(socket)];
  const wire = Wire.all[0]!;
  wire.open();
  const id = starts(wire)[0]!.id!;
  one.stop();
  wire.say(next(id, "1"));
  assert.deepEqual(one.cursors, []);
  assert.equal(wire.readyState, 1);
  two.stop();
  assert.equal(wire.readyState, 3);
  assert.equal(Wire.all.length, 1);
});

test("errors and ends are told once", () => {
  const socket = new Socket(() => "ws://x");
  const [one, two] = [watching(socket), watching(socket)];
  const wire = Wire.all[0]!;
  wire.open();
  const [first, second] = starts(wire).map((message) => message.id!);
  wire.say({ type: "error", id: first, payload: [{ message: "no", extensions: { code: "forbidden" } }] });
  wire.say({ type: "complete", id: second });
  wire.say({ type: "complete", id: first });
  assert.deepEqual([one.events, two.events], [["error forbidden"], ["complete"]]);
});

test("a server that takes trusted documents only is sent the hash", () => {
  assert.deepEqual(requestBody(WATCH, { after: null }, true), { documentId: "sha256:0", operationName: "Watch", variables: { after: null } });
  assert.equal(requestBody(WATCH, { after: null }, false)["query"], WATCH.text);
});
