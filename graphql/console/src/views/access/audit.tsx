import { useState } from "react";
import { useQuery } from "../../api/hooks";
import { AuditTrail, type AuditOutcome, type AuditTrailData } from "../../generated/operations";
import { Button, Choice, Dialog } from "../../ui/controls";
import { Empty, Loaded } from "../../ui/states";
import { Status } from "../../ui/status";
import { Pager, Table, usePages } from "../../ui/table";
import { Facts, Json, Line, Text } from "../../ui/text";
import { Ago, Moment } from "../../ui/time";

type Act = AuditTrailData["auditRecords"]["nodes"][number];

const OUTCOMES: readonly (readonly [AuditOutcome | null, string])[] = [[null, "All"], ["allowed", "Allowed"], ["denied", "Denied"], ["failed", "Failed"]];
const LOOKS: Readonly<Record<AuditOutcome, readonly [string, string]>> = {
  allowed: ["completed", "Allowed"], denied: ["failed", "Denied"], failed: ["blocked", "Failed"],
};

/** What was denied, and what was done by privilege: by whom, when, with which token. */
export function AuditTable() {
  const pages = usePages();
  const [outcome, setOutcome] = useState<AuditOutcome | null>(null);
  const [open, setOpen] = useState<Act | null>(null);
  const found = useQuery(AuditTrail, { after: pages.after, outcome }, 10_000);
  return (
    <section aria-label="Audit trail">
      <div className="toolbar">
        <Choice label="Outcome" value={outcome} options={OUTCOMES} onChange={(value) => { pages.reset(); setOutcome(value); }} />
      </div>
      <Loaded of={found} what="Loading the audit trail">
        {({ auditRecords }) => auditRecords.nodes.length === 0 && pages.number === 1 ? <Empty title="Nothing was denied or done by privilege" /> : (
          <>
            <Table
              label="Audit trail" rows={auditRecords.nodes} keyOf={(row) => String(row.seq)} onOpen={setOpen}
              columns={[
                { name: "Outcome", cell: (row) => <Status of={LOOKS[row.outcome][0]} label={LOOKS[row.outcome][1]} />, width: "8rem" },
                { name: "Actor", cell: (row) => <Line>{row.actor}</Line> },
                { name: "Act", cell: (row) => <><Line>{row.act}</Line><Line className="sub">{row.reason}</Line></> },
                { name: "Times", cell: (row) => row.count, right: true, width: "5rem" },
                { name: "When", cell: (row) => <Ago at={row.lastAt} />, width: "8rem" },
              ]}
            />
            <Pager pages={pages} info={auditRecords.pageInfo} />
          </>
        )}
      </Loaded>
      {open && (
        <Dialog title="Audit record" onClose={() => setOpen(null)} wide>
          <Facts
            of={[
              ["Act", <Text>{open.act}</Text>], ["Actor", <Text>{open.actor}</Text>], ["Outcome", LOOKS[open.outcome][1]],
              ["Reason", open.reason && <Text>{open.reason}</Text>], ["First", <Moment at={open.at} />], ["Last", <Moment at={open.lastAt} />],
              ["Token", open.tokenId && <code><Text>{open.tokenId}</Text></code>], ["Request", open.requestId && <code><Text>{open.requestId}</Text></code>],
            ]}
          />
          <Json value={open.details} label="Details" />
          <div className="actions"><Button kind="primary" onClick={() => setOpen(null)}>Close</Button></div>
        </Dialog>
      )}
    </section>
  );
}
