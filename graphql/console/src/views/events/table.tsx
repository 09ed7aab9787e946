import { useState } from "react";
import { pathTo } from "../../app/router";
import type { LogEventFragment } from "../../generated/operations";
import { Button, Dialog, Link } from "../../ui/controls";
import { Status } from "../../ui/status";
import { Table } from "../../ui/table";
import { Facts, Json, Line, Text } from "../../ui/text";
import { Moment } from "../../ui/time";

/** Rows that are on the page at once; more on demand, so that thousands of events do not slow it. */
const ROWS = 200;

export function EventTable({ events, onOpen }: { events: readonly LogEventFragment[]; onOpen: (event: LogEventFragment) => void }) {
  const [most, setMost] = useState(ROWS);
  if (events.length === 0) return null;
  return (
    <>
      <Table
        label="Events" rows={events.slice(0, most)} keyOf={(event) => String(event.seq)} onOpen={onOpen}
        columns={[
          { name: "No.", cell: (event) => event.seq, right: true, width: "5rem" },
          { name: "Time", cell: (event) => <Moment at={event.timestamp} />, width: "10rem" },
          { name: "Family", cell: (event) => <Line className="dim">{event.family.replaceAll("_", " ")}</Line>, width: "9rem" },
          { name: "Type", cell: (event) => <Line>{event.type}</Line> },
          { name: "Entity", cell: (event) => <Line>{event.entityType}</Line>, width: "8rem" },
          { name: "Status", cell: (event) => event.toStatus && <Status of={event.toStatus} title={`from ${event.fromStatus ?? "nothing"}`} />, width: "8rem" },
          { name: "Actor", cell: (event) => <Line>{event.actor}</Line>, width: "9rem" },
        ]}
      />
      {events.length > most && (
        <Button small kind="ghost" onClick={() => setMost(most + ROWS)}>{`Show ${events.length - most} more of what was read`}</Button>
      )}
    </>
  );
}

export function EventDialog({ event, project, onClose }: { event: LogEventFragment; project: string; onClose: () => void }) {
  return (
    <Dialog title={`Event ${event.seq}`} onClose={onClose} wide>
      <Facts
        of={[
          ["Type", <Text most={300}>{event.type}</Text>],
          ["Family", event.family.replaceAll("_", " ")],
          ["Time", <Moment at={event.timestamp} />],
          ["Entity", <><Text most={100}>{event.entityType}</Text> <code><Text most={200}>{event.entityId}</Text></code></>],
          ["Status", event.toStatus && <>{event.fromStatus && <><Status of={event.fromStatus} /> → </>}<Status of={event.toStatus} /></>],
          ["Actor", <Text most={300}>{event.actor}</Text>],
          ["Plan", event.planId && <Link to={pathTo("/projects/:project/plans/:plan", { project, plan: event.planId })}>Open its plan</Link>],
          ["Correlation", event.correlationId && <code><Text most={200}>{event.correlationId}</Text></code>],
          ["Command", event.commandId && <code><Text most={200}>{event.commandId}</Text></code>],
        ]}
      />
      <Json value={event.changes} label="What it changed" />
      <div className="actions"><Button kind="primary" onClick={onClose}>Close</Button></div>
    </Dialog>
  );
}
