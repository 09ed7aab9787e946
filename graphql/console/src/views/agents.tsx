import { useQuery } from "../api/hooks";
import { Overview } from "../generated/operations";
import { duration } from "../logic/text";
import { Empty, Loaded, Problem } from "../ui/states";
import { Status } from "../ui/status";
import { Table } from "../ui/table";
import { Facts, Line } from "../ui/text";
import { count, field, type Plain } from "./platform/plain";

/** Who works now: orchestrators with their leases, agents and workers that are offered, modules. */
export default function AgentsView() {
  const found = useQuery(Overview, {}, 3_000);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Agents</h1>
      </header>
      <Loaded of={found} what="Asking who works">
        {({ systemOverview: now }) => (
          <>
            {Object.keys(now.missing as Plain).length > 0 && (
              <Problem error={{ code: "partly", message: `Some parts could not be read: ${Object.keys(now.missing as Plain).join(", ")}` }} />
            )}
            <Counts counts={now.counts as Plain} />
            <Orchestrators rows={now.sessions as Plain[]} />
            <Offered rows={now.agents as Plain[]} />
            <Modules rows={now.modules as Plain[]} />
          </>
        )}
      </Loaded>
    </div>
  );
}

function Counts({ counts }: { counts: Plain }) {
  return (
    <Facts
      of={[
        ["Ready steps", count(counts, "ready")],
        ["Asleep", count(counts, "sleeping")],
        ["Offered to workers", count(counts, "offered")],
        ["Longest wait", duration(Number(counts["claim_lag_ms"] ?? 0))],
      ]}
    />
  );
}

function Orchestrators({ rows }: { rows: readonly Plain[] }) {
  return (
    <section aria-label="Orchestrators">
      <h2>Orchestrators</h2>
      {rows.length === 0 ? (
        <Empty title="No orchestrator runs"><p>Nothing is executed until one does.</p><pre>psg orchestrate</pre></Empty>
      ) : (
        <Table
          label="Orchestrators" rows={rows} keyOf={(row) => field(row, "id")}
          columns={[
            { name: "Session", cell: (row) => <Line className="mono">{field(row, "id")}</Line> },
            { name: "Process", cell: (row) => <Line>{`${field(row, "host")}:${field(row, "pid")}`}</Line> },
            { name: "Steps", cell: (row) => `${count(row, "running")}${row["capacity"] ? ` of ${count(row, "capacity")}` : ""}`, right: true, width: "8rem" },
            { name: "Capabilities", cell: (row) => count(row, "capabilities"), right: true, width: "8rem" },
            {
              name: "Lease", right: true, width: "8rem",
              cell: (row) => Number(row["lease_left_ms"]) > 0 ? duration(Number(row["lease_left_ms"])) : <Status of="expired" />,
            },
          ]}
        />
      )}
    </section>
  );
}

function Offered({ rows }: { rows: readonly Plain[] }) {
  return (
    <section aria-label="Agents">
      <h2>Agents</h2>
      {rows.length === 0 ? <Empty title="No agent is offered">Agents are capabilities of type agent: registered by an orchestrator, or fetched by a worker of the client.</Empty> : (
        <Table
          label="Agents" rows={rows} keyOf={(row) => `${field(row, "name")} ${field(row, "source")}`}
          columns={[
            { name: "Agent", cell: (row) => <Line>{field(row, "name")}</Line> },
            { name: "Offered by", cell: (row) => count(row, "offered_by"), right: true, width: "8rem" },
            { name: "From", cell: (row) => <Line>{field(row, "source")}</Line> },
          ]}
        />
      )}
    </section>
  );
}

function Modules({ rows }: { rows: readonly Plain[] }) {
  if (rows.length === 0) return null;
  return (
    <section aria-label="Modules">
      <h2>Modules</h2>
      <Table
        label="Modules" rows={rows} keyOf={(row) => `${field(row, "module_type")} ${field(row, "process")} ${field(row, "id")}`}
        columns={[
          { name: "Module", cell: (row) => <Line>{`${field(row, "module_type")} ${field(row, "version")}`}</Line> },
          { name: "Status", cell: (row) => <Status of={field(row, "status")} />, width: "8rem" },
          { name: "Health", cell: (row) => <Status of={field(row, "health")} />, width: "8rem" },
          { name: "Operations", cell: (row) => count(row, "operations"), right: true, width: "7rem" },
          { name: "Failures", cell: (row) => count(row, "failures"), right: true, width: "7rem" },
          { name: "Why", cell: (row) => <Line className="dim">{field(row, "reason")}</Line> },
        ]}
      />
    </section>
  );
}
