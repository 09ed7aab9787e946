import { useState } from "react";
import { useQuery } from "../api/hooks";
import { navigate, pathTo, usePlace, withQuery } from "../app/router";
import type { ViewProps } from "../app/routes";
import { Plans, ProjectName, type PlanRowFragment, type PlanStatus } from "../generated/operations";
import { Choice, Link, Meter, Search } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Status } from "../ui/status";
import { Pager, Table, usePages } from "../ui/table";
import { Line } from "../ui/text";
import { Ago, Took } from "../ui/time";

const FILTERS: readonly (readonly [PlanStatus | null, string])[] = [
  [null, "All"], ["in_progress", "In progress"], ["completed", "Completed"], ["failed", "Failed"],
  ["approved", "Approved"], ["proposed", "Proposed"], ["draft", "Draft"], ["cancelled", "Cancelled"],
];

export default function PlansView({ params }: ViewProps) {
  const project = params["project"] ?? "";
  const { query } = usePlace();
  const status = FILTERS.find(([value]) => value === query.get("status"))?.[0] ?? null;
  const pages = usePages();
  const [wanted, setWanted] = useState("");
  const name = useQuery(ProjectName, { id: project });
  const found = useQuery(Plans, { projectId: project, status, after: pages.after }, 3_000);
  const choose = (value: PlanStatus | null): void => {
    pages.reset();
    navigate(withQuery({ status: value }), true);
  };
  if (name.data && name.data.project === null) return <Empty title="There is no such project">It may have been deleted. <Link to="/">All projects</Link></Empty>;
  return (
    <div className="page">
      <header className="page-head">
        <h1><Line>{name.data?.project?.name ?? "Plans"}</Line></h1>
      </header>
      <div className="toolbar">
        <Choice label="Status" value={status} options={FILTERS} onChange={choose} />
        <Search value={wanted} onChange={setWanted} label="Search on this page" />
      </div>
      <Loaded of={found} what="Loading plans">
        {({ plans }) => (
          <>
            <Rows rows={plans.nodes} project={project} wanted={wanted} filtered={status !== null} />
            <Pager pages={pages} info={plans.pageInfo} />
          </>
        )}
      </Loaded>
    </div>
  );
}

function Rows({ rows, project, wanted, filtered }: {
  rows: readonly PlanRowFragment[];
  project: string;
  wanted: string;
  filtered: boolean;
}) {
  const to = (row: PlanRowFragment): string => pathTo("/projects/:project/plans/:plan", { project, plan: row.id });
  const needle = wanted.trim().toLowerCase();
  const shown = needle ? rows.filter((row) => `${row.title}\n${row.objective}\n${row.uuid}`.toLowerCase().includes(needle)) : rows;
  if (shown.length === 0) return <Nothing searched={needle !== ""} filtered={filtered} />;
  return (
    <Table
      label="Plans" rows={shown} keyOf={(row) => row.id} onOpen={(row) => navigate(to(row))}
      columns={[
        { name: "Status", cell: (row) => <PlanStatusBadge plan={row} />, width: "8rem" },
        {
          name: "Plan",
          cell: (row) => (
            <>
              <Link to={to(row)}><Line>{row.title}</Line></Link>
              {row.objective !== row.title && <Line className="sub">{row.objective}</Line>}
            </>
          ),
        },
        { name: "Steps", cell: (row) => <Progress plan={row} />, width: "11rem" },
        { name: "Took", cell: (row) => <Took from={row.startedAt} to={row.finishedAt} />, right: true, width: "7rem" },
        { name: "Created", cell: (row) => <Ago at={row.recordedAt} />, width: "8rem" },
      ]}
    />
  );
}

export function PlanStatusBadge({ plan }: { plan: { status: string; paused: boolean; loading?: boolean } }) {
  if (plan.loading) return <Status of="pending" label="Being stored" />;
  return <Status of={plan.paused && plan.status === "in_progress" ? "paused" : plan.status} />;
}

function Progress({ plan }: { plan: PlanRowFragment }) {
  const done = plan.stepsTotal - plan.stepsOpen - plan.stepsFailed;
  return (
    <div className="progress">
      <Meter
        label="Steps" total={plan.stepsTotal}
        parts={[
          { value: done, tone: "good", name: "done" },
          { value: plan.stepsFailed, tone: "bad", name: "failed" },
        ]}
      />
      <span className="num dim">{plan.stepsTotal - plan.stepsOpen}/{plan.stepsTotal}</span>
    </div>
  );
}

function Nothing({ searched, filtered }: { searched: boolean; filtered: boolean }) {
  if (searched) return <Empty title="No plan on this page matches">Search looks at titles, objectives and ids of the plans of this page.</Empty>;
  if (filtered) return <Empty title="No plan has this status">Choose another one above.</Empty>;
  return (
    <Empty title="No plans yet">
      <p>Start one from a plan file, or from a program with the client:</p>
      <pre>psg run plan.yaml</pre>
    </Empty>
  );
}
