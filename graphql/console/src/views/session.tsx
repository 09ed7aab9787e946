import { useQuery } from "../api/hooks";
import { pathTo } from "../app/router";
import type { ViewProps } from "../app/routes";
import { CollabSession, type CollabSessionData } from "../generated/operations";
import { Link } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Status } from "../ui/status";
import { Table } from "../ui/table";
import { Facts, Line, Text } from "../ui/text";
import { Took } from "../ui/time";

type Session = NonNullable<CollabSessionData["session"]>;

/** One collaboration: who takes part, and who had which turn. */
export default function SessionView({ params }: ViewProps) {
  const project = params["project"] ?? "";
  const found = useQuery(CollabSession, { collabId: params["collab"] ?? "" }, 2_000);
  return (
    <div className="page">
      <Loaded of={found} what="Loading the session">
        {({ collab, session }) => collab === null ? <Empty title="There is no such session" /> : (
          <>
            <header className="page-head">
              <h1><Line>{collab.title}</Line></h1> <Status of={session && session.state !== "none" ? session.state : collab.status} />
            </header>
            <Text>{collab.purpose}</Text>
            {session === null || session.state === "none"
              ? <Empty title="It has not begun">Its turns appear here once a plan is bound to it.</Empty>
              : <Turns session={session} project={project} />}
          </>
        )}
      </Loaded>
    </div>
  );
}

function Turns({ session, project }: { session: Session; project: string }) {
  return (
    <>
      <Facts
        of={[
          ["Turns", `${session.turnCount}, ${session.mode.replaceAll("_", " ")}`],
          ["Plan", session.planId && (
            <Link to={pathTo("/projects/:project/plans/:plan", { project, plan: session.planId })}>
              {session.planPaused ? "Open (paused)" : "Open"}
            </Link>
          )],
          ["Ended because", session.reason && <Text>{session.reason}</Text>],
          ["Participants", <Text most={1_000}>{session.participants.map((p) => `${p.participantId} (${p.role ?? p.kind})`).join(", ")}</Text>],
        ]}
      />
      {session.turns.length === 0 ? <Empty title="No turn yet" /> : (
        <Table
          label="Turns" rows={session.turns} keyOf={(turn) => `${turn.number} ${turn.turnId}`}
          columns={[
            { name: "No.", cell: (turn) => turn.number, right: true, width: "4rem" },
            { name: "Status", cell: (turn) => <Status of={turn.status} />, width: "8rem" },
            { name: "Step", cell: (turn) => <Line>{turn.stepKey}</Line> },
            { name: "Whose turn", cell: (turn) => <Line>{turn.participantId}</Line> },
            { name: "Done by", cell: (turn) => <Line>{turn.executedBy ?? turn.agent}</Line> },
            { name: "Took", cell: (turn) => <Took from={turn.startedAt} to={turn.finishedAt} />, right: true, width: "7rem" },
          ]}
        />
      )}
    </>
  );
}
