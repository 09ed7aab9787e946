import whyNotRunning from "../../../../../cypher/psg_cypher/browser/why_not_running.cypher";
import { useMemo, useState } from "react";
import { config } from "../../api/config";
import { useQuery } from "../../api/hooks";
import { useStore } from "../../api/store";
import { pathTo } from "../../app/router";
import { Offers, StepDetail, type StepDetailData } from "../../generated/operations";
import { browserLink } from "../../logic/browser";
import { dependentsOf } from "../../logic/graph";
import { stateOf, type StepNode } from "../../logic/steps";
import { duration, millis, plural } from "../../logic/text";
import { waitingFor, type Surroundings } from "../../logic/waiting";
import { Button, Choice, Link } from "../../ui/controls";
import { Loaded } from "../../ui/states";
import { Status } from "../../ui/status";
import { Facts, Json, Line, Outside, Text } from "../../ui/text";
import { Moment, Took } from "../../ui/time";
import { uuidOf } from "./about";
import { Attempts } from "./attempts";
import { Decide } from "./decide";

type Part = "step" | "input" | "output" | "attempts";
const PARTS: readonly (readonly [Part, string])[] = [["step", "Step"], ["input", "Input"], ["output", "Output"], ["attempts", "Attempts"]];

interface Props {
  step: StepNode;
  project: string;
  around: Surroundings;
  steps: readonly StepNode[];
  critical: boolean;
  onChoose: (id: string | null) => void;
  wide: boolean;
  onWide: () => void;
}

/** Everything about one step. */
export function StepPanel(props: Props) {
  const { step, around, critical, onChoose } = props;
  const [part, setPart] = useState<Part>(step.status === "failed" ? "output" : "step");
  const state = stateOf(step);
  const why = waitingFor(step, around);
  // What is loaded is asked anew when the step changed.
  const found = useQuery(StepDetail, { id: step.id });
  const seen = useMemo(() => ({ revision: step.revision }), []);
  if (seen.revision !== step.revision) {
    seen.revision = step.revision;
    queueMicrotask(found.reload);
  }
  return (
    <aside className="step-panel" aria-label={`Step ${step.key.slice(0, 200)}`}>
      <div className="step-panel-head">
        <div className="step-panel-title">
          <h2><Text most={120}>{step.key}</Text></h2>
          <Button kind="ghost" small onClick={props.onWide} title="Width of this panel">{props.wide ? "Narrow" : "Widen"}</Button>
          <Button kind="ghost" small onClick={() => onChoose(null)} title="Close (Escape)">Close</Button>
        </div>
        <div className="step-panel-state">
          <Status of={state} />
          {critical && <span className="crit">critical path</span>}
          {step.attempt > 1 && <span className="tries num">attempt {step.attempt}</span>}
        </div>
        {why.kind !== "none" && <div className="why"><strong>Why it is not running.</strong> <Text most={300}>{why.text}</Text></div>}
        {state === "ready" && why.kind === "worker" && step.capability !== null && <Offered capability={step.capability} />}
        {state === "skipped" && <div className="why"><Text>{why.text}</Text></div>}
        {why.approval && <Decide approval={why.approval} />}
        <Choice label="Part of the step" value={part} options={PARTS} onChange={(value) => setPart(value ?? "step")} />
      </div>
      <div className="step-panel-body">
        <Loaded of={found} what="Loading the step">
          {({ step: detail }) => detail === null ? <p className="dim">It was deleted.</p> : <Detail {...props} part={part} detail={detail} />}
        </Loaded>
      </div>
    </aside>
  );
}

/** Whether anybody who runs now would take the step. */
function Offered({ capability }: { capability: string }) {
  const [name, version] = capability.split("@");
  const { data } = useQuery(Offers, { name: name ?? "" }, 5_000);
  if (data === null) return null;
  const fitting = data.capabilities.nodes.filter((one) => version === undefined || one.reference === capability);
  const offered = fitting.reduce((sum, one) => sum + (one.enabled ? one.offeredBy : 0), 0);
  if (offered > 0) return <p className="dim">{plural(offered, "running orchestrator")} {offered === 1 ? "offers" : "offer"} it.</p>;
  return <p className="bad-text">No orchestrator that runs offers <code><Line>{capability}</Line></code> now.</p>;
}

type Full = NonNullable<StepDetailData["step"]>;

function Detail(props: Props & { part: Part; detail: Full }) {
  const { part, detail } = props;
  if (part === "input") return <Json value={detail.params} label="Input, as the plan gives it" />;
  if (part === "attempts") return <Attempts step={props.step} traceId={props.around.plan.traceId} />;
  if (part === "output") return <Outcome detail={detail} />;
  return <Overview {...props} />;
}

function Outcome({ detail }: { detail: Full }) {
  if (detail.output === null && detail.error === null) return <p className="dim">{detail.finishedAt ? "It left no output." : "There is none yet."}</p>;
  return (
    <>
      {detail.error !== null && (
        <div className="failure">
          <ErrorWords error={detail.error} />
          <Json value={detail.error} label="Error" />
        </div>
      )}
      {detail.output !== null && <Json value={detail.output} label="Output" />}
    </>
  );
}

export function ErrorWords({ error }: { error: unknown }) {
  const message = typeof error === "object" && error !== null && "message" in error ? (error as { message: unknown }).message : null;
  return typeof message === "string" ? <p className="bad-text"><Text>{message}</Text></p> : null;
}

function Overview({ step, project, around, steps, onChoose, detail }: Props & { detail: Full }) {
  const { browser } = useStore(config);
  const link = browserLink(browser, whyNotRunning, {
    project_id: uuidOf(around.plan.projectId), plan_id: around.plan.uuid, step_key: step.key,
  });
  const after = useMemo(() => dependentsOf(steps).get(step.id) ?? [], [steps, step.id]);
  return (
    <>
      {detail.description !== "" && detail.description !== detail.key && <p><Text>{detail.description}</Text></p>}
      <Facts
        of={[
          ["Type", detail.type],
          ["Done by", detail.capability && <code key="c"><Line>{detail.capability}</Line></code>],
          ["Role", detail.agentRole && <Line key="r">{detail.agentRole}</Line>],
          ["Condition", detail.condition && <code key="o"><Text>{detail.condition}</Text></code>],
          ["Started", step.startedAt && <Moment key="s" at={step.startedAt} />],
          ["Finished", step.finishedAt && <Moment key="f" at={step.finishedAt} />],
          ["Took", step.startedAt && <Took key="t" from={step.startedAt} to={step.finishedAt} />],
          ["Due", step.dueAt && <Moment key="d" at={step.dueAt} />],
          ["Attempts", `${step.attempt} of ${step.retries + 1}`],
          ["Time limit", detail.timeoutMs === null ? null : duration(detail.timeoutMs)],
          ["Joins", step.join === "not_skipped" ? null : step.join.replaceAll("_", " ")],
          ["Urgency", detail.urgency],
          ["Neo4j", link && <Outside key="n" href={link}>Open in Neo4j Browser</Outside>],
        ]}
      />
      <Neighbours title="Waits for" ids={step.dependencyIds} around={around} onChoose={onChoose} />
      <Neighbours title="Needed by" ids={after} around={around} onChoose={onChoose} />
      {detail.subPlans.length > 0 && (
        <section>
          <h3>Sub-plans</h3>
          <ul className="neighbours">
            {detail.subPlans.map((plan) => (
              <li key={plan.id}>
                <Link to={pathTo("/projects/:project/plans/:plan", { project, plan: plan.id })}><Line>{plan.title}</Line></Link> <Status of={plan.status} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function Neighbours({ title, ids, around, onChoose }: {
  title: string;
  ids: readonly string[];
  around: Surroundings;
  onChoose: (id: string) => void;
}) {
  const [most, setMost] = useState(12);
  if (ids.length === 0) return null;
  const known = ids.slice(0, most).flatMap((id) => around.book.get(id) ?? []);
  return (
    <section>
      <h3>{title} <span className="dim num">{ids.length.toLocaleString("en")}</span></h3>
      <ul className="neighbours">
        {known.map((step) => (
          <li key={step.id}>
            <button type="button" className="more" onClick={() => onChoose(step.id)}><Line>{step.key}</Line></button>
            <Status of={stateOf(step)} />
          </li>
        ))}
      </ul>
      {ids.length > most && <button type="button" className="more" onClick={() => setMost(most + 100)}>{(ids.length - most).toLocaleString("en")} more</button>}
    </section>
  );
}

/** How long something took whose ends are both known. */
export function between(from: string | null, to: string | null): string {
  const [start, end] = [millis(from), millis(to)];
  return start === null || end === null ? "" : duration(end - start);
}
