"""The specification's algorithms of a session over objects in memory (002 §5.2, §5.3): no database, one process."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Protocol

import anyio

from psg.errors import ActionTimeout, ControlSignal, PsgError, ReferenceMissing, ValidationFailed
from psg.model.ids import new_id
from psg_runtime.ael import ActionResult, Parked, failure_of
from psg_runtime.coordination import events
from psg_runtime.coordination.errors import MapInvariantViolated, SessionRefused, TurnConflict, not_completed
from psg_runtime.coordination.model import Assignment, Mode, Table, TurnStep, mode_of, participants_of, said
from psg_runtime.coordination.modes import check_session, next_turns

Emit = Callable[[dict[str, Any]], Any]
UpdateNode = Callable[[Any], Any]
_FAILED = frozenset(("failed", "error", "denied", "rejected", "cancelled", "skipped"))


class ActionLayer(Protocol):
    """Does the actions of the turns: ``{"type": "agent_execution", "participant_id": …}``."""

    async def execute(self, action: Any, /) -> Any:
        """Do one."""


class Publisher(Protocol):
    """An event bus."""

    async def publish(self, event: Any, /) -> None:
        """Hand an event over."""


@dataclass(slots=True)
class TurnResult:
    """What came of one turn; ``status`` is that of its step: completed, failed, or in_progress while it runs."""

    turn_id: str
    number: int
    participant_id: str
    step_id: str
    status: str = "in_progress"
    output: Any = None
    error: dict[str, Any] | None = None


@dataclass(slots=True)
class SessionResult:
    """A session that is over: its turns in the order of their dispatch, and all events that were emitted."""

    session_id: str
    mode: Mode
    turns: list[TurnResult] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def profile_events(self) -> list[dict[str, Any]]:
        """The same events as the MAP profile has them."""
        return list(events.profile_events(self.events))


async def broadcast_coordination(collab_session: Any, plan: Any, ael: ActionLayer, **options: Any) -> SessionResult:
    """Run the steps of ``plan`` without dependencies at the same time, each by who has its role (DD-48 … DD-54).

    ``collab_session`` and ``plan`` are protocol documents or objects with the same fields, in either spelling. Checked
    before anything is dispatched. Then every turn is announced by ``map_turn_dispatched``, all run through
    ``ael.execute({"type": "agent_execution", "participant_id": …, "context": {…}})``, and each result is merged into
    its own step, completed or failed (C-15), where the objects can be changed. Raises ``SessionRefused``, and
    ``MapInvariantViolated`` for a turn that did not complete, once all are over. Options: see ``coordinate``.
    """
    return await coordinate(collab_session, plan, ael, mode="broadcast", **options)


async def round_robin_coordination(collab_session: Any, plan: Any, ael: ActionLayer, **options: Any) -> SessionResult:
    """Run the steps of ``plan`` strictly one after the other, in topological order (DD-55 … DD-57).

    The participant of a step is ``participants[order_index % n]``; the action is ``{"type": "agent_execution",
    "participant_id": …, "step": step}``. The step is then completed, with ``executed_by``. A turn that fails ends the
    session with ``MapInvariantViolated``; nothing is dispatched after it. Options: see ``coordinate``.
    """
    return await coordinate(collab_session, plan, ael, mode="round_robin", **options)


execute_map_broadcast = broadcast_coordination
execute_map_round_robin = round_robin_coordination


async def coordinate(
    collab_session: Any,
    plan: Any,
    ael: ActionLayer,
    *,
    mode: Mode | None = None,
    roles: Mapping[str, str] | None = None,
    agents: Mapping[str, str] | None = None,
    metadata: MutableMapping[str, Any] | None = None,
    emit_event: Emit | None = None,
    bus: Publisher | None = None,
    project_id: str | None = None,
    update_psg_node: UpdateNode | None = None,
    turn_timeout_ms: int | None = None,
    loop_after: int | None = None,
) -> SessionResult:
    """Run a session in the mode of its Collab; with ``mode`` that one is demanded.

    ``roles`` are names of roles by their ids, so that an ``agent_role`` may be a name (C-11); ``agents`` the
    capabilities of participants, for a layer that goes by names; ``metadata`` is what all agents of the run share
    (``coordination.metadata`` of a runtime context, L3-34): each turn is shown it, and what an output has under
    ``coordination.metadata`` is merged into it. ``emit_event`` (called, awaited when it can be) and ``bus`` get every
    event, ``update_psg_node`` every step after its turn. ``turn_timeout_ms`` bounds a turn, ``loop_after`` ends a
    session whose last so many turns gave the same output.
    """
    session = _Session(collab_session, plan, ael, mode, roles or {})
    session.agents, session.metadata = agents or {}, {} if metadata is None else metadata
    session.sinks = [emit_event] if emit_event else []
    if bus is not None:
        session.sinks.append(_on_bus(bus, project_id or session.result.session_id))
    session.update, session.turn_timeout_ms = update_psg_node, turn_timeout_ms
    session.loop_after = loop_after
    return await session.run()


class _Session:
    """One run; only its own event loop touches it."""

    agents: Mapping[str, str]
    metadata: MutableMapping[str, Any]
    sinks: list[Emit]
    update: UpdateNode | None
    turn_timeout_ms: int | None
    loop_after: int | None

    def __init__(
        self, collab: Any, plan: Any, ael: ActionLayer, wanted: Mode | None, roles: Mapping[str, str]
    ) -> None:
        mode, session_id = mode_of(said(collab, "mode")), said(collab, "collab_id")
        if wanted is not None and mode != wanted:
            raise SessionRefused(f"the session has the mode {mode}, not {wanted}", mode=mode, wanted=wanted)
        if not isinstance(session_id, str) or not session_id:
            raise ValidationFailed("collab_id: a text is expected", field="collab_id")
        self.given = {said(s, "step_id") or said(s, "id"): s for s in said(plan, "steps", ()) or ()}
        self.table = Table(mode, participants_of(collab, roles), _steps(said(plan, "steps", ()) or ()))
        self.result = SessionResult(session_id, mode)
        self._ael = ael
        self._completed: set[str] = set()

    async def run(self) -> SessionResult:
        check_session(self.table)
        fields = {"session_id": self.result.session_id}
        await self._emit(events.STARTED, fields, {"mode": self.table.mode})
        roles = {p.participant_id: p.role_id for p in self.table.participants}
        await self._emit(events.ASSIGNED, fields, {"participants": roles})
        while (turns := next_turns(self.table)) and not self._stuck():
            await self._round(turns)
            if failed := next((t for t in self.result.turns if t.turn_id not in self._completed), None):
                await self._emit(events.ENDED, fields, {"status": "failed", "reason": not_completed(failed.turn_id)})
                raise self._violated(failed)
        await self._emit(events.ENDED, fields, {"status": "stopped" if turns else "completed"})
        return self.result

    def _stuck(self) -> bool:
        if not self.loop_after or len(self.result.turns) < self.loop_after:
            return False
        hashes = {events.output_hash(turn.output) for turn in self.result.turns[-self.loop_after :]}
        return len(hashes) == 1 and None not in hashes

    async def _round(self, assignments: list[Assignment]) -> None:
        """Dispatch turns, run them at the same time, and merge each result into its own step."""
        turns = [self._turn(assignment) for assignment in assignments]
        for turn, assignment in zip(turns, assignments, strict=True):
            payload = events.turn_payload(turn.number, assignment.participant, assignment.step)
            await self._emit(events.DISPATCHED, self._fields(turn), payload)
        signals: list[ControlSignal] = []
        async with anyio.create_task_group() as tasks:
            for turn, assignment in zip(turns, assignments, strict=True):
                tasks.start_soon(self._run, turn, assignment, signals, tasks.cancel_scope)
        if signals:
            raise signals[0]
        for turn, assignment in zip(turns, assignments, strict=True):
            await self._merge(turn, assignment)

    def _turn(self, assignment: Assignment) -> TurnResult:
        number = len(self.result.turns) + 1
        turn = TurnResult(new_id(), number, assignment.participant.participant_id, assignment.step.step_id)
        self.result.turns.append(turn)
        assignment.step.turn, assignment.step.participant = number, turn.participant_id
        return turn

    async def _run(
        self, turn: TurnResult, assignment: Assignment, signals: list[ControlSignal], scope: anyio.CancelScope
    ) -> None:
        try:
            turn.output = self._answer(turn, await self._execute(turn, assignment))
            turn.status = "completed"
        except Exception as error:
            turn.status, turn.error = "failed", failure_of(error)
        except ControlSignal as signal:
            signals.append(signal)
            scope.cancel()

    async def _execute(self, turn: TurnResult, assignment: Assignment) -> Any:
        action = self._action(turn, assignment)
        if self.turn_timeout_ms is None:
            return await self._ael.execute(action)
        with anyio.move_on_after(self.turn_timeout_ms / 1000):
            return await self._ael.execute(action)
        message = f"participant {turn.participant_id} did not answer within {self.turn_timeout_ms} ms"
        raise ActionTimeout(message, timeout_ms=self.turn_timeout_ms)

    def _action(self, turn: TurnResult, assignment: Assignment) -> dict[str, Any]:
        action: dict[str, Any] = {"type": "agent_execution", "participant_id": turn.participant_id}
        step = self.given[turn.step_id]
        if isinstance(step, dict):  # the layer may return the action, and that is then stored in the step itself
            step = dict(step)
        if self.table.mode == "round_robin":
            action["step"] = step
        else:
            action["context"] = {
                "session_id": self.result.session_id, "turn_id": turn.turn_id, "turn_number": turn.number,
                "step": step, "metadata": self.metadata,
            }  # fmt: skip
        if (name := self.agents.get(turn.participant_id)) is not None:
            action["name"] = name
        return action

    def _answer(self, turn: TurnResult, result: Any) -> Any:
        """Return the output of a turn; raises for a failure, and for the answer to another turn."""
        for name in ("turn_id", "participant_id"):
            answered = said(result, name) if isinstance(result, Mapping) else None
            if answered is not None and answered != getattr(turn, name):
                message = f"{turn.participant_id} answered {name} {answered} instead of {getattr(turn, name)}"
                raise TurnConflict(message, turn_id=turn.turn_id)
        success, output, error = _verdict(result)
        if not success:
            raise _Failed(error)
        return output

    async def _merge(self, turn: TurnResult, assignment: Assignment) -> None:
        fields, step = self._fields(turn), assignment.step
        step.status = turn.status
        payload = events.turn_payload(turn.number, assignment.participant, step, status=turn.status)
        if turn.status == "completed":
            self._completed.add(turn.turn_id)
            self._share(turn.output)
            payload["output_hash"] = events.output_hash(turn.output)
            await self._emit(events.COMPLETED, fields, payload)
        else:
            await self._emit(events.FAILED, fields, {**payload, "code": (turn.error or {}).get("code")})
        node = _merged(self.given[turn.step_id], turn)
        if self.update is not None:
            await _maybe(self.update(node))

    def _share(self, output: Any) -> None:
        shared = shared_metadata(output)
        if shared:
            self.metadata.update(shared)

    def _fields(self, turn: TurnResult) -> dict[str, Any]:
        return events.turn_fields(self.result.session_id, turn.turn_id, turn.participant_id, turn.step_id)

    async def _emit(self, event_type: str, fields: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        event = events.session_event(event_type, fields, payload)
        self.result.events.append(event)
        for sink in self.sinks:
            await _maybe(sink(event))

    def _violated(self, turn: TurnResult) -> MapInvariantViolated:
        return MapInvariantViolated(
            not_completed(turn.turn_id), turn_id=turn.turn_id, participant_id=turn.participant_id,
            step_id=turn.step_id, error=turn.error,
        )  # fmt: skip


class _Failed(PsgError):
    """A turn whose layer reported a failure."""

    code = "turn_failed"
    category = "workflow_error"

    def __init__(self, error: Any) -> None:
        super().__init__(str(error.get("message") if isinstance(error, Mapping) else error or "the turn failed"))


def shared_metadata(output: Any) -> dict[str, Any] | None:
    """Return what an output wants all agents of the run to know: the object ``coordination.metadata`` in it."""
    coordination = output.get("coordination") if isinstance(output, Mapping) else None
    found = coordination.get("metadata") if isinstance(coordination, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else None


def _steps(given: Iterable[Any]) -> list[TurnStep]:
    found = []
    for position, step in enumerate(given):
        step_id = said(step, "step_id") or said(step, "id")
        if not isinstance(step_id, str) or not step_id:
            raise ValidationFailed(f"steps[{position}].step_id: a text is expected", field="steps")
        order = said(step, "order_index")
        if order is not None and (isinstance(order, bool) or not isinstance(order, int) or order < 0):
            raise ValidationFailed(f"steps[{position}].order_index: a whole number from 0 is expected", field="steps")
        found.append(
            TurnStep(
                step_id, said(step, "key") or step_id, position if order is None else order, position,
                said(step, "agent_role"), tuple(said(step, "dependencies") or ()),
                said(step, "status") or "pending", said(step, "type") or "agent",
            )
        )  # fmt: skip
    known = {step.step_id for step in found}
    if len(known) < len(found):
        raise ValidationFailed("steps: two steps have one id", field="steps")
    for step in found:
        unknown = [d for d in step.dependencies if d not in known]
        if unknown:
            raise ReferenceMissing(f"step {step.key!r} depends on {unknown[0]!r}, which the plan does not have")
    return found


def _verdict(result: Any) -> tuple[bool, Any, Any]:
    if isinstance(result, ActionResult):
        return result.success is True, result.output, result.error
    if isinstance(result, Parked):
        return False, None, "the turn asks to wait, which only a session on the graph can"
    if not isinstance(result, Mapping):
        return True, result, None
    failed = result.get("success") is False or result.get("status") in _FAILED
    return not failed, result.get("output", result), result.get("error")


def _merged(step: Any, turn: TurnResult) -> Any:
    """Return the caller's own step with the result in it, a copy where it cannot be changed."""
    changes: dict[str, Any] = {"status": turn.status, "executed_by": turn.participant_id}
    changes |= {"output": turn.output} if turn.status == "completed" else {"error": turn.error}
    if isinstance(step, dict):
        step.update(changes)
        return step
    try:
        for name, value in changes.items():
            setattr(step, name, value)
    except Exception:  # a frozen model: whoever made it wants another one
        copy = getattr(step, "model_copy", None)
        return copy(update=changes) if copy else {"step_id": turn.step_id, **changes}
    return step


def _on_bus(bus: Publisher, project_id: str) -> Emit:
    async def publish(event: dict[str, Any]) -> None:
        await bus.publish({"project_id": project_id, **event, "lamport_timestamp": _stamp()})

    return publish


_stamps = itertools.count(time.time_ns() // 1_000)


def _stamp() -> int:
    """A timestamp that grows from event to event, also over sessions of one project."""
    return next(_stamps)


async def _maybe(value: Any | Awaitable[Any]) -> Any:
    return await value if isawaitable(value) else value
