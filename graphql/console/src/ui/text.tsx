import { useId, useMemo, useState, type ReactNode } from "react";
import { CUT, cutText, isolate } from "../logic/text";

/** Text of others, whole or cut; it can be opened. Direction marks in it stay inside it. */
export function Text({ children, most = CUT }: { children: string | null | undefined; most?: number }) {
  const [open, setOpen] = useState(false);
  const text = children ?? "";
  const { shown, left } = cutText(text, open ? Math.max(most, OPENED) : most);
  return (
    <span className="text">
      <bdi>{isolate(shown)}</bdi>
      {left > 0 && !open && (
        <button type="button" className="more" onClick={() => setOpen(true)}>
          {left.toLocaleString()} more
        </button>
      )}
      {left > 0 && open && <span className="dim"> … {left.toLocaleString()} more characters are not shown</span>}
    </span>
  );
}

/** So much of one text is put on the page at most. */
const OPENED = 50_000;

/** Text in one line, cut by the width there is; the whole of it (up to a limit) on hover. */
export function Line({ children, className = "" }: { children: string | null | undefined; className?: string }) {
  const text = children ?? "";
  return (
    <span className={`line ${className}`} title={cutText(text, 1_000).shown}>
      <bdi>{isolate(cutText(text, 300).shown)}</bdi>
    </span>
  );
}

/** A protocol value as text that can be searched and copied; large ones are cut until asked for. */
export function Json({ value, label }: { value: unknown; label?: string }) {
  const [most, setMost] = useState(4_000);
  const text = useMemo(() => (value === undefined ? "" : JSON.stringify(value, null, 2) ?? "null"), [value]);
  const { shown, left } = cutText(text, most);
  return (
    <div className="json">
      <div className="json-tools">
        {label && <span className="dim">{label}</span>}
        <Copy text={text} />
      </div>
      <pre tabIndex={0} aria-label={label ?? "JSON"}>
        <bdi>{isolate(shown)}</bdi>
      </pre>
      {left > 0 && most < OPENED && (
        <button type="button" className="more" onClick={() => setMost(OPENED)}>
          {left.toLocaleString()} more characters
        </button>
      )}
      {left > 0 && most >= OPENED && (
        <p className="dim">{left.toLocaleString()} more characters are not shown; copy to have all of it.</p>
      )}
    </div>
  );
}

export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState<string | null>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setDone("Copied");
    } catch {
      setDone("Not allowed");
    }
    setTimeout(() => setDone(null), 1_500);
  };
  return (
    <button type="button" className="button small ghost" onClick={() => void copy()}>
      <span aria-live="polite">{done ?? label}</span>
    </button>
  );
}

/** Names and values, aligned. Values that are null are left out. */
export function Facts({ of }: { of: readonly (readonly [string, ReactNode])[] }) {
  const id = useId();
  return (
    <dl className="facts">
      {of
        .filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
        .map(([name, value]) => (
          <div key={`${id}${name}`}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** A link to another origin, only when it is one of the web; else its text. */
export function Outside({ href, children }: { href: string | null; children: ReactNode }) {
  let safe: string | null = null;
  try {
    const url = new URL(href ?? "");
    if (url.protocol === "http:" || url.protocol === "https:") safe = url.href;
  } catch {
    safe = null;
  }
  if (safe === null) return <span>{children}</span>;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
