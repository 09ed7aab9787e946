import type { Spot } from "./layout";

const WAYS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1],
};

/** How much farther a box counts that lies aside of the way. */
const ASIDE = 2;

/** The nearest box in the direction of an arrow key; null where none is, or for another key. */
export function beside(id: string, key: string, spots: ReadonlyMap<string, Spot>): string | null {
  const way = WAYS[key];
  const from = spots.get(id);
  if (!way || !from) return null;
  let best: string | null = null;
  let least = Infinity;
  for (const [other, spot] of spots) {
    const [dx, dy] = [middle(spot).x - middle(from).x, middle(spot).y - middle(from).y];
    const [along, aside] = [dx * way[0] + dy * way[1], Math.abs(dx * way[1]) + Math.abs(dy * way[0])];
    const far = along + ASIDE * aside;
    if (along > 1 && far < least) [best, least] = [other, far];
  }
  return best;
}

function middle(spot: Spot): { x: number; y: number } {
  return { x: spot.x + spot.width / 2, y: spot.y + spot.height / 2 };
}
