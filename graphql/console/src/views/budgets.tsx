import { useState } from "react";
import { commandId, useMutation, useQuery } from "../api/hooks";
import { pathTo } from "../app/router";
import type { ViewProps } from "../app/routes";
import { Budgets, SetBudget, type AccountFragment, type BudgetsData } from "../generated/operations";
import { Button, Dialog, Link } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Table, Pager, usePages } from "../ui/table";
import { Line, Text } from "../ui/text";
import { toast } from "../ui/toasts";
import { PlanStatusBadge } from "./plans";
import { Account, amount, DIMENSIONS, type Dimension } from "./budgets/account";

type PlanRow = BudgetsData["plans"]["nodes"][number];

/** What a project and its plans may spend, have spent, and have reserved for what runs now. */
export default function BudgetsView({ params }: ViewProps) {
  const id = params["project"] ?? "";
  const pages = usePages();
  const found = useQuery(Budgets, { projectId: id, after: pages.after }, 5_000);
  const [editing, setEditing] = useState(false);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Budgets</h1>
        <Button small onClick={() => setEditing(true)}>Set the project's limits</Button>
      </header>
      <Loaded of={found} what="Loading budgets">
        {({ project, plans }) => project === null ? <Empty title="There is no such project" /> : (
          <>
            <section aria-label="Project">
              <h2>The whole project</h2>
              <Account of={project.spending} />
            </section>
            <section aria-label="Plans">
              <h2>Plans</h2>
              <Plans rows={plans.nodes} project={id} />
              <Pager pages={pages} info={plans.pageInfo} />
            </section>
            {editing && <LimitsDialog id={id} present={project.spending} onClose={() => setEditing(false)} onDone={found.reload} />}
          </>
        )}
      </Loaded>
    </div>
  );
}

function Plans({ rows, project }: { rows: readonly PlanRow[]; project: string }) {
  const used = rows.filter((row) => row.spending !== null);
  if (used.length === 0) return <Empty title="No plan on this page has spent anything or has a limit">Attempts are charged as they end.</Empty>;
  return (
    <Table
      label="Plans" rows={used} keyOf={(row) => row.id}
      columns={[
        { name: "Status", cell: (row) => <PlanStatusBadge plan={row} />, width: "8rem" },
        { name: "Plan", cell: (row) => <Link to={pathTo("/projects/:project/plans/:plan", { project, plan: row.id })}><Line>{row.title}</Line></Link> },
        ...DIMENSIONS.map(([name, label]) => ({
          name: label, right: true, width: "9rem", cell: (row: PlanRow) => <Cell account={row.spending} of={name} />,
        })),
      ]}
    />
  );
}

function Cell({ account, of }: { account: AccountFragment | null; of: Dimension }) {
  const spent = account?.spent[of] ?? 0;
  const limit = account?.limit[of] ?? null;
  if (!spent && limit === null) return <span className="dim">—</span>;
  return <span className={limit !== null && spent >= limit ? "bad-text" : ""}>{amount(of, spent)}{limit !== null && <span className="dim"> / {amount(of, limit)}</span>}</span>;
}

function LimitsDialog({ id, present, onClose, onDone }: {
  id: string;
  present: AccountFragment | null;
  onClose: () => void;
  onDone: () => void;
}) {
  const [given, setGiven] = useState<Record<Dimension, string>>({
    cost: text(present?.limit.cost), tokens: text(present?.limit.tokens), calls: text(present?.limit.calls), wallMs: text(present?.limit.wallMs),
  });
  const set = useMutation(SetBudget);
  const wrong = Object.values(given).some((value) => value.trim() !== "" && !(Number(value) >= 0));
  const save = async (): Promise<void> => {
    const limits = Object.fromEntries(Object.entries(given).filter(([, value]) => value.trim() !== "").map(([name, value]) => [name, Number(value)]));
    if (!(await set.run({ input: { id, budget: Object.keys(limits).length > 0 ? limits : null, commandId: commandId() } }))) return;
    toast("Limits set");
    onDone();
    onClose();
  };
  return (
    <Dialog title="Limits of the project" onClose={onClose}>
      <form onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <p className="dim">What is left empty is not limited. An attempt that would exceed a limit is refused before it runs.</p>
        {DIMENSIONS.map(([name, label]) => (
          <label className="field inline" key={name} htmlFor={`limit-${name}`}>
            <span>{label}{name === "wallMs" ? " (ms)" : ""}</span>
            <input id={`limit-${name}`} inputMode="decimal" value={given[name]} maxLength={20}
              onChange={(event) => setGiven({ ...given, [name]: event.target.value })} />
          </label>
        ))}
        {wrong && <p role="alert" className="bad-text">A limit is a number of 0 or more.</p>}
        {set.problem && <p role="alert" className="bad-text"><Text>{set.problem}</Text></p>}
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={set.busy} disabled={wrong} onClick={() => void save()}>Set limits</Button>
        </div>
      </form>
    </Dialog>
  );
}

function text(value: number | null | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}
