"""What an audit found: violations by name, and how much was looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS: dict[str, str] = {
    "dangling_reference": "a required reference is missing, or one leads to a node of a type it may not lead to",
    "duplicate_reference": "a reference is stored more than once",
    "foreign_reference": "a reference leads into another project",
    "owner_missing": "a part has no owner",
    "owner_field": "the copy of the owner's id on a part is not that of its owner",
    "type": "a node has no known type, or two",
    "status": "a status is none of the protocol's",
    "rank": "a dependency does not go to a strictly lower rank: the certificate against cycles fails",
    "waits": "the count of unfinished dependencies is wrong",
    "ready": "a step is, or is not, on the frontier as its state demands",
    "runnable": "a plan is, or is not, offered to orchestrators as its state demands",
    "counters": "a plan's counts of steps are wrong",
    "budget": "what a step, a plan or a project has spent is not what its events, its steps or its plans come to",
    "closing": "a finished or deleted plan has parts left over that nobody will close, or a living one is being closed",
    "stuck": "a running plan has nothing left to do and was not finished",
    "lease": "a step runs for nobody, or is owned by somebody who cannot run it",
    "turn": "a step that workers outside do is neither offered nor held under a lease, or both",
    "session": "a turn was not dispatched, told or taken as its session's mode demands, or a session has nobody",
    "trace_order": "the times of a trace's segments go back",
    "event_gap": "numbers are missing in the event log",
    "event_order": "the times of the event log go back",
    "head": "a project's head and its log, or its node, do not agree",
    "state_vs_log": "a node is not what the event log says",
    "log_chain": "an event contradicts the events before it",
    "transition": "a status changed otherwise than by its table, or without its event",
    "deltas": "the announced node and edge deltas do not add up to what is stored",
    "resources": "more of a resource pool is held than may be, or shares are not those of whole allocations",
    "message": "a message between modules is not what its state says, or the log does not tell of it",
    "alert": "a rule has more than one open alert, or an alert's number, end or messages contradict each other",
    "drift": "what is known of a file or ref contradicts itself: its state, its hash, its content or its request",
    "account": "a grant, an API token or an audit record is not one that can be",
    "schema": "a constraint or an index of the platform is missing",
}
"""Every kind of violation with what it means; the names are stable."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong: its ``kind`` (of ``KINDS``), where, and in words what and against what.

    ``project_id`` is empty for what belongs to no project; ``node_id`` is the node, the project, or the name of a
    schema element.
    """

    kind: str
    project_id: str
    node_id: str
    message: str


@dataclass(slots=True)
class Report:
    """The result of an audit: ``checked`` counts projects, nodes, edges, events and nodes judged again by the lock."""

    violations: list[Violation] = field(default_factory=list)
    checked: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("projects", "nodes", "edges", "events", "rechecked"), 0)
    )

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.violations
