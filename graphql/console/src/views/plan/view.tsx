import { useCallback, useEffect, useMemo, useState } from "react";
import { navigate, pathTo, usePlace, withQuery } from "../../app/router";
import type { ViewProps } from "../../app/routes";
import { useShortcuts } from "../../app/shortcuts";
import { WHOLE } from "../../logic/collapse";
import { criticalPath, ranks } from "../../logic/graph";
import { inOrder, shapeOf, type StepNode } from "../../logic/steps";
import { cutText, isolate } from "../../logic/text";
import type { Surroundings } from "../../logic/waiting";
import { Choice, Link, Meter } from "../../ui/controls";
import { Empty, Loading, Problem } from "../../ui/states";
import { useNow } from "../../ui/time";
import { About } from "./about";
import { Drawing } from "./drawing";
import { PlanHeader } from "./header";
import { useLivePlan, type LivePlan } from "./live";
import { StepList } from "./list";
import { StepPanel } from "./panel";
import { Timeline } from "./timeline";

type Tab = "graph" | "time" | "about";
const TABS: readonly (readonly [Tab, string])[] = [["graph", "Graph"], ["time", "Timeline"], ["about", "Details"]];

export default function PlanView({ params }: ViewProps) {
  const [project, id] = [params["project"] ?? "", params["plan"] ?? ""];
  const state = useLivePlan(project, id);
  if (state.absent) {
    return (
      <div className="page">
        <Empty title="There is no such plan">
          It may have been deleted, or it is of another project. <Link to={pathTo("/projects/:project", { project })}>All plans</Link>
        </Empty>
      </div>
    );
  }
  if (state.plan === null) {
    return <div className="page">{state.error ? <Problem error={state.error} retry={state.reload} /> : <Loading what="Loading the plan" />}</div>;
  }
  return <Page project={project} state={state} plan={state.plan} />;
}

interface Drawn {
  readonly steps: readonly StepNode[];
  readonly rank: ReadonlyMap<string, number>;
  readonly critical: ReadonlySet<string>;
}

const TERMINAL = new Set(["completed", "failed", "cancelled"]);

function useDrawn(state: LivePlan, status: string): Drawn {
  const steps = useMemo(() => inOrder(state.book), [state.book]);
  const shape = useMemo(() => shapeOf(steps), [steps]);
  const rank = useMemo(() => ranks(steps), [shape]); // the shape stands for the steps
  const finished = TERMINAL.has(status);
  const critical = useMemo(() => new Set(criticalPath(steps, finished, Date.now())), [steps, finished]);
  return { steps, rank, critical };
}

function Page({ project, state, plan }: { project: string; state: LivePlan; plan: NonNullable<LivePlan["plan"]> }) {
  const { query } = usePlace();
  const tab = TABS.find(([value]) => value === query.get("view"))?.[0] ?? "graph";
  const drawn = useDrawn(state, plan.status);
  const now = useNow(TERMINAL.has(plan.status) ? 0 : 1_000);
  const around: Surroundings = { plan, book: state.book, approvals: state.approvals, switches: state.switches, now };
  const chosen = state.book.get(query.get("step") ?? "") ?? null;
  const choose = useCallback((id: string | null) => navigate(withQuery({ step: id }), true), []);
  const [wide, setWide] = useState(false);
  useEffect(() => {
    document.title = `${cutText(isolate(plan.title), 80).shown} · PSG`;
  }, [plan.title]);
  useShortcuts([
    { keys: "Escape", label: "Close the step", group: "Plan", run: () => choose(null) },
    ...TABS.map(([value, label], i) => ({
      keys: String(i + 1), label: `Show ${label.toLowerCase()}`, group: "Plan",
      run: () => navigate(withQuery({ view: value === "graph" ? null : value }), true),
    })),
  ]);
  return (
    <div className={`plan-page ${wide ? "wide" : ""}`}>
      <PlanHeader project={project} state={state} plan={plan} around={around} steps={drawn.steps} onStep={choose} />
      <div className="plan-tabs">
        <Choice label="View" value={tab} options={TABS} onChange={(value) => navigate(withQuery({ view: value === "graph" ? null : value }), true)} />
        {state.error && state.error.code !== "unreachable" && <span className="bad-text" role="alert">{state.error.message}</span>}
      </div>
      <div className="plan-body">
        <div className="plan-canvas">
          {tab === "graph" && (state.reading && plan.stepsTotal > WHOLE ? <Reading read={state.book.size} of={plan.stepsTotal} /> : (
            <Drawing steps={drawn.steps} rank={drawn.rank} critical={drawn.critical} around={around} chosen={chosen?.id ?? null} onChoose={choose} reading={state.reading} />
          ))}
          {tab === "time" && <Timeline plan={plan} steps={drawn.steps} critical={drawn.critical} chosen={chosen?.id ?? null} onChoose={choose} now={now} />}
          {tab === "about" && <About plan={plan} project={project} />}
        </div>
        {chosen ? (
          <StepPanel key={chosen.id} step={chosen} project={project} around={around} steps={drawn.steps} critical={drawn.critical.has(chosen.id)} onChoose={choose} wide={wide} onWide={() => setWide(!wide)} />
        ) : (
          <StepList steps={drawn.steps} around={around} critical={drawn.critical} onChoose={choose} reading={state.reading} />
        )}
      </div>
    </div>
  );
}

/** A large plan is drawn once all of it is known, so that nothing moves while it is read. */
function Reading({ read, of }: { read: number; of: number }) {
  return (
    <div className="reading" role="status">
      <span>Reading steps: {read.toLocaleString("en")} of {of.toLocaleString("en")}</span>
      <Meter label="Steps read" total={of} parts={[{ value: Math.min(read, of), tone: "running", name: "read" }]} />
    </div>
  );
}
