import { useMemo, useRef, useState, useEffect } from "react";
import type { PlanHeadFragment } from "../../generated/operations";
import { stateOf, type StepNode } from "../../logic/steps";
import { duration, millis } from "../../logic/text";
import { Empty } from "../../ui/states";
import { lookOf } from "../../ui/status";
import { Line } from "../../ui/text";

const ROW = 24;

/** Steps over time, in the order in which they began; only the rows in sight are on the page. */
export function Timeline({ plan, steps, critical, chosen, onChoose, now }: {
  plan: PlanHeadFragment;
  steps: readonly StepNode[];
  critical: ReadonlySet<string>;
  chosen: string | null;
  onChoose: (id: string) => void;
  now: number;
}) {
  const rows = useMemo(
    () => steps.filter((step) => step.startedAt !== null).sort((a, b) => (millis(a.startedAt) ?? 0) - (millis(b.startedAt) ?? 0)),
    [steps],
  );
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSeen((was) => ({ ...was, height: element.clientHeight })));
    observer.observe(element);
    return () => observer.disconnect();
  }, [rows.length === 0]);
  if (rows.length === 0) return <Empty title="No step has begun">{plan.status === "in_progress" ? "The first ones appear here as they begin." : "The plan has not been started."}</Empty>;
  const begin = Math.min(millis(plan.startedAt) ?? Infinity, millis(rows[0]!.startedAt) ?? Infinity);
  const end = Math.max(begin + 1, millis(plan.finishedAt) ?? now, ...rows.slice(-50).map((step) => millis(step.finishedAt) ?? now));
  const first = Math.max(0, Math.floor(seen.top / ROW) - 5);
  const last = Math.min(rows.length, first + Math.ceil(seen.height / ROW) + 10);
  return (
    <div className="timeline">
      <Scale span={end - begin} />
      <div className="timeline-rows" ref={box} tabIndex={0} role="region" aria-label="Steps over time" onScroll={(event) => {
        const { scrollTop, clientHeight } = event.currentTarget;
        setSeen({ top: scrollTop, height: clientHeight });
      }}>
        <div style={{ height: rows.length * ROW }}>
          {rows.slice(first, last).map((step, i) => (
            <Bar
              key={step.id} step={step} top={(first + i) * ROW} begin={begin} span={end - begin} now={now}
              critical={critical.has(step.id)} chosen={step.id === chosen} onChoose={onChoose}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function Scale({ span }: { span: number }) {
  return (
    <div className="timeline-scale num dim" aria-hidden="true">
      <span />
      <div>
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part} style={{ left: `${part * 100}%` }}>{part === 0 ? "0" : duration(span * part)}</span>
        ))}
      </div>
    </div>
  );
}

function Bar({ step, top, begin, span, now, critical, chosen, onChoose }: {
  step: StepNode;
  top: number;
  begin: number;
  span: number;
  now: number;
  critical: boolean;
  chosen: boolean;
  onChoose: (id: string) => void;
}) {
  const start = millis(step.startedAt) ?? begin;
  const stop = millis(step.finishedAt) ?? Math.max(now, start);
  const state = stateOf(step);
  const tries = step.attempt > 1 ? `, ${step.attempt} attempts` : "";
  return (
    <button
      type="button" className={`bar-row ${chosen ? "chosen" : ""}`} style={{ top }} onClick={() => onChoose(step.id)}
      title={`${duration(stop - start)}, ${lookOf(state).label.toLowerCase()}${tries}`}
    >
      <Line className={critical ? "key crit-key" : "key"}>{step.key}</Line>
      <span className="bar-lane">
        <span
          className={`bar tone-${lookOf(state).tone} ${critical ? "critical" : ""}`}
          style={{ left: `${(100 * (start - begin)) / span}%`, width: `${Math.max(0.3, (100 * (stop - start)) / span)}%` }}
        />
      </span>
      <span className="bar-took num dim">{duration(stop - start)}</span>
    </button>
  );
}
