import { useState } from "react";
import { useQuery } from "../api/hooks";
import { navigate, pathTo, usePlace, withQuery } from "../app/router";
import type { ViewProps } from "../app/routes";
import { Requests, type ApprovalRequestFragment, type ConfirmStatus } from "../generated/operations";
import { Button, Choice, Link } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Status } from "../ui/status";
import { Pager, Table, usePages } from "../ui/table";
import { Line } from "../ui/text";
import { Ago } from "../ui/time";
import { RequestDialog, subjectOf } from "./approvals/decide";

const FILTERS: readonly (readonly [ConfirmStatus, string])[] = [
  ["pending", "Waiting"], ["approved", "Approved"], ["rejected", "Rejected"], ["cancelled", "Cancelled"],
];

/** The inbox: what waits for somebody's decision, and what was decided by whom. */
export default function ApprovalsView({ params }: ViewProps) {
  const project = params["project"] ?? "";
  const { query } = usePlace();
  const status = FILTERS.find(([value]) => value === query.get("status"))?.[0] ?? "pending";
  const pages = usePages();
  const found = useQuery(Requests, { projectId: project, status, after: pages.after }, 3_000);
  const [open, setOpen] = useState<ApprovalRequestFragment | null>(null);
  const choose = (value: ConfirmStatus | null): void => {
    pages.reset();
    navigate(withQuery({ status: value === "pending" ? null : value }), true);
  };
  return (
    <div className="page">
      <header className="page-head">
        <h1>Approvals</h1>
      </header>
      <div className="toolbar">
        <Choice label="Status" value={status} options={FILTERS} onChange={choose} />
      </div>
      <Loaded of={found} what="Loading requests">
        {({ confirms }) => (
          <>
            {confirms.nodes.length === 0 ? <Nothing status={status} /> : (
              <Rows rows={confirms.nodes} project={project} onOpen={setOpen} />
            )}
            <Pager pages={pages} info={confirms.pageInfo} />
          </>
        )}
      </Loaded>
      {open && (
        <RequestDialog
          request={found.data?.confirms.nodes.find((row) => row.id === open.id) ?? open}
          project={project} onClose={() => setOpen(null)} onDecided={found.reload}
        />
      )}
    </div>
  );
}

function Rows({ rows, project, onOpen }: {
  rows: readonly ApprovalRequestFragment[];
  project: string;
  onOpen: (row: ApprovalRequestFragment) => void;
}) {
  return (
    <Table
      label="Requests" rows={rows} keyOf={(row) => row.id} onOpen={onOpen}
      columns={[
        { name: "Status", cell: (row) => <Status of={standing(row)} />, width: "8rem" },
        { name: "What", cell: (row) => <Subject request={row} project={project} /> },
        { name: "Approvals", cell: (row) => <Quorum request={row} />, width: "9rem" },
        { name: "Asked", cell: (row) => <Ago at={row.requestedAt} />, width: "7rem" },
        { name: "Deadline", cell: (row) => <Deadline request={row} />, width: "8rem" },
        {
          name: "", width: "6rem", right: true,
          cell: (row) => <Button small onClick={() => onOpen(row)}>{row.status === "pending" ? "Decide" : "Show"}</Button>,
        },
      ]}
    />
  );
}

function Subject({ request, project }: { request: ApprovalRequestFragment; project: string }) {
  const { title, plan, kind } = subjectOf(request);
  const to = plan && pathTo("/projects/:project/plans/:plan", { project, plan });
  return (
    <>
      {to ? <Link to={to}><Line>{title}</Line></Link> : <Line>{title}</Line>}
      <Line className="sub">{`${kind}${request.reason ? `: ${request.reason}` : ""}`}</Line>
    </>
  );
}

function standing(request: ApprovalRequestFragment): string {
  return request.approval?.voided && request.status === "pending" ? "blocked" : request.status;
}

function Quorum({ request }: { request: ApprovalRequestFragment }) {
  const wanted = request.approval?.quorum ?? 1;
  const given = request.approval?.approvals ?? request.decisions.filter((d) => d.status === "approved").length;
  const by = request.decisions.map((decision) => decision.actor ?? decision.decidedByRole).join(", ");
  return (
    <>
      <span className="num">{given} of {wanted}</span>
      {by && <Line className="sub">{by}</Line>}
    </>
  );
}

function Deadline({ request }: { request: ApprovalRequestFragment }) {
  if (!request.approval?.expiresAt) return <span className="dim">none</span>;
  return <Ago at={request.approval.expiresAt} />;
}

function Nothing({ status }: { status: ConfirmStatus }) {
  if (status !== "pending") return <Empty title={`Nothing was ${status} here`} />;
  return (
    <Empty title="Nothing waits for a decision">
      <p>Plans that need an approval, and steps that ask for one, appear here by themselves.</p>
    </Empty>
  );
}
