import { useRef } from "react";
import { connection } from "../../api/connection";
import { useQuery } from "../../api/hooks";
import { useStore } from "../../api/store";
import { pathTo } from "../../app/router";
import { ProjectName, type PlanHeadFragment } from "../../generated/operations";
import { countStates, STATES, type StepNode, type StepState } from "../../logic/steps";
import { plural } from "../../logic/text";
import { waitingSummary, type Surroundings, type WaitKind } from "../../logic/waiting";
import { Link, Meter } from "../../ui/controls";
import { lookOf } from "../../ui/status";
import { Line, Text } from "../../ui/text";
import { Took } from "../../ui/time";
import { PlanStatusBadge } from "../plans";
import { Controls } from "./controls";
import type { LivePlan } from "./live";

export function PlanHeader({ project, state, plan, around, steps, onStep }: {
  project: string;
  state: LivePlan;
  plan: PlanHeadFragment;
  around: Surroundings;
  steps: readonly StepNode[];
  onStep: (id: string | null) => void;
}) {
  const name = useQuery(ProjectName, { id: project });
  return (
    <header className="plan-head">
      <nav className="crumbs" aria-label="You are here">
        <Link to={pathTo("/projects/:project", { project })}><Line>{name.data?.project?.name ?? "Plans"}</Line></Link>
        <span aria-hidden="true">/</span>
        <span className="mono">{plan.uuid}</span>
      </nav>
      <div className="plan-title">
        <h1><Text most={160}>{plan.title}</Text></h1>
        <PlanStatusBadge plan={plan} />
        <Liveness state={state} plan={plan} />
        <div className="end"><Controls plan={plan} onDone={state.reload} /></div>
      </div>
      <Totals plan={plan} steps={steps} />
      <Waits around={around} steps={steps} onStep={onStep} />
    </header>
  );
}

/** Whether what is seen is the present. */
function Liveness({ state, plan }: { state: LivePlan; plan: PlanHeadFragment }) {
  const { reachable } = useStore(connection);
  const live = reachable || state.live === "ended" ? state.live : "interrupted";
  const over = plan.finishedAt !== null && live === "ended";
  const words = over ? null : { live: "Live", connecting: "Connecting", interrupted: "Interrupted", ended: "Not live", off: "Not live" }[live];
  return words && <span className={`liveness ${live}`} role="status">{words}</span>;
}

function Totals({ plan, steps }: { plan: PlanHeadFragment; steps: readonly StepNode[] }) {
  const counts = countStates(steps);
  const order: readonly StepState[] = ["completed", "skipped", "failed", "running", "waiting", "blocked", "ready", "pending"];
  const shown = STATES.filter((state) => counts[state] > 0);
  return (
    <div className="totals">
      <Meter
        label="Steps" total={steps.length}
        parts={order.filter((state) => state !== "pending").map((state) => ({ value: counts[state], tone: lookOf(state).tone, name: state }))}
      />
      <ul>
        {shown.map((state) => (
          <li key={state} className={`tone-${lookOf(state).tone}`}>
            <span className="status-dot" aria-hidden="true" />
            <span className="num">{counts[state].toLocaleString("en")}</span> {state}
          </li>
        ))}
        <li className="dim">{plan.startedAt ? <Took from={plan.startedAt} to={plan.finishedAt} /> : "not started"}</li>
        <Money plan={plan} />
      </ul>
    </div>
  );
}

function Money({ plan }: { plan: PlanHeadFragment }) {
  const cost = plan.spending?.spent.cost;
  const limit = plan.spending?.limit.cost;
  if (cost === null || cost === undefined || (cost === 0 && !limit)) return null;
  return <li className="dim num">cost {cost.toLocaleString("en", { maximumFractionDigits: 4 })}{limit ? ` of ${limit}` : ""}</li>;
}

const WAITS: Readonly<Record<Exclude<WaitKind, "none">, string>> = {
  person: "for a decision", worker: "for a worker", time: "for a time", budget: "for a budget", steps: "for others",
  plan: "for the plan", switch: "for a kill switch",
};

/** Why nothing happens, when nothing happens: what waits, and for whom. */
function Waits({ around, steps, onStep }: { around: Surroundings; steps: readonly StepNode[]; onStep: (id: string) => void }) {
  const lasting = useLasting(around.now);
  if (around.plan.status !== "in_progress") return null;
  const summary = [...waitingSummary(steps, around)].flatMap(([kind, all]) => {
    const members = kind === "worker" ? lasting(all) : all;
    return members.length > 0 ? [[kind, members] as const] : [];
  });
  if (summary.length === 0) return null;
  return (
    <ul className="waits" aria-label="What waits">
      {summary.map(([kind, members]) => (
        <li key={kind}>
          {plural(members.length, "step")} {members.length === 1 ? "waits" : "wait"} {WAITS[kind as Exclude<WaitKind, "none">]}:{" "}
          {members.slice(0, 3).map((step) => (
            <button key={step.id} type="button" className="more" onClick={() => onStep(step.id)}><Line>{step.key}</Line></button>
          ))}
          {members.length > 3 && <span className="dim">and {(members.length - 3).toLocaleString("en")} more</span>}
        </li>
      ))}
    </ul>
  );
}

/** Steps that are taken at once do not wait: only those that were here some time ago already. */
const MOMENT_MS = 2_500;

function useLasting(now: number): (steps: readonly StepNode[]) => readonly StepNode[] {
  const since = useRef(new Map<string, number>());
  return (steps) => {
    const before = since.current;
    since.current = new Map(steps.map((step) => [step.id, before.get(step.id) ?? now]));
    return steps.filter((step) => now - (before.get(step.id) ?? now) >= MOMENT_MS);
  };
}
