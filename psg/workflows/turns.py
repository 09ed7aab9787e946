"""Who runs and who waits: counted behind the project's lock, so that no two processes let one too many begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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

    ``timeout_ms`` is how long it may take. The limit is kept with it: whoever lets it begin goes by that. The answer's
    ``began`` tells which. Raises ``Refused`` when it ran before.
    """
    plan = await plan_inside(locked, plan_id)
    if plan["status"] != "draft":
        raise Refused(f"plan {plan_id} is {plan['status']}; only a draft becomes a run of a workflow", id=plan_id)
    change = Change(command)
    kept = {
        "workflow_timeout_ms": timeout_ms, "workflow_limit": limit, "workflow_correlation": command.correlation_id,
    }  # fmt: skip
    change.adjust(plan_id, kept, add=[LABEL])
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


async def begin_next(locked: Locked, command: Command) -> Change:
    """Decide that the run that waits longest begins, while fewer than its limit run; raises ``NothingToBegin``."""
    turn = await locked.read_one("workflow_turn")
    assert turn is not None
    if not may_begin(turn):
        raise NothingToBegin
    (first, *others) = turn["waiting"]
    change = Change(replace(command, correlation_id=first["correlation"]))
    await begin(change, locked, first["id"], "run of a workflow")
    more = may_begin({"running": turn["running"] + 1, "waiting": others})
    change.answer = {"plan": first["id"], "more": more}
    return change


def may_begin(turn: Mapping[str, Any]) -> bool:
    """Whether a row of ``workflow_turn`` tells of a run that waits and has a place."""
    return bool(turn["waiting"]) and turn["running"] < (turn["waiting"][0]["limit"] or 1)
