import { useMemo, useState } from "react";
import type { AnswerFragment } from "../../generated/operations";
import { cell, csv } from "../../logic/csv";
import { duration, plural } from "../../logic/text";
import { Button, Choice } from "../../ui/controls";
import { Empty } from "../../ui/states";
import { Table } from "../../ui/table";
import { Copy, Json, Line } from "../../ui/text";

type Form = "table" | "json";

interface Keyed {
  readonly row: readonly unknown[];
  readonly key: string;
}

/** Rows that are on the page at once. */
const ROWS = 200;

/** An answer as a table or as JSON; the whole of it can be copied. */
export function AnswerView({ answer }: { answer: AnswerFragment }) {
  const [form, setForm] = useState<Form>("table");
  const [most, setMost] = useState(ROWS);
  const rows = useMemo(() => (Array.isArray(answer.rows) ? (answer.rows as unknown[][]) : []), [answer]);
  const text = useMemo(() => csv(answer.columns, rows), [answer, rows]);
  const keyed = useMemo(() => rows.slice(0, most).map((row, i) => ({ row, key: String(i) })), [rows, most]);
  return (
    <section aria-label="Answer">
      <div className="toolbar">
        <Choice label="Form" value={form} options={[["table", "Table"], ["json", "JSON"]]} onChange={(value) => setForm(value ?? "table")} />
        <span className="dim num">{plural(rows.length, "row")} in {duration(answer.tookMs)}{answer.truncated && "; there are more than may be answered"}</span>
        <Copy text={text} label="Copy as CSV" />
      </div>
      {rows.length === 0 ? <Empty title="The answer has no rows" /> : form === "json" ? (
        <Json value={rows.map((row) => Object.fromEntries(answer.columns.map((name, i) => [name, row[i]])))} label="Rows" />
      ) : (
        <Table
          label="Answer" rows={keyed} keyOf={(item) => item.key}
          columns={answer.columns.map((name, i) => ({ name, right: typeof rows[0]?.[i] === "number", cell: (item: Keyed) => <Line>{cell(item.row[i])}</Line> }))}
        />
      )}
      {form === "table" && rows.length > most && <Button small kind="ghost" onClick={() => setMost(most + ROWS)}>{`Show ${rows.length - most} more`}</Button>}
    </section>
  );
}
