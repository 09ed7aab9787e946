import type { PendingApprovalsData, PlanHeadFragment, SwitchesData } from "../generated/operations";
import { clock, cutText, duration, millis, plural } from "./text";
import { stateOf, type Book, type StepNode } from "./steps";

export type Approval = PendingApprovalsData["confirms"]["nodes"][number];
export type Switch = SwitchesData["killSwitches"][number];

/** What a step waits for: a person, a worker, a time, money, other steps, or the plan itself. */
export type WaitKind = "person" | "worker" | "time" | "budget" | "steps" | "plan" | "switch" | "none";

export interface Waiting {
  readonly kind: WaitKind;
  readonly text: string;
  /** The steps it waits for. */
  readonly steps?: readonly StepNode[];
  readonly approval?: Approval;
}

export interface Surroundings {
  readonly plan: PlanHeadFragment;
  readonly book: Book;
  readonly approvals: readonly Approval[];
  readonly switches: readonly Switch[];
  readonly now: number;
}

const ENDED = new Set(["completed", "failed", "skipped"]);

/** Why a step is not running, or what it rests for. `none`: it is over, or it runs. */
export function waitingFor(step: StepNode, around: Surroundings): Waiting {
  if (ENDED.has(step.status)) return { kind: "none", text: over(step) };
  const { plan } = around;
  if (plan.status === "draft" || plan.status === "proposed") {
    return { kind: "plan", text: `The plan is ${plan.status}: it has to be approved and started` };
  }
  if (plan.status === "approved") return { kind: "plan", text: "The plan is approved, but not started" };
  if (plan.status !== "in_progress") return { kind: "plan", text: `The plan is ${plan.status}` };
  const approval = around.approvals.find((candidate) => candidate.stepId === step.id);
  if (approval || step.parked === "confirm") return { kind: "person", text: person(approval), approval };
  if (step.status === "in_progress") return resting(step, around.now);
  if (step.status === "blocked") return { kind: "steps", text: "It is blocked: its turn has not come" };
  return notYet(step, around);
}

function over(step: StepNode): string {
  if (step.status === "skipped") return `It was skipped: ${(step.skipReason ?? "no reason was recorded").replaceAll("_", " ")}`;
  return step.status === "failed" ? "It failed" : "It is done";
}

function person(approval: Approval | undefined): string {
  if (!approval) return "It waits for the decision of a person";
  const { approvers = [], roles = [], quorum = 1, approvals = 0 } = approval.approval ?? {};
  const who = [...approvers, ...roles.map((role) => `role ${role}`)].join(", ");
  const votes = quorum > 1 ? ` (${approvals} of ${quorum} approvals)` : "";
  const reason = approval.reason ? `: ${cutText(approval.reason, 160).shown}` : "";
  return `It waits for the decision of ${who || "a person"}${votes}${reason}`;
}

function resting(step: StepNode, now: number): Waiting {
  const due = millis(step.dueAt);
  const until = due === null ? "" : ` until ${clock(due, false)}${due > now ? ` (${duration(due - now)})` : ""}`;
  if (step.parked === "turn") return { kind: "worker", text: `A worker outside has it, or may fetch it as ${step.capability ?? step.agentRole ?? step.type}${until}` };
  if (step.parked === "plan") return { kind: "steps", text: "Its sub-plan runs" };
  if (step.parked === "timer") return { kind: "time", text: `It sleeps${until}` };
  if (due !== null && due > now && step.attempt > 0) {
    return { kind: "time", text: `Attempt ${step.attempt} did not work; it is tried again${until}` };
  }
  return { kind: "none", text: step.attempt > 1 ? `It runs, attempt ${step.attempt}` : "It runs" };
}

function notYet(step: StepNode, around: Surroundings): Waiting {
  const open = step.dependencyIds.flatMap((id) => {
    const needed = around.book.get(id);
    return needed && !ENDED.has(needed.status) ? [needed] : [];
  });
  if (step.waitsFor > 0 && open.length > 0) {
    return { kind: "steps", text: `It waits for ${plural(open.length, "step")} that ${open.length === 1 ? "is" : "are"} not finished`, steps: open };
  }
  if (around.plan.paused) return { kind: "plan", text: "The plan is paused" };
  const stopped = around.switches.find((one) => one.planId === null || one.planId === around.plan.id);
  if (stopped && (stopped.actionType === null || stopped.actionType === step.type)) {
    return { kind: "switch", text: `A kill switch is on (${stopped.scope})${stopped.reason ? `: ${cutText(stopped.reason, 160).shown}` : ""}` };
  }
  const spent = exhausted(around.plan);
  if (spent !== null) return { kind: "budget", text: `The budget of ${spent} is used up` };
  if (!step.ready) return { kind: "worker", text: "An orchestrator has to decide whether it runs or is skipped" };
  return { kind: "worker", text: `It is ready; an orchestrator has to have room for it and offer ${step.capability ?? step.agentRole ?? step.type}` };
}

/** The first amount of the plan's budget of which nothing is left, counting what is reserved. */
export function exhausted(plan: PlanHeadFragment): string | null {
  const { spending } = plan;
  if (!spending) return null;
  const names = { tokens: "tokens", cost: "money", calls: "calls", wallMs: "time" } as const;
  for (const name of Object.keys(names) as (keyof typeof names)[]) {
    const limit = spending.limit[name];
    if (limit !== null && (spending.spent[name] ?? 0) + (spending.reserved[name] ?? 0) >= limit) return names[name];
  }
  return null;
}

/** What the open steps of a plan wait for, by kind with its steps: the answer to "why does nothing happen". */
export function waitingSummary(steps: readonly StepNode[], around: Surroundings): Map<WaitKind, StepNode[]> {
  const found = new Map<WaitKind, StepNode[]>();
  for (const step of steps) {
    const state = stateOf(step);
    if (state === "pending" || state === "completed" || state === "skipped" || state === "failed") continue;
    const { kind } = waitingFor(step, around);
    if (kind === "none") continue;
    const list = found.get(kind);
    if (list) list.push(step);
    else found.set(kind, [step]);
  }
  return found;
}
