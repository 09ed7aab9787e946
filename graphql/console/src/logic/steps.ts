import type { StepNodeFragment } from "../generated/operations";

export type StepNode = StepNodeFragment;
export type Book = ReadonlyMap<string, StepNode>;

/** How a step stands, for people: what rests is told apart from what works, what can run from what cannot yet. */
export type StepState = "pending" | "ready" | "running" | "waiting" | "completed" | "failed" | "skipped" | "blocked";

/** In the order in which they are shown: what needs somebody first. */
export const STATES: readonly StepState[] = [
  "failed", "waiting", "blocked", "running", "ready", "pending", "completed", "skipped",
];

export function stateOf(step: StepNode): StepState {
  if (step.status === "in_progress") return rests(step) ? "waiting" : "running";
  if (step.status === "pending") return step.ready ? "ready" : "pending";
  return step.status;
}

/** It is in progress, but nobody works at it: it waits for a time, a person, a worker outside or a sub-plan. */
function rests(step: StepNode): boolean {
  return (step.parked !== null && step.parked !== "decided") || step.dueAt !== null;
}

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "skipped"]);

/**
 * Take the ends of some steps over to those that wait for them: the stream tells only of steps that change status, and
 * that one became ready is no change of its status. The next reading of the steps says it anew.
 */
export function unlock(book: Book, changed: readonly StepNode[]): Book {
  const ended = new Set(changed.filter((step) => ENDED.has(step.status)).map((step) => step.id));
  if (ended.size === 0) return book;
  let next: Map<string, StepNode> | null = null;
  for (const step of book.values()) {
    if (step.status !== "pending" || !step.dependencyIds.some((id) => ended.has(id))) continue;
    const waitsFor = step.dependencyIds.filter((id) => !ENDED.has(book.get(id)?.status ?? "")).length;
    if (waitsFor === step.waitsFor) continue;
    // After a skipped or failed dependency, or behind a condition, an orchestrator decides; it is told when it has.
    const clear = waitsFor === 0 && step.dependencyIds.every((id) => book.get(id)?.status === "completed");
    next ??= new Map(book);
    next.set(step.id, { ...step, waitsFor, ready: step.ready || (clear && step.type !== "conditional") });
  }
  return next ?? book;
}

export function countStates(steps: Iterable<StepNode>): Record<StepState, number> {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<StepState, number>;
  for (const step of steps) counts[stateOf(step)] += 1;
  return counts;
}

/**
 * Put steps into a book. Pages and the live stream come in any order: of two versions of a step the one of the higher
 * revision stays, of equal ones the later word. Returns the same book when nothing changed.
 */
export function mergeSteps(book: Book, steps: readonly StepNode[]): Book {
  let next: Map<string, StepNode> | null = null;
  for (const step of steps) {
    const present = (next ?? book).get(step.id);
    if (present && (present.revision > step.revision || same(present, step))) continue;
    next ??= new Map(book);
    next.set(step.id, step);
  }
  return next ?? book;
}

function same(a: StepNode, b: StepNode): boolean {
  for (const key of Object.keys(b) as (keyof StepNode)[]) {
    if (key !== "dependencyIds" && a[key] !== b[key]) return false;
  }
  return a.dependencyIds.length === b.dependencyIds.length && a.dependencyIds.every((id, i) => id === b.dependencyIds[i]);
}

/** Drop the steps that a complete reading no longer found. */
export function keepOnly(book: Book, ids: ReadonlySet<string>): Book {
  if ([...book.keys()].every((id) => ids.has(id))) return book;
  return new Map([...book].filter(([id]) => ids.has(id)));
}

export function inOrder(book: Book): StepNode[] {
  return [...book.values()].sort((a, b) => a.position - b.position || (a.key < b.key ? -1 : 1));
}

/** What changes the drawing of a graph: steps and dependencies, not how they stand. */
export function shapeOf(steps: readonly StepNode[]): string {
  let hash = 17;
  let edges = 0;
  for (const step of steps) {
    for (const text of [step.id, ...step.dependencyIds]) {
      for (let i = Math.max(0, text.length - 24); i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
      hash = (Math.imul(hash, 31) + 7) | 0;
    }
    edges += step.dependencyIds.length;
  }
  return `${steps.length}:${edges}:${hash}`;
}
