import { useState } from "react";
import { commandId, useMutation, useQuery } from "../../api/hooks";
import { GrantRole, Grants, Projects, RevokeRole, type GrantedRole, type GrantsData } from "../../generated/operations";
import { isolate } from "../../logic/text";
import { Button, Select } from "../../ui/controls";
import { Empty, Loaded } from "../../ui/states";
import { Pager, Table, usePages } from "../../ui/table";
import { Line, Text } from "../../ui/text";
import { Ago } from "../../ui/time";
import { ROLES } from "./tokens";

type Row = GrantsData["grants"]["nodes"][number];

/** Roles of actors, in a project or everywhere. */
export function GrantTable() {
  const pages = usePages();
  const found = useQuery(Grants, { after: pages.after }, 15_000);
  const projects = useQuery(Projects, { after: null });
  const revoke = useMutation(RevokeRole);
  const names = new Map(projects.data?.projects.nodes.map((one) => [one.id, one.name]));
  const end = async (row: Row): Promise<void> => {
    if (await revoke.run({ input: { actor: row.actor, role: row.role, projectId: row.projectId, commandId: commandId() } })) found.reload();
  };
  return (
    <section aria-label="Roles">
      <GrantForm projects={[...names]} onDone={found.reload} />
      {revoke.problem && <p role="alert" className="bad-text"><Text>{revoke.problem}</Text></p>}
      <Loaded of={found} what="Loading roles">
        {({ grants }) => grants.nodes.length === 0 && pages.number === 1 ? <Empty title="Nothing is granted yet">Grant a role above; without one an actor sees nothing.</Empty> : (
          <>
            <Table
              label="Roles" rows={grants.nodes} keyOf={(row) => `${row.actor} ${row.role} ${row.projectId ?? ""}`}
              columns={[
                { name: "Actor", cell: (row) => <Line>{row.actor}</Line> },
                { name: "Role", cell: (row) => row.role, width: "8rem" },
                { name: "In", cell: (row) => <Line>{row.projectId === null ? "every project" : names.get(row.projectId) ?? row.projectId}</Line> },
                { name: "Granted", cell: (row) => <><Ago at={row.grantedAt} /> <Line className="sub">{`by ${row.grantedBy}`}</Line></>, width: "11rem" },
                { name: "", right: true, width: "6rem", cell: (row) => <Button small kind="danger" busy={revoke.busy} onClick={() => void end(row)}>Revoke</Button> },
              ]}
            />
            <Pager pages={pages} info={grants.pageInfo} />
          </>
        )}
      </Loaded>
    </section>
  );
}

function GrantForm({ projects, onDone }: { projects: readonly (readonly [string, string])[]; onDone: () => void }) {
  const [actor, setActor] = useState("");
  const [role, setRole] = useState<string>("viewer");
  const [project, setProject] = useState("");
  const grant = useMutation(GrantRole);
  const send = async (): Promise<void> => {
    const input = { actor: actor.trim(), role: role as GrantedRole, projectId: project || null, commandId: commandId() };
    if (!(await grant.run({ input }))) return;
    setActor("");
    onDone();
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); if (actor.trim()) void send(); }}>
      <div className="toolbar">
        <label className="field inline" htmlFor="grant-actor"><span>Actor</span><input id="grant-actor" value={actor} maxLength={200} onChange={(event) => setActor(event.target.value)} /></label>
        <Select label="Role" value={role} onChange={setRole} options={ROLES.map((one) => [one, one])} />
        <Select label="In" value={project} onChange={setProject} options={[["", "every project"], ...projects.map(([id, name]) => [id, isolate(name).slice(0, 60)] as const)]} />
        <Button small busy={grant.busy} disabled={actor.trim() === ""} onClick={() => void send()}>Grant</Button>
      </div>
      {grant.problem && <p role="alert" className="bad-text"><Text>{grant.problem}</Text></p>}
    </form>
  );
}
