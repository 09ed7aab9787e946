/** A row of plain data, whose fields may be anything. */
export type Plain = Readonly<Record<string, unknown>>;

/** A field as text; empty where there is none. */
export function field(row: Plain, name: string): string {
  const value = row[name];
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A field as a whole number. */
export function count(row: Plain, name: string): string {
  const value = Number(row[name] ?? 0);
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en") : "0";
}

/** Bytes as people say them. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = n;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
