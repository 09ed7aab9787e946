import {
  Background, BackgroundVariant, Position, ReactFlow, ReactFlowProvider, useReactFlow, type Edge, type Node, type NodeTypes,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useShortcuts } from "../../app/shortcuts";
import { collapse, pathToStep, type Grouping, type Shown, type ShownNode } from "../../logic/collapse";
import { layout, type Layout, type Spot } from "../../logic/layout";
import { stateOf, type StepNode } from "../../logic/steps";
import type { Surroundings } from "../../logic/waiting";
import { Button, Choice } from "../../ui/controls";
import { Empty, Loading } from "../../ui/states";
import { GroupBox, StepBox, type GroupData, type StepData } from "./boxes";
import { TOLD, useBoxKeys } from "./keys";

const NODE_TYPES: NodeTypes = { step: StepBox, cluster: GroupBox };
const GROUPINGS: readonly (readonly [Grouping, string])[] = [["rank", "By rank"], ["name", "By name"]];

interface Props {
  steps: readonly StepNode[];
  rank: ReadonlyMap<string, number>;
  critical: ReadonlySet<string>;
  around: Surroundings;
  chosen: string | null;
  onChoose: (id: string | null) => void;
  reading: boolean;
}

/** The plan as a graph, live. Large plans are drawn as groups that open; see logic/collapse. */
export function Drawing(props: Props) {
  if (props.steps.length === 0) {
    return props.reading ? <Loading what="Reading steps" /> : <Empty title="This plan has no steps">Steps that are added to it appear here.</Empty>;
  }
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  );
}

function Canvas({ steps, rank, critical, around, chosen, onChoose }: Props) {
  const [grouping, setGrouping] = useState<Grouping>("rank");
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => collapse(steps, rank, grouping, opened), [steps, rank, grouping, opened]);
  const { spots, down } = usePlaces(shown);
  const toggle = useCallback((id: string) => {
    setOpened((was) => {
      const next = new Set(was);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);
  useEffect(() => {
    if (chosen === null) return;
    const path = pathToStep(steps, rank, grouping, chosen);
    setOpened((was) => (path.every((id) => was.has(id)) ? was : new Set([...was, ...path])));
  }, [chosen, rank, grouping]);
  const nodes = useNodes(shown, spots, down, { critical, around, chosen, toggle });
  const edges = useEdges(shown, critical, steps);
  const open = (id: string): void => (shown.nodes.find((node) => node.id === id)?.kind === "group" ? toggle(id) : onChoose(id));
  const onKeyDown = useBoxKeys(spots, open);
  return (
    <>
      <ReactFlow
        nodes={nodes} edges={edges} nodeTypes={NODE_TYPES} minZoom={0.05} maxZoom={2} onlyRenderVisibleElements
        nodesDraggable={false} nodesConnectable={false} edgesFocusable={false} elementsSelectable={false}
        zoomOnDoubleClick={false} proOptions={{ hideAttribution: true }} fitView fitViewOptions={FIT}
        onNodeClick={(_, node) => open(node.id)} onKeyDown={onKeyDown} ariaLabelConfig={TOLD}
      >
        <Background variant={BackgroundVariant.Dots} gap={22} size={1} />
        <Look spots={spots} chosen={chosen} />
      </ReactFlow>
      {shown.collapsed && (
        <div className="drawing-tools">
          <Choice
            label="Group steps" value={grouping} options={GROUPINGS}
            onChange={(value) => {
              setGrouping(value ?? "rank");
              setOpened(new Set());
            }}
          />
          {opened.size > 0 && <Button small onClick={() => setOpened(new Set())}>Close all groups</Button>}
        </div>
      )}
    </>
  );
}

const FIT = { padding: 0.08, maxZoom: 1.1 };

/** Places change only when what is drawn changes, not when steps go on. */
function usePlaces(shown: Shown): Layout {
  const key = useMemo(
    () => `${shown.nodes.map((node) => node.id).join("\n")}|${shown.edges.map((edge) => `${edge.from}>${edge.to}`).join("\n")}`,
    [shown],
  );
  return useMemo(() => layout(shown), [key]);
}

interface Drawn {
  critical: ReadonlySet<string>;
  around: Surroundings;
  chosen: string | null;
  toggle: (id: string) => void;
}

function useNodes(shown: Shown, spots: ReadonlyMap<string, Spot>, down: boolean, { critical, around, chosen, toggle }: Drawn): Node[] {
  const made = useRef(new Map<string, Node<StepData | GroupData>>());
  return useMemo(() => {
    const next = new Map<string, Node<StepData | GroupData>>();
    for (const node of shown.nodes) {
      const spot = spots.get(node.id);
      if (!spot) continue;
      const data = dataOf(node, critical, around, chosen, toggle);
      const before = made.current.get(node.id);
      const same = before && (before.sourcePosition === Position.Bottom) === down && before.position.x === spot.x && before.position.y === spot.y && alike(before.data, data);
      next.set(node.id, same ? before : drawnNode(node, spot, down, data));
    }
    made.current = next;
    return [...next.values()];
  }, [shown, spots, down, critical, around.approvals, around.plan, chosen, toggle]);
}

/** Sizes and handles are given, so that nothing has to be measured and edges stay when a node changes. */
function drawnNode(node: ShownNode, { x, y, width, height }: Spot, down: boolean, data: StepData | GroupData): Node<StepData | GroupData> {
  const [source, target] = down ? [Position.Bottom, Position.Top] : [Position.Right, Position.Left];
  const at = (position: Position): { x: number; y: number } =>
    down ? { x: width / 2, y: position === Position.Bottom ? height : 0 } : { x: position === Position.Right ? width : 0, y: height / 2 };
  return {
    id: node.id, type: node.kind === "group" ? "cluster" : "step", position: { x, y }, width, height, data,
    ariaRole: "button", ariaLabel: isStep(data) ? data.step.key : `${data.group.label}, group`,
    measured: { width, height }, sourcePosition: source, targetPosition: target,
    handles: [
      { type: "source", position: source, ...at(source), width: 1, height: 1 },
      { type: "target", position: target, ...at(target), width: 1, height: 1 },
    ],
  };
}

function dataOf(node: ShownNode, critical: ReadonlySet<string>, around: Surroundings, chosen: string | null, toggle: (id: string) => void): StepData | GroupData {
  if (node.kind === "step") return { step: node.step, critical: critical.has(node.id), chosen: chosen === node.id, around };
  return { group: node, toggle };
}

function alike(a: StepData | GroupData, b: StepData | GroupData): boolean {
  if (isStep(a) && isStep(b)) {
    const around = a.around.plan === b.around.plan && a.around.approvals === b.around.approvals;
    return around && a.step === b.step && a.critical === b.critical && a.chosen === b.chosen;
  }
  if (isStep(a) || isStep(b)) return false;
  const counts = JSON.stringify(a.group.counts) === JSON.stringify(b.group.counts);
  return counts && a.group.label === b.group.label;
}

function isStep(data: StepData | GroupData): data is StepData {
  return "step" in data;
}

function useEdges(shown: Shown, critical: ReadonlySet<string>, steps: readonly StepNode[]): Edge[] {
  return useMemo(() => {
    const states = new Map(shown.nodes.map((node) => [node.id, node.kind === "step" ? stateOf(node.step) : "group"]));
    return shown.edges.map(({ from, to, count }) => {
      const on = critical.has(from) && critical.has(to) && consecutive(from, to, critical);
      const done = states.get(from) === "completed";
      return {
        id: `${from}>${to}`, source: from, target: to, focusable: false,
        className: `${on ? "critical" : ""} ${done ? "done" : ""}`,
        label: count > 1 ? count.toLocaleString("en") : undefined,
      };
    });
  }, [shown, critical, steps]);
}

function consecutive(from: string, to: string, critical: ReadonlySet<string>): boolean {
  const path = [...critical];
  return path.indexOf(to) === path.indexOf(from) + 1;
}

/** The rectangle that some nodes fill, with room for their neighbours. */
function around(ids: readonly string[], spots: ReadonlyMap<string, Spot>): { x: number; y: number; width: number; height: number } {
  const places = ids.flatMap((id) => spots.get(id) ?? []);
  const left = Math.min(...places.map((spot) => spot.x));
  const top = Math.min(...places.map((spot) => spot.y));
  const right = Math.max(...places.map((spot) => spot.x + spot.width));
  const bottom = Math.max(...places.map((spot) => spot.y + spot.height));
  const [width, height] = [Math.max(right - left, 900), Math.max(bottom - top, 500)];
  return { x: (left + right - width) / 2, y: (top + bottom - height) / 2, width, height };
}

/** Zoom by buttons and keys, and the chosen step kept in sight. */
function Look({ spots, chosen }: { spots: ReadonlyMap<string, Spot>; chosen: string | null }) {
  const flow = useReactFlow();
  const box = useRef<HTMLDivElement>(null);
  const fit = (): void => void flow.fitView({ ...FIT, duration: 200 });
  useShortcuts([
    { keys: "f", label: "Show the whole graph", group: "Plan", run: fit },
    { keys: "+", label: "Nearer", group: "Plan", run: () => void flow.zoomIn({ duration: 120 }) },
    { keys: "-", label: "Farther", group: "Plan", run: () => void flow.zoomOut({ duration: 120 }) },
  ]);
  const before = useRef<ReadonlyMap<string, Spot> | null>(null);
  useEffect(() => {
    const was = before.current;
    before.current = spots;
    if (was === null) return;
    const fresh = [...spots.keys()].filter((id) => !was.has(id));
    if (chosen !== null && fresh.includes(chosen)) return; // it is looked for below
    const near = fresh.length > 0 && fresh.length < spots.size ? fresh : [...spots.keys()];
    requestAnimationFrame(() => void flow.fitBounds(around(near, spots), { padding: 0.15, duration: 200 }));
  }, [spots]);
  useEffect(() => {
    const spot = chosen === null ? undefined : spots.get(chosen);
    const frame = box.current?.closest(".react-flow")?.getBoundingClientRect();
    if (!spot || !frame) return;
    const { x, y, zoom } = flow.getViewport();
    const [left, top] = [spot.x * zoom + x, spot.y * zoom + y];
    const inSight = left > 0 && top > 0 && left + spot.width * zoom < frame.width && top + spot.height * zoom < frame.height;
    if (!inSight || zoom < 0.45) {
      void flow.setCenter(spot.x + spot.width / 2, spot.y + spot.height / 2, { zoom: Math.max(zoom, 0.8), duration: 200 });
    }
  }, [chosen, spots]);
  return (
    <div className="zoom" ref={box}>
      <button type="button" className="button small" aria-label="Nearer" onClick={() => void flow.zoomIn({ duration: 120 })}>+</button>
      <button type="button" className="button small" aria-label="Farther" onClick={() => void flow.zoomOut({ duration: 120 })}>−</button>
      <button type="button" className="button small" onClick={fit}>Fit</button>
    </div>
  );
}
