import { useState } from "react";
import { commandId, useMutation, useQuery } from "../api/hooks";
import { AcknowledgeAlert, OpenAlerts, PlatformHealth, type AlertRowFragment, type AlertStatus, type PlatformHealthData } from "../generated/operations";
import { duration } from "../logic/text";
import { Button, Choice } from "../ui/controls";
import { Empty, Loaded } from "../ui/states";
import { Status } from "../ui/status";
import { Table } from "../ui/table";
import { Facts, Line, Text } from "../ui/text";
import { Ago } from "../ui/time";
import { toast } from "../ui/toasts";
import { bytes } from "./platform/plain";

/** How the platform is: its parts, its numbers, and what somebody should know. */
export default function HealthView() {
  const found = useQuery(PlatformHealth, {}, 5_000);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Health</h1>
        {found.data && <Status of={found.data.systemHealth.status} />}
      </header>
      <Alerts />
      <Loaded of={found} what="Looking at the platform">
        {(data) => (
          <>
            <Components of={data.systemHealth} />
            <Numbers of={data} />
          </>
        )}
      </Loaded>
    </div>
  );
}

const FILTERS: readonly (readonly [AlertStatus, string])[] = [["firing", "Firing"], ["acknowledged", "Acknowledged"], ["resolved", "Resolved"]];

function Alerts() {
  const [status, setStatus] = useState<AlertStatus>("firing");
  const found = useQuery(OpenAlerts, { status }, 5_000);
  const acknowledge = useMutation(AcknowledgeAlert);
  const send = async (alert: AlertRowFragment): Promise<void> => {
    if (!(await acknowledge.run({ input: { id: alert.id, commandId: commandId() } }))) return;
    toast(`Acknowledged: ${alert.name}`);
    found.reload();
  };
  return (
    <section aria-label="Alerts">
      <div className="toolbar">
        <h2>Alerts</h2>
        <Choice label="Status" value={status} options={FILTERS} onChange={(value) => setStatus(value ?? "firing")} />
      </div>
      {acknowledge.problem && <p role="alert" className="bad-text"><Text>{acknowledge.problem}</Text></p>}
      <Loaded of={found} what="Loading alerts">
        {({ alerts }) => alerts.length === 0 ? <Empty title={status === "firing" ? "Nothing fires" : `No alert is ${status}`} /> : (
          <Table
            label="Alerts" rows={alerts} keyOf={(alert) => alert.id}
            columns={[
              { name: "Severity", cell: (alert) => <Status of={alert.severity} />, width: "7rem" },
              { name: "Alert", cell: (alert) => <><Line>{alert.name}</Line><span className="sub"><Text most={300}>{alert.message}</Text></span></> },
              { name: "From", cell: (alert) => <Line className="dim">{alert.source}</Line>, width: "9rem" },
              { name: "Times", cell: (alert) => alert.times, right: true, width: "5rem" },
              { name: "Since", cell: (alert) => <Ago at={alert.startedAt} />, width: "7rem" },
              {
                name: "", right: true, width: "9rem",
                cell: (alert) => alert.status === "firing"
                  ? <Button small busy={acknowledge.busy} onClick={() => void send(alert)}>Acknowledge</Button>
                  : <Line className="dim">{alert.acknowledgedBy ? `by ${alert.acknowledgedBy}` : ""}</Line>,
              },
            ]}
          />
        )}
      </Loaded>
    </section>
  );
}

function Components({ of }: { of: PlatformHealthData["systemHealth"] }) {
  return (
    <section aria-label="Parts">
      <h2>Parts</h2>
      {of.problems.length > 0 && <ul className="plain-list">{of.problems.map((problem, i) => <li key={i} className="bad-text"><Text>{problem}</Text></li>)}</ul>}
      <Table
        label="Parts" rows={of.components} keyOf={(part) => part.component}
        columns={[
          { name: "Part", cell: (part) => <Line>{part.component}</Line> },
          { name: "Health", cell: (part) => <Status of={part.status} />, width: "8rem" },
          { name: "Answered in", cell: (part) => duration(part.responseTimeMs), right: true, width: "8rem" },
          { name: "Details", cell: (part) => <Line className="dim mono">{JSON.stringify(part.details)}</Line> },
        ]}
      />
    </section>
  );
}

function Numbers({ of: { health, systemMetrics: metrics } }: { of: PlatformHealthData }) {
  return (
    <section aria-label="Numbers">
      <h2>Numbers</h2>
      <Facts
        of={[
          ["Version", `${health.version}, schema ${health.schemaVersion ?? "unknown"}`],
          ["Database", health.database],
          ["Plans", `${metrics.activeWorkflows} run, ${metrics.completedWorkflows} completed, ${metrics.failedWorkflows} failed, ${metrics.cancelledWorkflows} cancelled`],
          ["Average run", duration(metrics.averageWorkflowDuration)],
          ["Failed steps", metrics.failedSteps],
          ["Longest wait", duration(metrics.claimLagMs)],
          ["Processor", `${metrics.cpuUsage.toFixed(0)} %`],
          ["Memory", `${metrics.memoryUsage.toFixed(0)} %`],
          ["Storage", bytes(metrics.storageUsage)],
          ["Database answers in", duration(metrics.networkLatency)],
        ]}
      />
    </section>
  );
}
