import { store, useStore } from "../api/store";
import { Text } from "./text";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}

const toasts = store<readonly Toast[]>([]);
let counter = 0;

/** Say something in passing; what went wrong stays until it is closed. */
export function toast(text: string, bad = false): void {
  const id = ++counter;
  toasts.set([...toasts.get().slice(-4), { id, text, bad }]);
  if (!bad) setTimeout(() => dismiss(id), 4_000);
}

function dismiss(id: number): void {
  toasts.set(toasts.get().filter((item) => item.id !== id));
}

export function Toasts() {
  const shown = useStore(toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((item) => (
        <div key={item.id} className={`toast ${item.bad ? "bad" : ""}`}>
          <Text most={300}>{item.text}</Text>
          <button type="button" className="close" aria-label="Dismiss" onClick={() => dismiss(item.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
