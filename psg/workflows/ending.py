"""Ends of runs of workflows that no step brings about: nobody wants it any more, or its time is over."""

from __future__ import annotations

from psg.commands.lifecycle import cancel, close_step, plan_inside
from psg.commands.nodes import delete_node
from psg.commands.reactions import NothingLeft, begin, reacts
from psg.errors import Refused
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

TIMEOUT = "workflow_timeout"
STEPS_MAX = 1_000


class NotWaiting(Refused):
    """The run does not wait for its turn any more."""

    code = "workflow_not_waiting"


async def cancel_waiting(locked: Locked, plan_id: str, command: Command) -> Change:
    """Decide that a run that waits for its turn never begins: begun and cancelled in one commit, as its table asks."""
    plan = await plan_inside(locked, plan_id)
    if plan["status"] != "draft":
        raise NotWaiting(f"the run {plan_id} does not wait: it is {plan['status']}", id=plan_id, status=plan["status"])
    change = Change(command)
    await begin(change, locked, plan_id, "cancelled before it began")
    cancel(change, plan_id, locked)
    change.answer = {"plan": plan_id}
    return change


async def forget(locked: Locked, plan_id: str, command: Command) -> Change:
    """Decide that a run that is over is deleted; its mark goes too, so that nobody looking at runs passes it again.

    Its steps follow with ``Graph.close_plan(…, deleted=True)``.
    """
    change = await delete_node(locked, "Plan", plan_id, None, command)
    change.adjust(plan_id, {}, remove=["Workflow"])
    return change


async def fail_overdue(locked: Locked, plan_id: str, message: str, command: Command) -> Change:
    """Decide that a run has failed because its time is over: what is open ends with it.

    Raises ``NothingLeft`` when it is over already, or paused: then its clock stands still.
    """
    plan = await locked.read_one("reaction_plan", plan_id=plan_id)
    state = await locked.read_one("plan_state", plan_id=plan_id)
    if plan is None or state is None or plan["status"] != "in_progress" or state["paused"]:
        raise NothingLeft
    rows = await locked.read("plan_open_steps", plan_id=plan_id, after=-1, limit=STEPS_MAX)
    change = Change(command)
    for index, row in enumerate(rows):
        close_step(change, locked, plan, row, index, (TIMEOUT, message))
    failed = plan["steps_failed"] + sum(row["status"] == "in_progress" for row in rows)
    change.adjust(plan_id, {"steps_open": plan["steps_open"] - len(rows), "steps_failed": failed})
    change.transition(
        "Plan", plan_id, "in_progress", "failed", plan=plan_id, operational={"finished_ms": locked.now_ms},
        add=["Reacting"] if reacts(plan, True) else [], remove=["Runnable", "Stopping"],
    )  # fmt: skip
    if plan["trace_id"]:
        change.transition(
            "Trace", plan["trace_id"], "running", "failed", plan=plan_id, extra={"finished_at": locked.now}
        )
    change.answer = {"plan": plan_id}
    return change
