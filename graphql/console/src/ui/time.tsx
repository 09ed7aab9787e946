import { useEffect, useState } from "react";
import { clock, duration, millis } from "../logic/text";

/** The present second, for components that show how long something takes. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (everyMs <= 0) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A moment; today's without its date. */
export function Moment({ at }: { at: string | null | undefined }) {
  const ms = millis(at);
  if (ms === null) return <span className="dim">—</span>;
  const today = new Date(ms).toDateString() === new Date().toDateString();
  return (
    <time dateTime={at ?? undefined} title={at ?? undefined} className="num">
      {clock(ms, !today)}
    </time>
  );
}

/** How long ago, at the precision of its size. */
export function Ago({ at }: { at: string | null | undefined }) {
  const now = useNow(10_000);
  const ms = millis(at);
  if (ms === null) return <span className="dim">—</span>;
  const past = now - ms;
  const words = Math.abs(past) < 10_000 ? "just now" : past < 0 ? `in ${duration(-past)}` : `${coarse(past)} ago`;
  return (
    <time dateTime={at ?? undefined} title={clock(ms, true)}>
      {words}
    </time>
  );
}

function coarse(ms: number): string {
  return duration(ms).replace(/ \d+ (s|min)$/, "");
}

/** From a start to an end, or to now while there is no end. */
export function Took({ from, to }: { from: string | null | undefined; to: string | null | undefined }) {
  const start = millis(from);
  const end = millis(to);
  const now = useNow(start !== null && end === null ? 1_000 : 0);
  if (start === null) return <span className="dim">—</span>;
  return <span className="num">{duration((end ?? Math.max(now, start)) - start)}</span>;
}
