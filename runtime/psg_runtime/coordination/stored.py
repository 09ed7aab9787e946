"""A session as it is stored: read into the plain data that the modes decide on, and written as parts of a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psg.events.projection import EMITTED
from psg.model.codec import dumps, loads, sealed
from psg.model.ids import derived_id
from psg.plan.steps import StepRecord, frontier_state
from psg.write.change import Change
from psg_runtime.coordination import events
from psg_runtime.coordination.model import TERMINAL, Assignment, Mode, Participant, Table, TurnStep

Row = Mapping[str, Any]

RUNNING = "running"
HARMLESS_SKIPS = frozenset(("condition_false", "all_dependencies_skipped", "dependency_skipped"))
"""Why a turn may be skipped and the session go on: its author said so."""


@dataclass(slots=True)
class StoredSession:
    """One session on the graph; ``number`` counts the sessions of its Collab from 1.

    ``agents`` are the capabilities that do the turns of a participant, ``fixed`` the participants that were bound to
    theirs by whoever began the session: theirs goes before what a step itself names.
    """

    session_id: str
    plan_id: str
    number: int
    mode: Mode
    participants: Sequence[Participant]
    agents: Mapping[str, str | None]
    fixed: frozenset[str]
    loop_after: int | None
    rows: Sequence[Row]
    now_ms: int = 0
    table: Table = field(init=False)
    _status: dict[str, str] = field(init=False)
    _rows: dict[str, Row] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = {row["id"]: row for row in self.rows}
        self._status = {row["id"]: row["status"] for row in self.rows}
        self.table = Table(self.mode, self.participants, [self._step(row) for row in self.rows])

    @classmethod
    def of(cls, plan_id: str, collab: Row, rows: Sequence[Row], now_ms: int = 0) -> StoredSession:
        """Return the session that a Collab holds (a row of ``coordinated_plan``)."""
        said = loads(collab["session"]) or {}
        return cls(
            collab["id"], plan_id, collab["session_number"], said["mode"],
            [Participant(**p) for p in said["participants"]], said["agents"], frozenset(said["fixed"]),
            said.get("loop_after"), rows, now_ms,
        )  # fmt: skip

    def text(self) -> str:
        """Return what is kept of it in the Collab."""
        people = [
            {"participant_id": p.participant_id, "role_id": p.role_id, "role": p.role, "kind": p.kind}
            for p in self.participants
        ]
        kept = {
            "mode": self.mode, "participants": people, "agents": dict(self.agents), "fixed": sorted(self.fixed),
            "loop_after": self.loop_after,
        }  # fmt: skip
        return dumps(kept)

    @property
    def turns(self) -> list[Row]:
        """The rows of its turns, by number."""
        return sorted((r for r in self.rows if self._is_turn(r)), key=lambda r: r["turn_number"])

    def agent_of(self, row: Row, participant: Participant) -> str | None:
        """Return the capability that does a step for a participant, ``None`` when nothing is known of one."""
        name = self.agents.get(participant.participant_id)
        if participant.participant_id in self.fixed:
            return name
        own: str | None = row["capability"]
        return own or name

    def _is_turn(self, row: Row) -> bool:
        return row["turn_id"] is not None and row["turn_session"] == self.number

    def _step(self, row: Row) -> TurnStep:
        order, mine = row["order_index"], self._is_turn(row)
        waited = row["dependencies"]
        if self.mode == "broadcast":  # what is over holds up nobody: in a later round it is as if it were not there
            waited = [d for d in waited if self._status.get(d) not in TERMINAL]
        return TurnStep(
            row["id"], row["key"], row["position"] if order is None else order, row["position"], row["agent_role"],
            tuple(waited), row["status"], row["type"], row["turn_number"] if mine else None,
            row["turn_participant"] if mine else None,
        )  # fmt: skip

    # What is written

    def dispatch(self, change: Change, assignment: Assignment, number: int) -> None:
        """Add the dispatch of a turn: the step may be claimed from now on, as the turn of its participant."""
        row, participant = self._rows[assignment.step.step_id], assignment.participant
        turn_id = derived_id("turn", self.session_id, str(self.number), row["id"])
        binding = {
            "turn_id": turn_id, "turn_number": number, "turn_participant": participant.participant_id,
            "turn_session": self.number, "turn_agent": self.agent_of(row, participant), "turn_told": None,
            "turn_hash": None,
        }  # fmt: skip
        if row["status"] == "blocked":
            self.unblock(change, row, binding)
        else:
            change.adjust(row["id"], binding)
        payload = events.turn_payload(number, participant, assignment.step)
        self.note(change, events.DISPATCHED, "Step", row["id"], payload, self._fields({**row, **binding}))

    def block(self, change: Change, row: Row) -> None:
        """Add that a pending step is not to be claimed until it is dispatched."""
        change.transition(
            "Step", row["id"], "pending", "blocked", plan=self.plan_id, remove=["Ready", "Undecided"]
        )

    def unblock(self, change: Change, row: Row, operational: Row | None = None) -> None:
        """Add that a blocked step is pending again, in the place on the frontier that it has now."""
        props = {"status": "pending", **{k: row[k] for k in ("condition", "type", "order_index", "join")}}
        record = StepRecord(row["id"], row["key"], row["position"], props, list(row["dependencies"]))
        derived, labels = frontier_state(record, self._status, 0)
        kept = {"waits": derived["waits"], "gated": derived["gated"], "ready_ms": self.now_ms}
        change.transition(
            "Step", row["id"], "blocked", "pending", plan=self.plan_id, operational={**kept, **(operational or {})},
            add=labels,
        )  # fmt: skip

    def tell(self, change: Change, row: Row, output: Any) -> None:
        """Add what is told of a turn that ended; a completed one says who executed its step (DD-57)."""
        participant = next(p for p in self.participants if p.participant_id == row["turn_participant"])
        step, hashed = self._step(row), events.output_hash(output)
        payload = events.turn_payload(row["turn_number"], participant, step, status=row["status"])
        if not completed(row):
            change.adjust(row["id"], {"turn_told": True})
            self.note(change, events.FAILED, "Step", row["id"], payload, self._fields(row))
            return
        if row["status"] == "completed":
            payload["output_hash"] = hashed
            change.set(
                "Step", row["id"], {"executed_by": row["executed_by"]}, {"executed_by": row["turn_participant"]},
                kind="step_executed_by", plan=self.plan_id, operational={"turn_told": True, "turn_hash": hashed},
            )  # fmt: skip
        else:
            change.adjust(row["id"], {"turn_told": True})
        self.note(change, events.COMPLETED, "Step", row["id"], payload, self._fields(row))

    def note(
        self, change: Change, event_type: str, label: str, entity: str, payload: Row, fields: Row | None = None
    ) -> None:
        """Add an event of the session."""
        told = {"payload": dict(payload), "fields": {"session_id": self.session_id, **(fields or {})}}
        change.note(events.FAMILY, event_type, label, entity, {EMITTED: told}, plan=self.plan_id)

    def _fields(self, row: Row) -> dict[str, Any]:
        return events.turn_fields(self.session_id, row["turn_id"], row["turn_participant"], row["id"])


def completed(row: Row) -> bool:
    """Whether a turn that is over counts as completed: its step is, or was skipped because its author said so."""
    if row["status"] == "skipped":
        return row["skip_reason"] in HARMLESS_SKIPS
    return bool(row["status"] == "completed")


def metadata_text(metadata: Mapping[str, Any]) -> str | None:
    """Return what the agents of a session share as it is stored, encrypted where there is a key."""
    return sealed(dumps(dict(metadata))) if metadata else None
