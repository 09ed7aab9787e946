import type { StepNode } from "../src/logic/steps";

/** A step with what a test says of it. */
export function step(id: string, given: Partial<StepNode> = {}): StepNode {
  return {
    id, revision: 1, key: id, type: "tool", capability: "t", agentRole: null, status: "pending", ready: false,
    parked: null, dueAt: null, position: 0, attempt: 0, retries: 0, waitsFor: given.dependencyIds?.length ?? 0,
    skipReason: null, startedAt: null, finishedAt: null, dependencyIds: [], join: "not_skipped", ...given,
  };
}

export function at(second: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
}

/** Ranks of so many steps each; every step needs one of the rank before. */
export function wide(rankCount: number, each: number): StepNode[] {
  const steps: StepNode[] = [];
  for (let rank = 0; rank < rankCount; rank++) {
    for (let i = 0; i < each; i++) {
      steps.push(step(`r${rank}_${i}`, { position: steps.length, dependencyIds: rank === 0 ? [] : [`r${rank - 1}_${i}`] }));
    }
  }
  return steps;
}
