import dagre from "@dagrejs/dagre";
import type { Shown, ShownNode } from "./collapse";

export const STEP_SIZE = { width: 190, height: 52 };
export const GROUP_SIZE = { width: 210, height: 66 };

export interface Spot {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function sizeOf(node: ShownNode): { width: number; height: number } {
  return node.kind === "group" ? GROUP_SIZE : STEP_SIZE;
}

/** Beyond so many edges dagre takes too long; nodes are then put in columns by rank, which is quick at any size. */
const MOST_EDGES = 900;

/** Where each node lies, its upper left corner; dependencies lead from left to right. */
export function layout(shown: Shown): Map<string, Spot> {
  if (shown.edges.length > MOST_EDGES) return columns(shown);
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 56, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of shown.nodes) graph.setNode(node.id, { ...sizeOf(node) });
  for (const edge of shown.edges) graph.setEdge(edge.from, edge.to, { weight: Math.min(edge.count, 20) });
  dagre.layout(graph);
  return new Map(
    shown.nodes.map((node) => {
      const { x, y } = graph.node(node.id) as { x: number; y: number };
      const { width, height } = sizeOf(node);
      return [node.id, { x: x - width / 2, y: y - height / 2, width, height }];
    }),
  );
}

function columns(shown: Shown): Map<string, Spot> {
  const level = levels(shown);
  const filled = new Map<number, number>();
  const spots = new Map<string, Spot>();
  for (const node of shown.nodes) {
    const column = level.get(node.id) ?? 0;
    const row = filled.get(column) ?? 0;
    filled.set(column, row + 1);
    spots.set(node.id, { x: column * (GROUP_SIZE.width + 70), y: row * (GROUP_SIZE.height + 12), ...sizeOf(node) });
  }
  return spots;
}

/** Longest way from a beginning to each node; edges that would close a circle are not followed. */
function levels(shown: Shown): Map<string, number> {
  const needed = new Map<string, number>();
  const next = new Map<string, string[]>();
  for (const { from, to } of shown.edges) {
    needed.set(to, (needed.get(to) ?? 0) + 1);
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const level = new Map<string, number>();
  let front = shown.nodes.filter((node) => !needed.has(node.id)).map((node) => node.id);
  for (let depth = 0; front.length > 0; depth++) {
    const following: string[] = [];
    for (const id of front) {
      level.set(id, depth);
      for (const to of next.get(id) ?? []) {
        const left = (needed.get(to) ?? 0) - 1;
        needed.set(to, left);
        if (left === 0) following.push(to);
      }
    }
    front = following;
  }
  return level;
}
