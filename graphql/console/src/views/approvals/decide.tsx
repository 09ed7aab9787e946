import { useId, useState } from "react";
import { commandId, useMutation } from "../../api/hooks";
import { DecideRequest, DelegateRequest, type ApprovalRequestFragment, type DecisionStatus } from "../../generated/operations";
import { Button, Dialog } from "../../ui/controls";
import { Status } from "../../ui/status";
import { Facts, Json, Line, Text } from "../../ui/text";
import { Ago, Moment } from "../../ui/time";
import { toast } from "../../ui/toasts";

/** What a request is about: a title, the plan to look at, and the kind of thing. */
export function subjectOf(request: ApprovalRequestFragment): { title: string; plan: string | null; kind: string } {
  const { step, target } = request;
  if (step) return { title: step.key, plan: step.planId, kind: `Step of ${step.plan?.title ?? "a plan"}` };
  if (target?.__typename === "Plan") return { title: target.title, plan: target.id, kind: "Plan" };
  if (target?.__typename === "Context") return { title: target.title, plan: null, kind: "Context" };
  return { title: request.id, plan: request.planId, kind: request.targetType };
}

interface DialogProps {
  request: ApprovalRequestFragment;
  project: string;
  onClose: () => void;
  onDecided: () => void;
}

/** Everything a decision needs to be a considered one, and the decision. */
export function RequestDialog({ request, onClose, onDecided }: DialogProps) {
  const { title, kind } = subjectOf(request);
  return (
    <Dialog title={request.status === "pending" ? "Decide" : "Request"} onClose={onClose} wide>
      <div>
        <h3><Text most={300}>{title}</Text></h3>
        <p className="dim"><Text most={300}>{kind}</Text></p>
      </div>
      <RequestFacts request={request} />
      {request.step?.params !== null && request.step?.params !== undefined && (
        <Json value={request.step.params} label="Input of the step" />
      )}
      <Decisions request={request} />
      {request.status === "pending"
        ? <DecisionForm request={request} onClose={onClose} onDecided={onDecided} />
        : <div className="actions"><Button onClick={onClose}>Close</Button></div>}
    </Dialog>
  );
}

function RequestFacts({ request }: { request: ApprovalRequestFragment }) {
  const { approval, step } = request;
  return (
    <Facts
      of={[
        ["Reason", request.reason && <Text>{request.reason}</Text>],
        ["Action", step?.capability && <code><Text most={200}>{step.capability}</Text></code>],
        ["Description", step?.description && <Text>{step.description}</Text>],
        ["Asked", <><Moment at={request.requestedAt} /> as <Text most={100}>{request.requestedByRole}</Text></>],
        ["Proposed by", approval?.proposedBy && <Text most={200}>{approval.proposedBy}</Text>],
        ["Needed", approval && `${approval.approvals} of ${approval.quorum} approvals`],
        ["Who may decide", approval && <Text most={400}>{entitled(approval)}</Text>],
        ["Not who proposed", approval?.separationOfDuty && "who proposed it may not approve it"],
        ["Deadline", approval?.expiresAt && <Ago at={approval.expiresAt} />],
        ["Changed since", approval?.voided && <span className="bad-text">what it covers was changed: it must be asked for anew</span>],
      ]}
    />
  );
}

function entitled(approval: NonNullable<ApprovalRequestFragment["approval"]>): string {
  const names = [...approval.approvers, ...approval.roles.map((role) => `role ${role}`)];
  return names.length > 0 ? names.join(", ") : "anybody";
}

function Decisions({ request }: { request: ApprovalRequestFragment }) {
  if (request.decisions.length === 0) return null;
  return (
    <section aria-label="Decisions">
      <h3>Decisions</h3>
      <ul className="plain-list">
        {request.decisions.map((decision) => (
          <li key={decision.id}>
            <Status of={decision.status} /> <strong><Text most={200}>{decision.actor ?? "unknown"}</Text></strong>
            <span className="dim"> as <Text most={100}>{decision.decidedByRole}</Text>, <Ago at={decision.decidedAt} /></span>
            {decision.reason && <div><Text>{decision.reason}</Text></div>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function DecisionForm({ request, onClose, onDecided }: Omit<DialogProps, "project">) {
  const id = useId();
  const [reason, setReason] = useState("");
  const [role, setRole] = useState(request.approval?.roles[0] ?? "approver");
  const decide = useMutation(DecideRequest);
  const missing = request.approval?.reasonRequired === true && reason.trim() === "";
  const send = async (status: DecisionStatus): Promise<void> => {
    const input = { id: request.id, status, role, reason: reason.trim() || null, commandId: commandId() };
    if (!(await decide.run({ input }))) return;
    toast(status === "approved" ? "Approved" : "Rejected");
    onDecided();
    onClose();
  };
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <label className="field" htmlFor={`${id}reason`}>
        <span>Reason{request.approval?.reasonRequired ? " (needed)" : ""}</span>
        <textarea id={`${id}reason`} value={reason} maxLength={4_000} onChange={(event) => setReason(event.target.value)} />
      </label>
      <label className="field inline" htmlFor={`${id}role`}>
        <span>In the role</span>
        <input id={`${id}role`} value={role} maxLength={100} onChange={(event) => setRole(event.target.value)} />
      </label>
      {decide.problem && <p role="alert" className="bad-text"><Text>{decide.problem}</Text></p>}
      {missing && <p className="dim">A reason is needed for this one.</p>}
      <Delegation request={request} onDone={onDecided} />
      <div className="actions">
        <Button onClick={onClose}>Not now</Button>
        <Button kind="danger" busy={decide.busy} disabled={missing} onClick={() => void send("rejected")}>Reject</Button>
        <Button kind="primary" busy={decide.busy} disabled={missing} onClick={() => void send("approved")}>Approve</Button>
      </div>
    </form>
  );
}

/** Hand the decision over to somebody else. */
function Delegation({ request, onDone }: { request: ApprovalRequestFragment; onDone: () => void }) {
  const id = useId();
  const [to, setTo] = useState("");
  const hand = useMutation(DelegateRequest);
  if (!request.approval) return null;
  const send = async (): Promise<void> => {
    if (!(await hand.run({ input: { id: request.id, to: to.trim(), commandId: commandId() } }))) return;
    toast(`Handed over to ${to.trim()}`);
    setTo("");
    onDone();
  };
  return (
    <details>
      <summary className="dim">Hand it over to somebody else</summary>
      <div className="toolbar">
        <label className="field inline" htmlFor={id}>
          <span>To</span>
          <input id={id} value={to} maxLength={200} onChange={(event) => setTo(event.target.value)} />
        </label>
        <Button small busy={hand.busy} disabled={to.trim() === ""} onClick={() => void send()}>Hand over</Button>
      </div>
      {hand.problem && <p role="alert" className="bad-text"><Line>{hand.problem}</Line></p>}
    </details>
  );
}
