"""What a worker says about the turn it holds: still at it, done, or given back; each under the lock (0072)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psg_cypher
from psg.commands.reactions import NothingLeft
from psg.errors import CommandReused, ValidationFailed
from psg.graph import Graph
from psg.model.codec import dumps, sealed, storable
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_runtime.orchestrator.denials import KillSwitchActive
from psg_runtime.orchestrator.turns import NOT_TAKEN
from psg_runtime.recovery.categories import reported
from psg_runtime.turns.errors import TurnAnswered, TurnElsewhere, TurnOver
from psg_runtime.turns.holding import Row, check_name, check_rules, is_over, refuse, state_of


async def heartbeat_turn(graph: Graph, project_id: str, step_id: str, fence: int, *, worker: str) -> int:
    """Keep a turn for another lease; returns until when, in milliseconds of the database's clock.

    Raises TurnOver when it is not the worker's any more (then stop working on it), TurnElsewhere when it never was.
    """
    rows = await graph.db.write(
        psg_cypher.statement("turn_heartbeat"), project_id=project_id, step_id=step_id, fence=fence, worker=worker
    )
    row = rows[0] if rows else None
    if row is None or not row["held"]:
        state = await state_of(graph, project_id, step_id)
        refuse(state, fence, worker)
        raise TurnAnswered(f"the turn of step {state['key']!r} is answered", id=step_id)
    try:
        check_rules(row["seq"], row["now"], row["rules"], row)
    except KillSwitchActive as killed:
        await give_back(graph, project_id, {"id": step_id, "fence": fence, "plan": row["plan"]}, worker, "kill_switch")
        raise TurnOver(f"the turn is taken away: {killed.message}", id=step_id) from None
    lease_until: int = row["lease_until"]
    return lease_until


async def complete_turn(
    graph: Graph,
    project_id: str,
    step_id: str,
    fence: int,
    *,
    worker: str,
    output: Any = None,
    error: Mapping[str, Any] | str | None = None,
    actor: str | None = None,
) -> Answer:
    """Answer a turn with its ``output``, or with an ``error`` (code, message, category, retryable, details).

    The step goes on in the engine with that, as if it had been done there: shapes, hooks, ledger, budget and retries
    hold. The same answer given twice has one effect and is answered the same. ids: ``step``. Raises TurnOver (an old
    fence; the answer is noted in the log), TurnElsewhere, TurnAnswered for another answer, ValidationFailed.
    """
    check_name("worker", worker)
    failure = None if error is None else reported(_error(error))
    if failure is not None and output is not None:
        raise ValidationFailed("a turn is answered with an output or with an error, not with both", field="error")
    said = {"output": output} if failure is None else {"error": failure}
    if not storable(said):
        raise ValidationFailed("the answer is not JSON that can be kept: no NaN, no integers beyond 64 bits")
    payload = [step_id, fence, worker, said]
    command = Command("complete_turn", payload, actor or worker, f"turn:{step_id}:{fence}")

    async def decide(locked: Locked) -> Change:
        row = await locked.read_one("turn_state", step_id=step_id)
        refuse(row, fence, worker)
        assert row is not None
        change = Change(command)
        # Back to the frontier: who claims it next raises the fence, so that this answer is the last under this one.
        change.adjust(
            step_id, {"turn_answer": sealed(dumps(said)), "due_at": None}, add=["Ready"], remove=["Timer", "Offered"]
        )
        _wake(change, row)
        note = {
            "fence": fence, "worker": worker, "executor_kind": "external",
            "answer": "failed" if failure is not None else "completed",
        }  # fmt: skip
        change.note("runtime_execution", "turn_answered", "Step", step_id, note, plan=row["plan"])
        change.answer = {"step": step_id}
        return change

    try:
        return await graph.locked(project_id, command, decide)
    except CommandReused:
        raise TurnAnswered("the turn was answered before, with something else; the first answer holds") from None
    except (TurnOver, TurnElsewhere) as refused:
        await _keep_evidence(graph, project_id, step_id, fence, worker, refused.code)
        raise


async def release_turn(graph: Graph, project_id: str, step_id: str, fence: int, *, worker: str) -> None:
    """Give a turn back unfinished: it is offered again at once, and nobody counts as lost.

    Raises what ``complete_turn`` raises.
    """
    refuse(await state_of(graph, project_id, step_id), fence, worker)
    if not await give_back(graph, project_id, {"id": step_id, "fence": fence}, worker, "released"):
        raise TurnOver("the turn was taken back a moment ago", id=step_id)


async def give_back(graph: Graph, project_id: str, turn: Row, actor: str, why: str) -> bool:
    """Hand a turn, offered or held under this fence, back to the engine, which denies it or offers it anew."""
    command = Command("return_turn", [turn["id"], turn["fence"]], actor, f"return:{turn['id']}:{turn['fence']}")

    async def decide(locked: Locked) -> Change:
        change = Change(command)
        row = await locked.read_one("turn_state", step_id=turn["id"])
        assert row is not None
        if is_over(row, turn["fence"]) or row["answer"] is not None:
            raise NothingLeft
        gone = {**NOT_TAKEN, "due_at": None}
        change.adjust(turn["id"], gone, add=["Ready"], remove=["Timer", "Offered"])
        _wake(change, row)
        note = {"fence": turn["fence"], "why": why, "executor_kind": "external"}
        change.note("runtime_execution", "turn_returned", "Step", turn["id"], note, plan=row["plan"])
        return change

    try:
        await graph.locked(project_id, command, decide)
    except NothingLeft:
        return False
    return True


def _wake(change: Change, row: Row) -> None:
    if row["plan_status"] == "in_progress" and not row["paused"] and not row["stopping"]:
        change.adjust(row["plan"], {}, add=["Runnable"])


async def _keep_evidence(
    graph: Graph, project_id: str, step_id: str, fence: int, worker: str, why: str
) -> None:
    """Note in the log, once, that an answer came that has no effect."""
    command = Command(
        "stale_turn", [step_id, fence, worker], worker, f"stale_turn:{step_id}:{fence}:{worker}"
    )
    change = Change(command)
    note = {"fence": fence, "worker": worker, "refused": why, "executor_kind": "external"}
    change.note("runtime_execution", "stale_result", "Step", step_id, note)
    await graph.writer(project_id).submit(change)


def _error(error: Mapping[str, Any] | str) -> Mapping[str, Any]:
    if isinstance(error, str):
        error = {"message": error}
    return {"retryable": True, **error} if "retryable" not in error else error
