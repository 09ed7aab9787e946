import { Handle, Position, type Node, type NodeProps } from "@xyflow/react";
import { memo } from "react";
import type { GroupNode } from "../../logic/collapse";
import { stateOf, STATES, type StepNode, type StepState } from "../../logic/steps";
import { waitingFor, type Surroundings } from "../../logic/waiting";
import { lookOf } from "../../ui/status";
import { Line } from "../../ui/text";

export interface StepData extends Record<string, unknown> {
  readonly step: StepNode;
  readonly critical: boolean;
  readonly chosen: boolean;
  readonly around: Surroundings;
}

export interface GroupData extends Record<string, unknown> {
  readonly group: GroupNode;
  readonly toggle: (id: string) => void;
}

const WAIT_WORDS: Readonly<Record<string, string>> = {
  person: "needs a decision", worker: "needs a worker", time: "sleeps", budget: "budget used up",
  switch: "kill switch", plan: "plan does not run", steps: "waits for others",
};

export const StepBox = memo(function StepBox({ data, sourcePosition, targetPosition }: NodeProps<Node<StepData, "step">>) {
  const { step, critical, chosen, around } = data;
  const state = stateOf(step);
  const why = waitingFor(step, around);
  const idle = state === "pending" || state === "completed" || state === "failed";
  const note = state === "skipped" ? why.text.replace(/^It was /, "") : idle || why.kind === "none" ? lookOf(state).label : WAIT_WORDS[why.kind] ?? lookOf(state).label;
  return (
    <div className={`box step tone-${lookOf(state).tone} ${critical ? "critical" : ""} ${chosen ? "chosen" : ""} is-${state}`} title={why.text}>
      <Handle type="target" position={targetPosition ?? Position.Left} isConnectable={false} />
      <div className="box-top">
        <Line className="key">{step.key}</Line>
        {step.attempt > 1 && <span className="tries num" title={`${step.attempt} attempts`}>×{step.attempt}</span>}
      </div>
      <div className="box-note">
        <span className="status-dot" aria-hidden="true" />
        <Line>{note}</Line>
        <Line className="what">{step.capability ?? step.type}</Line>
      </div>
      <Handle type="source" position={sourcePosition ?? Position.Right} isConnectable={false} />
    </div>
  );
});

export const GroupBox = memo(function GroupBox({ data, sourcePosition, targetPosition }: NodeProps<Node<GroupData, "cluster">>) {
  const { group } = data;
  const worst: StepState = STATES.find((state) => group.counts[state] > 0) ?? "pending";
  const shown = STATES.filter((state) => group.counts[state] > 0);
  const words = shown.map((state) => `${group.counts[state]} ${state}`).join(", ");
  return (
    <div className={`box group tone-${lookOf(worst).tone}`} title={`${words}. Click to open`}>
      <Handle type="target" position={targetPosition ?? Position.Left} isConnectable={false} />
      <div className="box-top">
        <Line className="key">{group.label}</Line>
        <span className="num dim">{group.steps.length.toLocaleString("en")}</span>
      </div>
      <span className="meter" aria-hidden="true">
        {[...shown].reverse().map((state) => (
          <span key={state} className={`tone-${lookOf(state).tone}`} style={{ width: `${(100 * group.counts[state]) / group.steps.length}%` }} />
        ))}
      </span>
      <Line className="sub">{words}</Line>
      <Handle type="source" position={sourcePosition ?? Position.Right} isConnectable={false} />
    </div>
  );
});
