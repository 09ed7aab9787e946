import { millis } from "./text";
import type { Book, StepNode } from "./steps";

/** Rank of each step: how many dependencies lie one behind the other before it. What lies in a cycle comes last. */
export function ranks(steps: readonly StepNode[]): Map<string, number> {
  const known = new Set(steps.map((step) => step.id));
  const open = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const step of steps) {
    const needed = [...new Set(step.dependencyIds)].filter((id) => known.has(id));
    open.set(step.id, needed.length);
    for (const id of needed) {
      const list = dependents.get(id);
      if (list) list.push(step.id);
      else dependents.set(id, [step.id]);
    }
  }
  const rank = new Map<string, number>();
  let front = steps.filter((step) => open.get(step.id) === 0).map((step) => step.id);
  let level = 0;
  while (front.length > 0) {
    const next: string[] = [];
    for (const id of front) {
      rank.set(id, level);
      for (const dependent of dependents.get(id) ?? []) {
        const left = (open.get(dependent) ?? 0) - 1;
        open.set(dependent, left);
        if (left === 0) next.push(dependent);
      }
    }
    front = next;
    level += 1;
  }
  for (const step of steps) if (!rank.has(step.id)) rank.set(step.id, level);
  return rank;
}

/**
 * The steps that decide how long the plan takes, from first to last.
 *
 * Of a finished plan: backwards from the step that ended last, each time to the dependency that ended last. Of another:
 * the longest chain, where a finished step counts what it took, a running one what it took so far (at least the
 * average), one to come the average of those that are done.
 */
export function criticalPath(steps: readonly StepNode[], finished: boolean, now: number): string[] {
  const book: Book = new Map(steps.map((step) => [step.id, step]));
  return finished ? decidedEnd(steps, book) : longestChain(steps, book, now);
}

function ended(step: StepNode): number | null {
  return step.startedAt === null ? null : millis(step.finishedAt);
}

function decidedEnd(steps: readonly StepNode[], book: Book): string[] {
  let at = latest(steps);
  const path: string[] = [];
  const seen = new Set<string>();
  while (at && !seen.has(at.id)) {
    path.push(at.id);
    seen.add(at.id);
    at = latest(at.dependencyIds.flatMap((id) => book.get(id) ?? []));
  }
  return path.reverse();
}

function latest(steps: readonly StepNode[]): StepNode | null {
  let found: StepNode | null = null;
  for (const step of steps) {
    const end = ended(step);
    if (end !== null && (found === null || end > (ended(found) ?? 0))) found = step;
  }
  return found;
}

function longestChain(steps: readonly StepNode[], book: Book, now: number): string[] {
  const took = steps.flatMap((step) => {
    const start = millis(step.startedAt);
    const end = millis(step.finishedAt);
    return start !== null && end !== null ? [end - start] : [];
  });
  const average = took.length > 0 ? Math.max(1, took.reduce((a, b) => a + b, 0) / took.length) : 1;
  const weight = (step: StepNode): number => {
    if (step.status === "skipped") return 0;
    const start = millis(step.startedAt);
    if (start === null) return average;
    const end = millis(step.finishedAt);
    return end !== null ? end - start : Math.max(average, now - start);
  };
  const order = [...ranks(steps)].sort((a, b) => a[1] - b[1]).map(([id]) => id);
  const total = new Map<string, number>();
  const before = new Map<string, string>();
  let last: string | null = null;
  for (const id of order) {
    const step = book.get(id)!;
    let most = 0;
    for (const needed of step.dependencyIds) {
      const value = total.get(needed) ?? 0;
      if (value > most) {
        most = value;
        before.set(id, needed);
      }
    }
    total.set(id, most + weight(step));
    if (last === null || total.get(id)! > total.get(last)!) last = id;
  }
  const path: string[] = [];
  for (let id: string | undefined = last ?? undefined; id !== undefined && !path.includes(id); id = before.get(id)) path.push(id);
  return path.reverse();
}

/** The dependents of each step. */
export function dependentsOf(steps: readonly StepNode[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const step of steps) {
    for (const id of step.dependencyIds) {
      const list = found.get(id);
      if (list) list.push(step.id);
      else found.set(id, [step.id]);
    }
  }
  return found;
}
