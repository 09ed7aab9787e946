import { useEffect, useId, useRef, type MouseEvent, type ReactNode } from "react";
import { navigate } from "../app/router";

type Kind = "plain" | "primary" | "danger" | "ghost";

interface ButtonProps {
  children: ReactNode;
  onClick: () => void;
  kind?: Kind;
  small?: boolean;
  disabled?: boolean;
  busy?: boolean;
  title?: string;
}

export function Button({ children, onClick, kind = "plain", small, disabled, busy, title }: ButtonProps) {
  return (
    <button
      type="button"
      className={`button ${kind} ${small ? "small" : ""}`}
      onClick={onClick}
      disabled={disabled === true || busy === true}
      aria-busy={busy || undefined}
      title={title}
    >
      {children}
    </button>
  );
}

/** A link inside the console: without loading the page anew, but a link in every other way. */
export function Link({ to, children, className, current }: {
  to: string;
  children: ReactNode;
  className?: string;
  current?: boolean;
}) {
  const go = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={to} onClick={go} className={className} aria-current={current ? "page" : undefined}>
      {children}
    </a>
  );
}

/** One of a few values; null is all of them. */
export function Choice<T extends string>({ label, value, options, onChange }: {
  label: string;
  value: T | null;
  options: readonly (readonly [T | null, string])[];
  onChange: (value: T | null) => void;
}) {
  return (
    <div className="choice" role="group" aria-label={label}>
      {options.map(([option, text]) => (
        <button
          type="button"
          key={option ?? ""}
          aria-pressed={option === value}
          onClick={() => onChange(option)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

export function Select({ label, value, options, onChange }: {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <label className="field inline" htmlFor={id}>
      <span>{label}</span>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A field to search in what is shown; `/` puts the cursor into it. */
export function Search({ value, onChange, label, id }: {
  value: string;
  onChange: (value: string) => void;
  label: string;
  id?: string;
}) {
  return (
    <input
      type="search"
      className="search"
      id={id}
      value={value}
      placeholder={label}
      aria-label={label}
      maxLength={200}
      spellCheck={false}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape" && value !== "") {
          event.preventDefault();
          onChange("");
        } else if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}

/** A dialog over the page; focus stays inside it, Escape closes it. */
export function Dialog({ title, children, onClose, wide }: {
  title: string;
  children: ReactNode;
  onClose: () => void;
  wide?: boolean;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      className={wide ? "wide" : ""}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      <div className="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

/** Part of a whole, as a bar with its numbers in words for those who do not see it. */
export function Meter({ parts, total, label }: {
  parts: readonly { value: number; tone: string; name: string }[];
  total: number;
  label: string;
}) {
  const words = parts.filter((part) => part.value > 0).map((part) => `${part.value} ${part.name}`);
  const text = `${label}: ${words.join(", ") || "nothing yet"}`;
  return (
    <span className="meter" role="img" aria-label={text} title={text}>
      {parts.map((part) => (
        <span
          key={part.name}
          className={`tone-${part.tone}`}
          style={{ width: total > 0 ? `${(100 * part.value) / total}%` : 0 }}
        />
      ))}
    </span>
  );
}
