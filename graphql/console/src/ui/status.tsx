/** How a status looks: one table for all views. `tone` names the colours of status.css. */
export type Tone = "idle" | "ready" | "running" | "waiting" | "good" | "bad" | "muted" | "info";

interface Look {
  readonly tone: Tone;
  readonly label: string;
}

const LOOKS: Readonly<Record<string, Look>> = {
  // plans and steps
  draft: { tone: "muted", label: "Draft" },
  proposed: { tone: "info", label: "Proposed" },
  approved: { tone: "ready", label: "Approved" },
  in_progress: { tone: "running", label: "In progress" },
  completed: { tone: "good", label: "Completed" },
  failed: { tone: "bad", label: "Failed" },
  cancelled: { tone: "muted", label: "Cancelled" },
  pending: { tone: "idle", label: "Pending" },
  ready: { tone: "ready", label: "Ready" },
  blocked: { tone: "waiting", label: "Blocked" },
  skipped: { tone: "muted", label: "Skipped" },
  paused: { tone: "waiting", label: "Paused" },
  waiting: { tone: "waiting", label: "Waiting" },
  running: { tone: "running", label: "Running" },
  // approvals
  rejected: { tone: "bad", label: "Rejected" },
  expired: { tone: "muted", label: "Expired" },
  // sessions, modules, health, alerts
  active: { tone: "good", label: "Active" },
  suspended: { tone: "waiting", label: "Suspended" },
  healthy: { tone: "good", label: "Healthy" },
  ok: { tone: "good", label: "OK" },
  degraded: { tone: "waiting", label: "Degraded" },
  unhealthy: { tone: "bad", label: "Unhealthy" },
  firing: { tone: "bad", label: "Firing" },
  acknowledged: { tone: "waiting", label: "Acknowledged" },
  resolved: { tone: "good", label: "Resolved" },
  critical: { tone: "bad", label: "Critical" },
  high: { tone: "bad", label: "High" },
  medium: { tone: "waiting", label: "Medium" },
  low: { tone: "info", label: "Low" },
  info: { tone: "muted", label: "Info" },
};

/** The look of a status; an unknown one is shown as it is. */
export function lookOf(status: string): Look {
  const known = Object.hasOwn(LOOKS, status) ? LOOKS[status] : undefined;
  return known ?? { tone: "idle", label: status.replaceAll("_", " ") };
}

export function Status({ of, label, title }: { of: string; label?: string; title?: string }) {
  const look = lookOf(of);
  return (
    <span className={`status tone-${look.tone}`} title={title}>
      <span className="status-dot" aria-hidden="true" />
      {label ?? look.label}
    </span>
  );
}
