import { useState } from "react";
import { commandId, useMutation, type Mutation } from "../../api/hooks";
import { useShortcuts } from "../../app/shortcuts";
import {
  ApprovePlan, CancelPlan, PausePlan, ProposePlan, ResumePlan, RevisePlan, StartPlan, type ApprovePlanInput,
  type PlanHeadFragment,
} from "../../generated/operations";
import { Button, Dialog } from "../../ui/controls";
import { Text } from "../../ui/text";
import { toast } from "../../ui/toasts";

type Command = "propose" | "revise" | "approve" | "start" | "pause" | "resume" | "cancel";
type Input = ApprovePlanInput;

/** What can be commanded in which state of a plan; the server decides, this only leaves out what it would refuse. */
export function commandsFor(plan: Pick<PlanHeadFragment, "status" | "paused" | "loading">): readonly Command[] {
  if (plan.loading) return [];
  switch (plan.status) {
    case "draft": return ["propose", "cancel"];
    case "proposed": return ["approve", "revise", "cancel"];
    case "approved": return ["start", "cancel"];
    case "in_progress": return [plan.paused ? "resume" : "pause", "cancel"];
    default: return [];
  }
}

const LABELS: Readonly<Record<Command, readonly [string, string]>> = {
  propose: ["Propose", "Proposed"], revise: ["Back to draft", "It is a draft again"], approve: ["Approve", "Approved"],
  start: ["Start", "Started"], pause: ["Pause", "Paused: nothing more is begun"], resume: ["Resume", "It goes on"],
  cancel: ["Cancel plan", "Cancelled"],
};

function useCommands(): Readonly<Record<Command, Mutation<{ input: Input }>>> {
  return {
    propose: useMutation(ProposePlan), revise: useMutation(RevisePlan), approve: useMutation(ApprovePlan),
    start: useMutation(StartPlan), pause: useMutation(PausePlan), resume: useMutation(ResumePlan),
    cancel: useMutation(CancelPlan),
  };
}

export function Controls({ plan, onDone }: { plan: PlanHeadFragment; onDone: () => void }) {
  const [asked, setAsked] = useState<"approve" | "cancel" | null>(null);
  const commands = useCommands();
  const offered = commandsFor(plan);
  const problem = offered.map((name) => commands[name].problem).find(Boolean) ?? null;
  const send = async (name: Command, reason?: string): Promise<void> => {
    const approval = name === "approve" ? { reason: reason || null } : {};
    const done = await commands[name].run({ input: { id: plan.id, commandId: commandId(), ...approval } });
    if (done) {
      setAsked(null);
      toast(LABELS[name][1]);
    }
    onDone();
  };
  const press = (name: Command): void => {
    if (name === "approve" || name === "cancel") setAsked(name);
    else void send(name);
  };
  useShortcuts(offered.filter((name) => name === "pause" || name === "resume").map((name) => ({
    keys: "p", label: LABELS[name][0], group: "Plan", run: () => press(name),
  })));
  const close = (): void => {
    setAsked(null);
    for (const name of offered) commands[name].clear();
  };
  return (
    <div className="controls">
      {problem && asked === null && <span className="bad-text" role="alert"><Text most={200}>{problem}</Text></span>}
      {offered.map((name) => (
        <Button
          key={name} kind={name === "cancel" ? "danger" : name === "approve" || name === "start" || name === "resume" ? "primary" : "plain"}
          busy={commands[name].busy} onClick={() => press(name)}
        >
          {LABELS[name][0]}
        </Button>
      ))}
      {asked === "cancel" && <CancelDialog plan={plan} command={commands.cancel} onClose={close} onSend={() => void send("cancel")} />}
      {asked === "approve" && <ApproveDialog command={commands.approve} onClose={close} onSend={(reason) => void send("approve", reason)} />}
    </div>
  );
}

function CancelDialog({ plan, command, onClose, onSend }: {
  plan: PlanHeadFragment;
  command: Mutation<never>;
  onClose: () => void;
  onSend: () => void;
}) {
  return (
    <Dialog title="Cancel this plan?" onClose={onClose}>
      <p>
        <Text most={160}>{plan.title}</Text> has {plan.stepsOpen.toLocaleString("en")} open steps. They will not be done; what
        runs now is told to stop. A cancelled plan cannot be resumed.
      </p>
      {command.problem && <p className="bad-text" role="alert"><Text>{command.problem}</Text></p>}
      <div className="actions">
        <Button onClick={onClose}>Keep it</Button>
        <Button kind="danger" busy={command.busy} onClick={onSend}>Cancel the plan</Button>
      </div>
    </Dialog>
  );
}

function ApproveDialog({ command, onClose, onSend }: {
  command: Mutation<never>;
  onClose: () => void;
  onSend: (reason: string) => void;
}) {
  const [reason, setReason] = useState("");
  return (
    <Dialog title="Approve this plan" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSend(reason);
        }}
      >
        <label className="field" htmlFor="reason">
          <span>Reason (recorded with the decision)</span>
          <textarea id="reason" value={reason} maxLength={2_000} onChange={(event) => setReason(event.target.value)} />
        </label>
        {command.problem && <p className="bad-text" role="alert"><Text>{command.problem}</Text></p>}
        <div className="actions">
          <Button onClick={onClose}>Not now</Button>
          <Button kind="primary" busy={command.busy} onClick={() => onSend(reason)}>Approve</Button>
        </div>
      </form>
    </Dialog>
  );
}
