import { useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import type { PageInfoFragment } from "../generated/operations";
import { useShortcuts } from "../app/shortcuts";
import { Button } from "./controls";

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => ReactNode;
  /** Numbers stand at the right. */
  readonly right?: boolean;
  /** A CSS width such as `8rem`; without one it takes what it needs. */
  readonly width?: string;
}

/** A table whose rows can be gone through with `j` and `k` and opened with Enter. */
export function Table<Row>({ rows, columns, keyOf, onOpen, label, chosen }: {
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  onOpen?: (row: Row) => void;
  label: string;
  chosen?: string | null;
}) {
  const body = useRef<HTMLTableSectionElement>(null);
  const move = (by: number): void => {
    const all = [...(body.current?.querySelectorAll<HTMLElement>("tr[tabindex]") ?? [])];
    const at = all.findIndex((row) => row === document.activeElement);
    all[Math.max(0, Math.min(all.length - 1, at + by))]?.focus();
  };
  useShortcuts([
    { keys: "j", label: "Next row", group: "Lists", run: () => move(1) },
    { keys: "k", label: "Previous row", group: "Lists", run: () => move(-1) },
  ]);
  const onKey = (event: KeyboardEvent, row: Row): void => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && event.target === event.currentTarget) onOpen?.(row);
  };
  return (
    <div className="table-scroll">
      <table className={onOpen ? "open" : ""} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={column.right ? "right" : ""} style={{ width: column.width }}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              tabIndex={onOpen ? 0 : -1}
              className={chosen === keyOf(row) ? "chosen" : ""}
              onKeyDown={(event) => onKey(event, row)}
              onClick={(event) => {
                if (!(event.target as HTMLElement).closest("a,button,input,select,label")) onOpen?.(row);
              }}
            >
              {columns.map((column) => (
                <td key={column.name} className={column.right ? "right num" : ""}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Pages of a connection that is only read forwards: the cursors that were passed are kept. */
export function usePages(): Pages {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return {
    after: cursors[cursors.length - 1] ?? null,
    number: cursors.length,
    next: (cursor) => setCursors((was) => [...was, cursor]),
    back: () => setCursors((was) => (was.length > 1 ? was.slice(0, -1) : was)),
    reset: () => setCursors((was) => (was.length > 1 ? [null] : was)),
  };
}

export interface Pages {
  readonly after: string | null;
  readonly number: number;
  next(cursor: string): void;
  back(): void;
  reset(): void;
}

export function Pager({ pages, info }: { pages: Pages; info: PageInfoFragment }) {
  if (pages.number === 1 && !info.hasNextPage) return null;
  return (
    <nav className="pager" aria-label="Pages">
      <Button small disabled={pages.number === 1} onClick={pages.back}>
        Previous
      </Button>
      <span className="dim num">Page {pages.number}</span>
      <Button small disabled={!info.hasNextPage || !info.endCursor} onClick={() => info.endCursor && pages.next(info.endCursor)}>
        Next
      </Button>
    </nav>
  );
}
