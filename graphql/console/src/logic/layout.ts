import dagre from "@dagrejs/dagre";
import type { Shown, ShownNode } from "./collapse";

export const STEP_SIZE = { width: 180, height: 50 };
export const GROUP_SIZE = { width: 200, height: 64 };

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

export interface Layout {
  readonly spots: ReadonlyMap<string, Spot>;
  /** Whether dependencies lead from top to bottom; else from left to right. */
  readonly down: boolean;
}

/** Shape of the place for a drawing: width by height. */
const PLACE = { width: 1000, height: 720 };

/** Where each node lies (its upper left corner), in the direction in which more of it can be read at once. */
export function layout(shown: Shown): Layout {
  if (shown.edges.length > MOST_EDGES) return { spots: columns(shown), down: false };
  const found: Layout[] = [{ spots: arrange(shown, "LR"), down: false }];
  if (shown.nodes.length <= MOST_TWICE) found.push({ spots: arrange(shown, "TB"), down: true });
  const folded = fold(shown);
  if (folded !== null) found.push({ spots: folded, down: false });
  // The first that is about as readable as the best: from left to right, from top to bottom, in lines like a text.
  const scales = found.map((one) => scale(one.spots));
  const best = Math.max(...scales);
  return found[scales.findIndex((one, i) => one * PREFERENCE[i]! >= best)] ?? found[0]!;
}

/** How much smaller a way may be drawn than the best one and be taken all the same. */
const PREFERENCE = [1.1, 1.6, 1];

/** Many levels in lines, like a text: as wide as makes them largest. Null for what has too few levels. */
function fold(shown: Shown): Map<string, Spot> | null {
  const blocks = stacked(shown).map(blockOf);
  if (blocks.length < 8 && !shown.collapsed) return null;
  let best: Map<string, Spot> | null = null;
  for (let columns = 3; columns <= 24; columns++) {
    const spots = inLines(blocks, columns);
    if (best === null || scale(spots) > scale(best)) best = spots;
  }
  return best;
}

interface Block {
  readonly nodes: readonly ShownNode[];
  readonly rows: number;
  readonly columns: number;
}

/** One level: a column, or several where it has many nodes. */
function blockOf(nodes: readonly ShownNode[]): Block {
  const rows = nodes.length <= 4 ? nodes.length : Math.max(4, Math.ceil(Math.sqrt(nodes.length * 2)));
  return { nodes, rows, columns: Math.ceil(nodes.length / rows) };
}

function inLines(blocks: readonly Block[], most: number): Map<string, Spot> {
  const spots = new Map<string, Spot>();
  let y = 0;
  for (let from = 0; from < blocks.length; ) {
    let to = from + 1;
    let columns = blocks[from]!.columns;
    while (to < blocks.length && columns + blocks[to]!.columns <= most) columns += blocks[to++]!.columns;
    const line = blocks.slice(from, to);
    const rows = Math.max(...line.map((block) => block.rows));
    let column = 0;
    for (const block of line) {
      place(block, column, y + ((rows - block.rows) * STRIDE.y) / 2, spots);
      column += block.columns;
    }
    y += rows * STRIDE.y + 26;
    from = to;
  }
  return spots;
}

function place(block: Block, column: number, y: number, spots: Map<string, Spot>): void {
  block.nodes.forEach((node, i) => {
    const { width, height } = sizeOf(node);
    const [dx, dy] = [(GROUP_SIZE.width - width) / 2, (GROUP_SIZE.height - height) / 2];
    const at = { column: column + Math.floor(i / block.rows), row: i % block.rows };
    spots.set(node.id, { x: at.column * STRIDE.x + dx, y: y + at.row * STRIDE.y + dy, width, height });
  });
}

const STRIDE = { x: GROUP_SIZE.width + 44, y: GROUP_SIZE.height + 12 };

/** Nodes by level, in the order given. */
function stacked(shown: Shown): ShownNode[][] {
  const level = levels(shown);
  const stacks: ShownNode[][] = [];
  for (const node of shown.nodes) {
    const at = level.get(node.id) ?? 0;
    while (stacks.length <= at) stacks.push([]);
    stacks[at]!.push(node);
  }
  return stacks;
}

/** Up to so many nodes both directions are tried. */
const MOST_TWICE = 150;

/** How large a drawing appears when all of it is shown. */
function scale(spots: ReadonlyMap<string, Spot>): number {
  let [width, height] = [1, 1];
  for (const spot of spots.values()) {
    width = Math.max(width, spot.x + spot.width);
    height = Math.max(height, spot.y + spot.height);
  }
  return Math.min(1, PLACE.width / width, PLACE.height / height);
}

function arrange(shown: Shown, rankdir: "LR" | "TB"): Map<string, Spot> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir, nodesep: rankdir === "LR" ? 14 : 20, ranksep: rankdir === "LR" ? 44 : 38, marginx: 8, marginy: 8 });
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
  const spots = new Map<string, Spot>();
  stacked(shown).forEach((stack, column) => stack.forEach((node, row) => {
    spots.set(node.id, { x: column * (GROUP_SIZE.width + 70), y: row * STRIDE.y, ...sizeOf(node) });
  }));
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
