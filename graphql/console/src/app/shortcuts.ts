import { useEffect, useRef } from "react";
import { store } from "../api/store";

export interface Shortcut {
  /** One key ("j", "?", "Escape"), or two pressed one after the other ("g p"). */
  readonly keys: string;
  readonly label: string;
  readonly group: string;
  readonly run: () => void;
}

/** What can be pressed now; shown by `?`. */
export const shortcuts = store<readonly Shortcut[]>([]);

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Offer shortcuts while the component is there; later ones win over earlier ones with the same keys. */
export function useShortcuts(offered: readonly Shortcut[]): void {
  const latest = useRef(offered);
  latest.current = offered;
  const signature = offered.map((s) => `${s.keys}\0${s.label}`).join("\n");
  useEffect(() => {
    const mine = latest.current.map((shortcut, i) => ({ ...shortcut, run: () => latest.current[i]?.run() }));
    shortcuts.set([...shortcuts.get(), ...mine]);
    return () => shortcuts.set(shortcuts.get().filter((shortcut) => !mine.includes(shortcut)));
  }, [signature]);
}

const SEQUENCE_MS = 1_200;

/** Listen for keys; once, by the application. */
export function listenForShortcuts(): () => void {
  let first = "";
  let at = 0;
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) && event.key !== "Escape") return;
    if (document.querySelector("dialog[open]") && event.key !== "Escape") return;
    const sequence = first && Date.now() - at < SEQUENCE_MS ? `${first} ${event.key}` : "";
    const all = [...shortcuts.get()].reverse();
    const found = all.find((s) => s.keys === sequence) ?? all.find((s) => s.keys === event.key);
    first = all.some((s) => s.keys.startsWith(`${event.key} `)) ? event.key : "";
    at = Date.now();
    if (!found) return;
    first = "";
    event.preventDefault();
    found.run();
  };
  window.addEventListener("keydown", onKey);
  return () => window.removeEventListener("keydown", onKey);
}
