import { countStates, type StepNode, type StepState } from "./steps";

export type Grouping = "rank" | "name";

export interface GroupNode {
  readonly kind: "group";
  readonly id: string;
  readonly label: string;
  readonly steps: readonly StepNode[];
  readonly counts: Record<StepState, number>;
}

export interface SingleNode {
  readonly kind: "step";
  readonly id: string;
  readonly step: StepNode;
}

export type ShownNode = GroupNode | SingleNode;

export interface ShownEdge {
  readonly from: string;
  readonly to: string;
  /** How many dependencies it stands for. */
  readonly count: number;
}

export interface Shown {
  readonly nodes: readonly ShownNode[];
  readonly edges: readonly ShownEdge[];
  readonly collapsed: boolean;
}

/** A plan up to this size is drawn step by step. */
export const WHOLE = 240;
const WHOLE_EDGES = 700;
/** Groups on one level, and steps that one group shows when it is opened. */
export const GROUPS = 36;
export const LEAF = 40;
/** What is drawn at once at most, whatever was opened. */
export const MOST = 400;

interface Part {
  readonly id: string;
  readonly label: string;
  readonly steps: readonly StepNode[];
}

/**
 * What to draw of a plan: its steps, or groups of them of which some are opened. A group opens into smaller groups
 * until it has at most `LEAF` steps, so that no plan, wide or deep, is ever drawn as a whole beyond `MOST` nodes.
 */
export function collapse(
  steps: readonly StepNode[],
  rank: ReadonlyMap<string, number>,
  grouping: Grouping,
  opened: ReadonlySet<string>,
): Shown {
  const edges = steps.reduce((sum, step) => sum + step.dependencyIds.length, 0);
  if (steps.length <= WHOLE && edges <= WHOLE_EDGES) return shown(steps, steps.map(single), false);
  const parts = grouping === "name" ? byName(steps, rank) : byRank(steps, rank);
  const nodes: ShownNode[] = [];
  for (const part of parts) open(part, rank, opened, nodes, parts.length);
  return shown(steps, nodes, true);
}

function open(part: Part, rank: ReadonlyMap<string, number>, opened: ReadonlySet<string>, into: ShownNode[], beside: number): void {
  const wide = part.steps.length > LEAF;
  const children = wide ? splitFurther(part, rank) : null;
  const room = into.length + beside + (children?.length ?? part.steps.length) <= MOST;
  if (part.steps.length === 1) into.push(single(part.steps[0]!));
  else if (!opened.has(part.id) || !room) into.push({ kind: "group", ...part, counts: countStates(part.steps) });
  else if (children === null) into.push(...part.steps.map(single));
  else for (const child of children) open(child, rank, opened, into, beside);
}

function single(step: StepNode): SingleNode {
  return { kind: "step", id: step.id, step };
}

function byRank(steps: readonly StepNode[], rank: ReadonlyMap<string, number>): Part[] {
  const rows = new Map<number, StepNode[]>();
  for (const step of steps) {
    const at = rank.get(step.id) ?? 0;
    const row = rows.get(at);
    if (row) row.push(step);
    else rows.set(at, [step]);
  }
  const sorted = [...rows].sort(([a], [b]) => a - b);
  const each = Math.ceil(sorted.length / GROUPS);
  const parts: Part[] = [];
  for (let i = 0; i < sorted.length; i += each) {
    const band = sorted.slice(i, i + each);
    const [first, last] = [band[0]![0], band[band.length - 1]![0]];
    parts.push({
      id: `r${first}-${last}`, label: first === last ? `Rank ${first + 1}` : `Ranks ${first + 1}–${last + 1}`,
      steps: band.flatMap(([, row]) => row),
    });
  }
  return parts;
}

/** The part of a key that it shares with its like: without a number at its end, or what follows the first separator. */
export function nameOf(key: string): string {
  const bare = key.replace(/[[(]?\d+[\])]?$/, "").replace(/[_\-.:/ ]+$/, "");
  const at = bare.search(/[_\-.:/ [(]/);
  return (at > 0 ? bare.slice(0, at) : bare).slice(0, 60) || "…";
}

function byName(steps: readonly StepNode[], rank: ReadonlyMap<string, number>): Part[] {
  const groups = new Map<string, StepNode[]>();
  for (const step of steps) {
    const name = nameOf(step.key);
    const group = groups.get(name);
    if (group) group.push(step);
    else groups.set(name, [step]);
  }
  if (groups.size < 2) return byRank(steps, rank);
  const bySize = [...groups].sort((a, b) => b[1].length - a[1].length);
  const rest = bySize.slice(GROUPS - 1).flatMap(([, members]) => members);
  const kept = bySize.slice(0, rest.length > 0 ? GROUPS - 1 : GROUPS);
  const parts = kept.map(([name, members]) => ({ id: `n${name}`, label: name, steps: members }));
  return rest.length > 0 ? [...parts, { id: "n", label: "Others", steps: rest }] : parts;
}

function splitFurther(part: Part, rank: ReadonlyMap<string, number>): Part[] {
  const sub = byRank(part.steps, rank);
  if (sub.length > 1) return sub.map((child) => ({ ...child, id: `${part.id}/${child.id}` }));
  const size = Math.max(LEAF, Math.ceil(part.steps.length / GROUPS));
  const parts: Part[] = [];
  for (let i = 0; i < part.steps.length; i += size) {
    const steps = part.steps.slice(i, i + size);
    parts.push({ id: `${part.id}/${i}`, label: `${steps[0]!.key} … ${steps[steps.length - 1]!.key}`, steps });
  }
  return parts;
}

function shown(steps: readonly StepNode[], nodes: readonly ShownNode[], collapsed: boolean): Shown {
  const home = new Map<string, string>();
  for (const node of nodes) {
    if (node.kind === "step") home.set(node.step.id, node.id);
    else for (const step of node.steps) home.set(step.id, node.id);
  }
  const counts = new Map<string, ShownEdge>();
  for (const step of steps) {
    const to = home.get(step.id);
    for (const needed of step.dependencyIds) {
      const from = home.get(needed);
      if (from === undefined || to === undefined || from === to) continue;
      const key = `${from}\0${to}`;
      counts.set(key, { from, to, count: (counts.get(key)?.count ?? 0) + 1 });
    }
  }
  return { nodes, edges: [...counts.values()], collapsed };
}

/** The groups to open so that a step is drawn by itself. */
export function pathToStep(steps: readonly StepNode[], rank: ReadonlyMap<string, number>, grouping: Grouping, id: string): string[] {
  const path: string[] = [];
  let parts = grouping === "name" ? byName(steps, rank) : byRank(steps, rank);
  for (;;) {
    const part = parts.find((candidate) => candidate.steps.some((step) => step.id === id));
    if (!part || part.steps.length === 1) return path;
    path.push(part.id);
    if (part.steps.length <= LEAF) return path;
    parts = splitFurther(part, rank);
  }
}
