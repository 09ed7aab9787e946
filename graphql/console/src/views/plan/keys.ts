import { useReactFlow } from "@xyflow/react";
import { useEffect, useRef, type KeyboardEvent } from "react";
import { beside } from "../../logic/beside";
import type { Spot } from "../../logic/layout";

/** What a screen reader says of a box of the graph that has the focus. */
export const TOLD = { "node.a11yDescription.default": "Enter opens it. Arrow keys go to the next box in that direction." };

/** Keys of the box with the focus: Enter and space do what a click does, arrows go to its neighbours. */
export function useBoxKeys(spots: ReadonlyMap<string, Spot>, open: (id: string) => void): (event: KeyboardEvent) => void {
  const flow = useReactFlow();
  const leaving = useRef<ReadonlySet<string> | null>(null);
  const focus = (id: string): void => {
    const spot = spots.get(id);
    const found = boxOf(id);
    if (found || !spot) return found?.focus();
    // Boxes out of sight are not drawn.
    void flow.setCenter(spot.x + spot.width / 2, spot.y + spot.height / 2, { zoom: Math.max(flow.getZoom(), 0.5) });
    requestAnimationFrame(() => requestAnimationFrame(() => boxOf(id)?.focus()));
  };
  useEffect(() => {
    const before = leaving.current;
    leaving.current = null;
    const first = before && [...spots.keys()].find((id) => !before.has(id));
    if (first) requestAnimationFrame(() => focus(first));
  }, [spots]);
  return (event) => {
    const id = event.target instanceof HTMLElement && event.target.matches(".react-flow__node") ? event.target.dataset["id"] : undefined;
    if (id === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = beside(id, event.key, spots);
    if (event.key === "Enter" || event.key === " ") {
      leaving.current = new Set(spots.keys()); // a group that opens takes the focus with it
      open(id);
    } else if (next !== null) focus(next);
    else return;
    event.preventDefault();
  };
}

function boxOf(id: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`);
}
