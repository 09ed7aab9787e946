import { useDeferredValue, useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useShortcuts } from "../../app/shortcuts";
import { stateOf, STATES, type StepNode, type StepState } from "../../logic/steps";
import { waitingFor, type Surroundings } from "../../logic/waiting";
import { Search, Select } from "../../ui/controls";
import { Loading } from "../../ui/states";
import { lookOf } from "../../ui/status";
import { Line } from "../../ui/text";

const ROW = 34;

/** All steps of a plan in one list, of which only the rows in sight are on the page. */
export function StepList({ steps, around, critical, onChoose, reading }: {
  steps: readonly StepNode[];
  around: Surroundings;
  critical: ReadonlySet<string>;
  onChoose: (id: string) => void;
  reading: boolean;
}) {
  const [wanted, setWanted] = useState("");
  const [only, setOnly] = useState<"" | StepState | "critical">("");
  const needle = useDeferredValue(wanted.trim().toLowerCase());
  const shown = useMemo(
    () => steps.filter((step) => {
      if (only === "critical" ? !critical.has(step.id) : only !== "" && stateOf(step) !== only) return false;
      return needle === "" || `${step.key}\n${step.capability ?? ""}\n${step.agentRole ?? ""}`.toLowerCase().includes(needle);
    }),
    [steps, needle, only, critical],
  );
  return (
    <aside className="step-list" aria-label="Steps">
      <div className="step-list-tools">
        <Search value={wanted} onChange={setWanted} label="Search steps" />
        <Select
          label="" value={only} onChange={(value) => setOnly(value as typeof only)}
          options={[["", "All"], ...STATES.map((state) => [state, lookOf(state).label] as const), ["critical", "Critical path"]]}
        />
      </div>
      {shown.length === 0 ? (
        reading ? <Loading what="Reading steps" /> : <p className="none dim">{steps.length === 0 ? "This plan has no steps." : "No step matches."}</p>
      ) : (
        <Rows steps={shown} around={around} critical={critical} onChoose={onChoose} />
      )}
      <p className="step-list-foot dim num">{shown.length.toLocaleString("en")} of {steps.length.toLocaleString("en")} steps</p>
    </aside>
  );
}

function Rows({ steps, around, critical, onChoose }: {
  steps: readonly StepNode[];
  around: Surroundings;
  critical: ReadonlySet<string>;
  onChoose: (id: string) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [at, setAt] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const move = (to: number): void => {
    const next = Math.max(0, Math.min(steps.length - 1, to));
    setAt(next);
    const element = box.current;
    if (!element) return;
    if (next * ROW < element.scrollTop) element.scrollTop = next * ROW;
    else if ((next + 1) * ROW > element.scrollTop + element.clientHeight) element.scrollTop = (next + 1) * ROW - element.clientHeight;
    element.focus({ preventScroll: true });
  };
  const current = Math.min(at, steps.length - 1);
  useShortcuts([
    { keys: "j", label: "Next step", group: "Lists", run: () => move(document.activeElement === box.current ? current + 1 : current) },
    { keys: "k", label: "Previous step", group: "Lists", run: () => move(current - 1) },
  ]);
  const onKey = (event: KeyboardEvent): void => {
    const page = Math.floor(height / ROW);
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page, Home: 0, End: steps.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onChoose(steps[current]!.id);
    }
  };
  const first = Math.max(0, Math.floor(top / ROW) - 6);
  const last = Math.min(steps.length, first + Math.ceil(height / ROW) + 12);
  return (
    <div
      ref={box} className="rows" role="listbox" aria-label="Steps of the plan" tabIndex={0} onKeyDown={onKey}
      aria-activedescendant={current >= first && current < last ? `row-${steps[current]!.id}` : undefined}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div style={{ height: steps.length * ROW }}>
        {steps.slice(first, last).map((step, i) => (
          <Row
            key={step.id} step={step} top={(first + i) * ROW} at={first + i} of={steps.length} current={first + i === current}
            around={around} critical={critical.has(step.id)} onChoose={() => {
              setAt(first + i);
              onChoose(step.id);
            }}
          />
        ))}
      </div>
    </div>
  );
}

function Row({ step, top, at, of, current, around, critical, onChoose }: {
  step: StepNode;
  top: number;
  at: number;
  of: number;
  current: boolean;
  around: Surroundings;
  critical: boolean;
  onChoose: () => void;
}) {
  const state = stateOf(step);
  const why = waitingFor(step, around);
  return (
    <div
      id={`row-${step.id}`} role="option" aria-selected={current} aria-posinset={at + 1} aria-setsize={of}
      className={`row tone-${lookOf(state).tone} ${current ? "current" : ""}`} style={{ top }} onClick={onChoose} title={why.text}
    >
      <span className="status-dot" aria-hidden="true" />
      <Line className="key">{step.key}</Line>
      {critical && <span className="crit" title="On the critical path">critical</span>}
      {step.attempt > 1 && <span className="tries num" title={`${step.attempt} attempts`}>×{step.attempt}</span>}
      <span className="state-name">{lookOf(state).label}</span>
    </div>
  );
}
