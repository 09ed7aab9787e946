import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../src/api/config";
import { backoff } from "../src/api/connection";
import { asError, firstError, Unauthenticated } from "../src/api/errors";
import { match, pathTo } from "../src/app/router";
import type { PlanHeadFragment } from "../src/generated/operations";
import { browserLink } from "../src/logic/browser";
import { cutText, duration, isolate, millis } from "../src/logic/text";
import { exhausted, waitingFor, waitingSummary, type Approval, type Surroundings } from "../src/logic/waiting";
import { at, step } from "./making";

const NONE = { tokens: null, cost: null, calls: null, wallMs: null };
const PLAN: PlanHeadFragment = {
  id: "p", uuid: "u", projectId: "q", title: "", objective: "", status: "in_progress", paused: false, loading: false,
  revision: 1, stepsTotal: 0, stepsOpen: 0, stepsFailed: 0, recordedAt: at(0), startedAt: null, finishedAt: null,
  onFailure: "continue", goalMet: null, derivation: null, derivedFromId: null, parentStepId: null, successCriteria: [],
  params: null, traceId: null, spending: null,
};

function around(given: Partial<Surroundings> = {}): Surroundings {
  return { plan: PLAN, book: new Map(), approvals: [], switches: [], now: Date.parse(at(0)), ...given };
}

test("cutting keeps pairs of surrogates whole and counts what is left", () => {
  assert.deepEqual(cutText("abc", 5), { shown: "abc", left: 0 });
  assert.deepEqual(cutText("ab\u{1F600}cd", 3), { shown: "ab", left: 4 });
});

test("characters that hide or turn text are shown as what they are", () => {
  assert.equal(isolate("a\u202Eb\u0000c\u200B"), "a⟨U+202E⟩b⟨U+0000⟩c⟨U+200B⟩");
  assert.equal(isolate("tab\tand\nline, العربية, 日本"), "tab\tand\nline, العربية, 日本");
});

test("durations and moments", () => {
  assert.deepEqual([12, 1_500, 61_000, 120_000, 3_600_000, 200_000_000].map(duration),
    ["12 ms", "1.5 s", "1 min 1 s", "2 min", "1 h", "2 d 7 h"]);
  assert.equal(duration(-5), "0 ms");
  assert.equal(millis("no time"), null);
});

test("what a step waits for", () => {
  const approval = { stepId: "a", reason: "Publish?", approval: { approvers: ["eve"], roles: ["lead"], quorum: 2, approvals: 1 } };
  const kinds: readonly (readonly [Partial<ReturnType<typeof step>>, Partial<Surroundings>, string, RegExp])[] = [
    [{}, { plan: { ...PLAN, status: "draft" } }, "plan", /approved and started/],
    [{ status: "in_progress", parked: "confirm" }, { approvals: [approval as unknown as Approval] }, "person", /eve, role lead \(1 of 2 approvals\): Publish\?/],
    [{ status: "in_progress", parked: "turn" }, {}, "worker", /worker outside/],
    [{ status: "in_progress", parked: "timer", dueAt: at(5) }, {}, "time", /sleeps until .* \(5.0 s\)/],
    [{ status: "in_progress", dueAt: at(5), attempt: 2 }, {}, "time", /Attempt 2 did not work/],
    [{ status: "in_progress", attempt: 3 }, {}, "none", /attempt 3/],
    [{ waitsFor: 1, dependencyIds: ["b"] }, { book: new Map([["b", step("b")]]) }, "steps", /1 step that is not finished/],
    [{ ready: true }, { plan: { ...PLAN, paused: true } }, "plan", /paused/],
    [{ ready: true }, { switches: [{ scope: "project", planId: null, actionType: null, reason: "fire", actor: "x" }] }, "switch", /fire/],
    [{ ready: true }, { plan: { ...PLAN, spending: { limit: { ...NONE, cost: 5 }, spent: { ...NONE, cost: 3 }, reserved: { ...NONE, cost: 2 } } } }, "budget", /money/],
    [{ ready: true }, {}, "worker", /offer t/],
    [{}, {}, "worker", /decide/],
    [{ status: "skipped", skipReason: "condition_false" }, {}, "none", /condition false/],
  ];
  for (const [given, surroundings, kind, text] of kinds) {
    const found = waitingFor(step("a", given), around(surroundings));
    assert.equal(found.kind, kind, found.text);
    assert.match(found.text, text);
  }
  assert.equal(exhausted(PLAN), null);
});

test("the summary counts what rests, not what has yet to come or is over", () => {
  const steps = [step("a", { status: "in_progress", parked: "confirm" }), step("b", { waitsFor: 1 }), step("c", { status: "failed" })];
  assert.deepEqual([...waitingSummary(steps, around())].map(([kind, list]) => [kind, list.length]), [["person", 1]]);
});

test("a link into Neo4j Browser holds the statement with its values", () => {
  const link = browserLink("http://h:7474/", " MATCH (n {k: $key, p: $project}) RETURN n\n", { key: "a_b-1.c", project: "x" });
  const statement = new URL(link ?? "").searchParams.get("arg");
  assert.equal(statement, "MATCH (n {k: 'a_b-1.c', p: 'x'}) RETURN n");
  assert.ok(link?.startsWith("http://h:7474/browser/?cmd=edit&arg="));
});

test("hostile values and addresses make no link", () => {
  for (const key of ["x' DETACH DELETE n //", "a\\u0027", "`", "", "é", "a\nb"]) assert.equal(browserLink("http://h", "$key", { key }), null);
  for (const address of [null, "javascript:alert(1)", "//h", "data:x"]) assert.equal(browserLink(address, "RETURN 1", {}), null);
  assert.ok(browserLink("https://h", "$key", { key: "$&" }) === null);
});

test("routes give their parameters decoded; what cannot be decoded is no route", () => {
  assert.deepEqual(match("/projects/:project/plans/:plan", "/projects/a%2Fb/plans/c/"), { project: "a/b", plan: "c" });
  assert.equal(match("/projects/:project", "/projects/%E0%A4%A"), null);
  assert.equal(match("/projects/:project", "/projects/a/b"), null);
  assert.equal(pathTo("/projects/:project", { project: "a/b?c" }), "/projects/a%2Fb%3Fc");
});

test("configuration takes what is of the right kind and leaves the rest", () => {
  const found = parseConfig({ version: 7, auth: "token,oidc", browser: "http://b", documents: "only", ide: false, docs: { a: 1, b: "c" } });
  assert.deepEqual(found, { version: "", auth: ["token", "oidc"], browser: "http://b", documents: "only", ide: false, docs: { b: "c" } });
  assert.equal(parseConfig(null).ide, true);
});

test("waiting between tries grows to a limit and is never nothing", () => {
  assert.equal(backoff(0, () => 0), 250);
  assert.equal(backoff(3, () => 1), 4_000);
  assert.equal(backoff(50, () => 1), 15_000);
});

test("errors of the API keep code and message; others are told as they are", () => {
  assert.ok(firstError([{ message: "no", extensions: { code: "unauthenticated" } }]) instanceof Unauthenticated);
  assert.equal(firstError([]).message, "The API refused the request");
  assert.equal(asError("x").message, "x");
});
