import { useState } from "react";
import { commandId, useMutation } from "../../api/hooks";
import { DecideConfirm, type DecisionStatus } from "../../generated/operations";
import type { Approval } from "../../logic/waiting";
import { Button } from "../../ui/controls";
import { Text } from "../../ui/text";
import { toast } from "../../ui/toasts";

/** Decide what a step waits for. */
export function Decide({ approval }: { approval: Approval }) {
  const [reason, setReason] = useState("");
  const roles = approval.approval?.roles ?? [];
  const [role, setRole] = useState(roles[0] ?? "approver");
  const command = useMutation(DecideConfirm);
  const needsReason = approval.approval?.reasonRequired === true && reason.trim() === "";
  const decide = async (status: DecisionStatus): Promise<void> => {
    const done = await command.run({ input: { id: approval.id, commandId: commandId(), status, role, reason: reason.trim() || null } });
    if (done) toast(status === "approved" ? "Approved" : "Rejected");
  };
  return (
    <div className="decide">
      <label className="field" htmlFor="decide-reason">
        <span>Reason{approval.approval?.reasonRequired ? " (needed)" : ""}</span>
        <textarea id="decide-reason" value={reason} maxLength={2_000} onChange={(event) => setReason(event.target.value)} />
      </label>
      {roles.length > 1 && (
        <label className="field inline" htmlFor="decide-role">
          <span>As</span>
          <select id="decide-role" value={role} onChange={(event) => setRole(event.target.value)}>
            {roles.map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
      )}
      {command.problem && <p className="bad-text" role="alert"><Text>{command.problem}</Text></p>}
      <div className="actions">
        <Button kind="danger" small disabled={needsReason} busy={command.busy} onClick={() => void decide("rejected")}>Reject</Button>
        <Button kind="primary" small disabled={needsReason} busy={command.busy} onClick={() => void decide("approved")}>Approve</Button>
      </div>
    </div>
  );
}
