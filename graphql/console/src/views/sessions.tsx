import { useQuery } from "../api/hooks";
import { navigate, pathTo } from "../app/router";
import type { ViewProps } from "../app/routes";
import { Collabs, type CollabsData } from "../generated/operations";
import { Link } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Status } from "../ui/status";
import { Pager, Table, usePages } from "../ui/table";
import { Line } from "../ui/text";
import { Ago } from "../ui/time";

type Row = CollabsData["collabs"]["nodes"][number];

/** Collaborations of a project: agents and people who take a plan's steps as turns. */
export default function SessionsView({ params }: ViewProps) {
  const project = params["project"] ?? "";
  const pages = usePages();
  const found = useQuery(Collabs, { projectId: project, after: pages.after }, 10_000);
  const to = (row: Row): string => pathTo("/projects/:project/sessions/:collab", { project, collab: row.id });
  return (
    <div className="page">
      <header className="page-head">
        <h1>Sessions</h1>
      </header>
      <Loaded of={found} what="Loading sessions">
        {({ collabs }) => collabs.nodes.length === 0 && pages.number === 1 ? (
          <Empty title="No sessions yet">
            A session is a collaboration whose participants take a plan's steps as turns. <code>psg session</code> starts one.
          </Empty>
        ) : (
          <>
            <Table
              label="Sessions" rows={collabs.nodes} keyOf={(row) => row.id} onOpen={(row) => navigate(to(row))}
              columns={[
                { name: "Status", cell: (row) => <Status of={row.status} />, width: "8rem" },
                {
                  name: "Session",
                  cell: (row) => <><Link to={to(row)}><Line>{row.title}</Line></Link><Line className="sub">{row.purpose}</Line></>,
                },
                { name: "Turns", cell: (row) => row.mode.replaceAll("_", " "), width: "9rem" },
                { name: "Changed", cell: (row) => <Ago at={row.updatedAt ?? row.recordedAt} />, width: "8rem" },
              ]}
            />
            <Pager pages={pages} info={collabs.pageInfo} />
          </>
        )}
      </Loaded>
    </div>
  );
}
