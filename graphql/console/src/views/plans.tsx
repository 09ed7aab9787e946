import { useCallback, useEffect, useMemo, useState } from "react";
import { request } from "../api/client";
import { useAnswer, useQuery } from "../api/hooks";
import { navigate, pathTo, usePlace, withQuery } from "../app/router";
import type { ViewProps } from "../app/routes";
import { Plans, ProjectName, type PlanRowFragment, type PlansData, type PlanStatus } from "../generated/operations";
import { Button, Choice, Link, Meter, Search } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Status } from "../ui/status";
import { Table } from "../ui/table";
import { Line } from "../ui/text";
import { Ago, Took } from "../ui/time";

const FILTERS: readonly (readonly [PlanStatus | null, string])[] = [
  [null, "All"], ["in_progress", "In progress"], ["completed", "Completed"], ["failed", "Failed"],
  ["approved", "Approved"], ["proposed", "Proposed"], ["draft", "Draft"], ["cancelled", "Cancelled"],
];

/** Plans that are read at most, the newest, to be searched here. */
const MOST = 1_000;
const PAGE = 50;

interface Listed {
  readonly plans: readonly PlanRowFragment[];
  readonly more: boolean;
}

/** All plans of a project with a status, the newest first. */
async function readPlans(projectId: string, status: PlanStatus | null, signal: AbortSignal): Promise<Listed> {
  const plans: PlanRowFragment[] = [];
  let after: string | null = null;
  let more = true;
  while (more && plans.length < MOST) {
    const page: PlansData = await request(Plans, { projectId, status, after }, signal);
    plans.push(...page.plans.nodes);
    more = page.plans.pageInfo.hasNextPage;
    after = page.plans.pageInfo.endCursor;
  }
  return { plans, more };
}

export default function PlansView({ params }: ViewProps) {
  const project = params["project"] ?? "";
  const { query } = usePlace();
  const status = FILTERS.find(([value]) => value === query.get("status"))?.[0] ?? null;
  const [wanted, setWanted] = useState("");
  const [page, setPage] = useState(0);
  const name = useQuery(ProjectName, { id: project });
  const [size, setSize] = useState(0);
  const read = useCallback((signal: AbortSignal) => readPlans(project, status, signal), [project, status]);
  const found = useAnswer(read, size > 200 ? 15_000 : 3_000);
  useEffect(() => setSize(found.data?.plans.length ?? 0), [found.data]);
  const choose = (value: PlanStatus | null): void => {
    setPage(0);
    navigate(withQuery({ status: value }), true);
  };
  const search = (text: string): void => {
    setPage(0);
    setWanted(text);
  };
  if (name.data && name.data.project === null) return <Empty title="There is no such project">It may have been deleted. <Link to="/">All projects</Link></Empty>;
  return (
    <div className="page">
      <header className="page-head">
        <h1><Line>{name.data?.project?.name ?? "Plans"}</Line></h1>
      </header>
      <div className="toolbar">
        <Choice label="Status" value={status} options={FILTERS} onChange={choose} />
        <Search value={wanted} onChange={search} label="Search plans" />
      </div>
      <Loaded of={found} what="Loading plans">
        {(listed) => <List listed={listed} project={project} wanted={wanted} filtered={status !== null} page={page} onPage={setPage} />}
      </Loaded>
    </div>
  );
}

function List({ listed, project, wanted, filtered, page, onPage }: {
  listed: Listed;
  project: string;
  wanted: string;
  filtered: boolean;
  page: number;
  onPage: (page: number) => void;
}) {
  const needle = wanted.trim().toLowerCase();
  const matching = useMemo(
    () => needle === "" ? listed.plans : listed.plans.filter((row) => `${row.title}\n${row.objective}\n${row.uuid}`.toLowerCase().includes(needle)),
    [listed, needle],
  );
  const last = Math.max(0, Math.ceil(matching.length / PAGE) - 1);
  const at = Math.min(page, last);
  return (
    <>
      <Rows rows={matching.slice(at * PAGE, (at + 1) * PAGE)} project={project} searched={needle !== ""} filtered={filtered} />
      {last > 0 && (
        <nav className="pager" aria-label="Pages">
          <Button small disabled={at === 0} onClick={() => onPage(at - 1)}>Previous</Button>
          <span className="dim num">{at + 1} of {last + 1}</span>
          <Button small disabled={at === last} onClick={() => onPage(at + 1)}>Next</Button>
        </nav>
      )}
      {listed.more && <p className="dim">This project has more plans than the {MOST.toLocaleString("en")} that are listed here. Choose a status to see others.</p>}
    </>
  );
}

function Rows({ rows, project, searched, filtered }: {
  rows: readonly PlanRowFragment[];
  project: string;
  searched: boolean;
  filtered: boolean;
}) {
  const to = (row: PlanRowFragment): string => pathTo("/projects/:project/plans/:plan", { project, plan: row.id });
  if (rows.length === 0) return <Nothing searched={searched} filtered={filtered} />;
  return (
    <Table
      label="Plans" rows={rows} keyOf={(row) => row.id} onOpen={(row) => navigate(to(row))}
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
  if (searched) return <Empty title="No plan matches">Search looks at titles, objectives and ids.</Empty>;
  if (filtered) return <Empty title="No plan has this status">Choose another one above.</Empty>;
  return (
    <Empty title="No plans yet">
      <p>Start one from a plan file, or from a program with the client:</p>
      <pre>psg run plan.yaml</pre>
    </Empty>
  );
}
