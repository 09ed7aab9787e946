import { store } from "./store";

/** Whether the API answers. Requests report what they saw; while it does not, it is asked again at growing intervals. */
export interface Connection {
  readonly reachable: boolean;
  /** Counts returns: a query that follows it asks again when the API is back. */
  readonly returns: number;
  readonly retryAt: number | null;
}

export const connection = store<Connection>({ reachable: true, returns: 0, retryAt: null });

const FIRST_MS = 500;
const LONGEST_MS = 15_000;
let attempt = 0;
let timer: ReturnType<typeof setTimeout> | null = null;

/** Milliseconds before the n-th try: doubled each time up to a limit, of which a random half is taken away. */
export function backoff(n: number, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(n, 10));
  return Math.round(most / 2 + (most / 2) * random());
}

export function reached(): void {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  attempt = 0;
  const now = connection.get();
  if (!now.reachable) connection.set({ reachable: true, returns: now.returns + 1, retryAt: null });
}

export function lost(): void {
  if (timer !== null) return;
  const wait = backoff(attempt++);
  connection.set({ ...connection.get(), reachable: false, retryAt: Date.now() + wait });
  timer = setTimeout(() => void probe(), wait);
}

/** Ask now whether the API is back. */
export async function probe(): Promise<void> {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    if (answer.ok) reached();
    else lost();
  } catch {
    lost();
  }
}

if (typeof window !== "undefined") {
  window.addEventListener("online", () => void probe());
  window.addEventListener("offline", lost);
}
