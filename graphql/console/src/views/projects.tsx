import { useQuery } from "../api/hooks";
import { navigate, pathTo } from "../app/router";
import { Projects, type ProjectsData } from "../generated/operations";
import { Link } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Pager, Table, usePages } from "../ui/table";
import { Line } from "../ui/text";
import { Ago } from "../ui/time";

type Row = ProjectsData["projects"]["nodes"][number];

const to = (row: Row): string => pathTo("/projects/:project", { project: row.id });

export default function ProjectsView() {
  const pages = usePages();
  const found = useQuery(Projects, { after: pages.after }, 15_000);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Projects</h1>
      </header>
      <Loaded of={found} what="Loading projects">
        {({ projects }) =>
          projects.nodes.length === 0 && pages.number === 1 ? (
            <FirstSteps />
          ) : (
            <>
              <Table
                label="Projects" rows={projects.nodes} keyOf={(row) => row.id} onOpen={(row) => navigate(to(row))}
                columns={[
                  { name: "Project", cell: (row) => <Link to={to(row)}><Line>{row.name}</Line></Link> },
                  { name: "Description", cell: (row) => <Line className="dim">{row.description}</Line> },
                  { name: "Created", cell: (row) => <Ago at={row.recordedAt} />, width: "9rem" },
                ]}
              />
              <Pager pages={pages} info={projects.pageInfo} />
            </>
          )
        }
      </Loaded>
    </div>
  );
}

function FirstSteps() {
  return (
    <Empty title="No projects yet">
      <p>A project is made with its first plan. From a folder with a plan file:</p>
      <pre>psg run plan.yaml</pre>
      <p>This page shows it as soon as it is there.</p>
    </Empty>
  );
}
