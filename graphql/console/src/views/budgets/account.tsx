import type { AccountFragment } from "../../generated/operations";
import { duration } from "../../logic/text";
import { Meter } from "../../ui/controls";
import { Empty } from "../../ui/states";

export type Dimension = "cost" | "tokens" | "calls" | "wallMs";

export const DIMENSIONS: readonly (readonly [Dimension, string])[] = [
  ["cost", "Cost"], ["tokens", "Tokens"], ["calls", "Calls"], ["wallMs", "Time"],
];

export function amount(of: Dimension, value: number): string {
  if (of === "wallMs") return duration(value);
  return value.toLocaleString("en", { maximumFractionDigits: of === "cost" ? 4 : 0 });
}

/** An account as bars: spent and reserved of each limit. */
export function Account({ of }: { of: AccountFragment | null }) {
  const rows = DIMENSIONS.filter(([name]) => of && (of.limit[name] !== null || (of.spent[name] ?? 0) > 0 || (of.reserved[name] ?? 0) > 0));
  if (of === null || rows.length === 0) return <Empty title="Nothing spent, and no limits">Set limits, or run a plan whose actions cost something.</Empty>;
  return (
    <div className="account">
      {rows.map(([name, label]) => {
        const spent = of.spent[name] ?? 0;
        const reserved = of.reserved[name] ?? 0;
        const limit = of.limit[name];
        const total = limit ?? spent + reserved;
        return (
          <div key={name} className="account-row">
            <span>{label}</span>
            <Meter
              label={label} total={Math.max(total, spent + reserved)}
              parts={[
                { value: spent, tone: limit !== null && spent >= limit ? "bad" : "good", name: "spent" },
                { value: reserved, tone: "waiting", name: "reserved" },
              ]}
            />
            <span className="num">
              {amount(name, spent)}
              {reserved > 0 && <span className="dim"> + {amount(name, reserved)} reserved</span>}
              {limit !== null ? <span className="dim"> of {amount(name, limit)}</span> : <span className="dim">, no limit</span>}
            </span>
          </div>
        );
      })}
    </div>
  );
}
