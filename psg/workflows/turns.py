"""Who runs and who waits: counted behind the project's lock, so that no two processes let one too many begin."""

from __future__ import annotations

from psg.commands.lifecycle import plan_inside
from psg.commands.reactions import NothingLeft, begin
from psg.errors import Refused
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

LABEL = "Workflow"


class NothingToBegin(NothingLeft):
    """No run waits for its turn, or there is no place for one; nothing is committed."""


async def enter(locked: Locked, plan_id: str, timeout_ms: int, limit: int, command: Command) -> Change:
    """Decide that a stored plan is a run of a workflow: it begins at once, or waits while ``limit`` others run.

    ``timeout_ms`` is how long it may take. The answer's ``began`` tells which. Raises ``Refused`` when it ran before.
    """
    plan = await plan_inside(locked, plan_id)
    if plan["status"] != "draft":
        raise Refused(f"plan {plan_id} is {plan['status']}; only a draft becomes a run of a workflow", id=plan_id)
    change = Change(command)
    change.adjust(plan_id, {"workflow_timeout_ms": timeout_ms}, add=[LABEL])
    turn = await locked.read_one("workflow_turn")
    assert turn is not None
    began = turn["running"] < limit and not turn["waiting"]
    if began:
        await begin(change, locked, plan_id, "run of a workflow")
    else:
        waits = {"status": "pending", "running": turn["running"], "limit": limit}
        change.note("runtime_execution", "workflow_waits", "Plan", plan_id, waits, plan=plan_id)
    change.answer = {"plan": plan_id, "began": began}
    return change


async def begin_next(locked: Locked, limit: int, command: Command) -> Change:
    """Decide that the run that waits longest begins, while fewer than ``limit`` run; raises ``NothingToBegin``."""
    turn = await locked.read_one("workflow_turn")
    assert turn is not None
    if turn["running"] >= limit or not turn["waiting"]:
        raise NothingToBegin
    (plan_id, *others) = turn["waiting"]
    change = Change(command)
    await begin(change, locked, plan_id, "run of a workflow")
    change.answer = {"plan": plan_id, "more": bool(others) and turn["running"] + 1 < limit}
    return change
