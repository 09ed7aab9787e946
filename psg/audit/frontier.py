"""Checks of what is derived: ranks, counts, the two levels of the frontier, and who runs what (DESIGN §4, §6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psg.audit.facts import Facts, Finding, Row
from psg.model.lifecycle import TERMINAL_PLAN, TERMINAL_STEP

LEASE_GRACE_MS = 60_000
"""How long steps of a session that is gone may wait for somebody to take them over, in ms."""
FRONTIER = ("Ready", "Undecided", "Timer")
FAILED_REASONS = ("dependency_failed", "cancelled")
READY_KEYS = ("plan", "sched_urgency", "sched_order", "position")
RUNNABLE_KEYS = ("sched_urgency", "served_at")


def check_step(facts: Facts) -> Iterator[Finding]:
    """A step's rank, its count of unfinished dependencies, its place on the frontier and its owner."""
    yield from _rank(facts)
    yield from _owner(facts)
    labels = [x for x in FRONTIER if x in facts.labels]
    status = facts.props.get("status")
    if facts.deleted or status in TERMINAL_STEP or status == "blocked":
        if labels:
            yield "ready", f"a step that is {'deleted' if facts.deleted else status} is {' and '.join(labels)}"
        return
    if "Timer" in labels and facts.props.get("due_at") is None:
        yield "ready", "it is a Timer without due_at: nothing will ever wake it up"
    if len(labels) > 1:
        yield "ready", f"it is {' and '.join(labels)} at the same time"
    if _plan_over(facts):
        return
    missing = [k for k in READY_KEYS if facts.props.get(k) is None]
    if missing:
        yield "ready", f"it has no {', '.join(missing)}, so that no index shows it to an orchestrator"
    yield from _pending(facts) if status == "pending" else _in_progress(facts)


def _plan_over(facts: Facts) -> bool:
    """Whether the plan is finished or being closed or stopped: what waits in it is not counted any more."""
    plans = facts.links("IN_PLAN")
    ending = {"Tombstone", "Closing", "Stopping"}
    return not plans or any(p["status"] in TERMINAL_PLAN or not ending.isdisjoint(p["labels"]) for p in plans)


def _rank(facts: Facts) -> Iterator[Finding]:
    rank = facts.props.get("rank")
    for link in facts.links("DEPENDS_ON"):
        if rank is None or link["rank"] is None or rank <= link["rank"]:
            yield "rank", f"rank {rank} is not above rank {link['rank']} of {link['id']}, on which it depends"


def _told(facts: Facts, dependency: Row) -> bool:
    """Whether the end of a dependency has come to this step: a large fan-out is told in chunks, by position."""
    if dependency["status"] not in TERMINAL_STEP:
        return False
    after = dependency["unlock_after"]
    return "Unlocking" not in dependency["labels"] or after is None or facts.props.get("position", 0) <= after


def _pending(facts: Facts) -> Iterator[Finding]:
    dependencies = facts.links("DEPENDS_ON")
    told = [d for d in dependencies if _told(facts, d)]
    waits, gated = len(dependencies) - len(told), bool(facts.props.get("gated"))
    if facts.props.get("waits") != waits:
        yield "waits", f"waits is {facts.props.get('waits')}, but {waits} of {len(dependencies)} are unfinished"
    join = facts.props.get("join")
    if join == "any" and dependencies:
        yield from _pending_any(facts, told, waits, gated)
        return
    doomed = join != "settled" and any(d["status"] == "failed" for d in told)
    must = doomed or (waits == 0 and gated)
    may = must or (join != "settled" and any(d["skip_reason"] in FAILED_REASONS for d in told))
    undecided, ready = "Undecided" in facts.labels, "Ready" in facts.labels
    state = f"pending with {waits} unfinished dependencies{', gated' * gated}{', one failed' * doomed}"
    if must and not undecided:
        yield "ready", f"{state}, but not Undecided: nobody will decide about it"
    if undecided and not may:
        yield "ready", f"{state}, but Undecided"
    if waits == 0 and not must and not undecided and not ready:
        yield "ready", f"{state}, but not Ready: nobody will claim it"
    if ready and (waits > 0 or must):
        yield "ready", f"{state}, but Ready"
    if "Timer" in facts.labels:
        yield "ready", f"{state}, but a Timer"


def _pending_any(facts: Facts, told: Sequence[Row], waits: int, gated: bool) -> Iterator[Finding]:
    """A step that waits for the first of its dependencies to complete is on the frontier from then on."""
    completed = any(d["status"] == "completed" for d in told)
    here = [x for x in FRONTIER if x in facts.labels]
    state = f"pending until any dependency completes, {waits} of them unfinished{', one completed' * completed}"
    if completed or waits == 0:
        if not here:
            yield "ready", f"{state}, but neither Ready nor Undecided: nobody will look at it"
        elif "Ready" in here and not completed:
            yield "ready", f"{state}, but Ready"
        elif "Undecided" in here and completed and not gated:
            yield "ready", f"{state}, nothing is to be decided, but it is Undecided"
    elif here:
        yield "ready", f"{state}, but {' and '.join(here)}"
    if "Timer" in here:
        yield "ready", f"{state}, but a Timer"


def _in_progress(facts: Facts) -> Iterator[Finding]:
    labels = [x for x in FRONTIER if x in facts.labels]
    parked = facts.props.get("parked")
    if facts.props.get("owner") is not None:
        if labels:
            yield "ready", f"it is run by {facts.props['owner']}, but {' and '.join(labels)}"
    elif "Undecided" in labels:
        yield "ready", "it is in progress, but Undecided"
    elif not labels and parked not in ("confirm", "plan") and "Offered" not in facts.labels:
        yield "lease", f"it is in progress (parked: {parked}), but nobody runs it and nothing will bring it back"


def _owner(facts: Facts) -> Iterator[Finding]:
    owner, session = facts.props.get("owner"), facts.row["session"]
    if owner is None:
        return
    if facts.deleted or facts.props.get("status") != "in_progress":
        yield "lease", f"it is {facts.props.get('status')}, but owned by session {owner}"
    elif session is None:
        yield "lease", f"it is owned by session {owner}, which does not exist: nobody will take it over"
    else:
        over = session["ended_ms"] if session["ended_ms"] is not None else session["lease_until"]
        if over is not None and _for_long(over, facts.now) and _for_long(facts.watched_since, facts.now):
            seconds = (facts.now - over) // 1000
            yield "lease", f"session {owner}, which owns it, is over since {seconds} s and nobody took it over"


def _for_long(since: int | None, now: int) -> bool:
    return since is not None and now - since > LEASE_GRACE_MS


def check_plan(facts: Facts) -> Iterator[Finding]:
    """A plan's counts of steps, whether it is offered to orchestrators, and whether its end was an end."""
    steps = facts.steps
    if steps is None:
        return
    props, status = facts.props, facts.props.get("status")
    running = status == "in_progress" and not props.get("paused") and not facts.deleted
    yield from _runnable(facts, running, steps)
    closing = "Closing" in facts.labels
    if closing and status not in TERMINAL_PLAN and not facts.deleted:
        yield "closing", f"a plan that is {status} and not deleted is Closing: its steps will be closed"
    if facts.deleted or props.get("loading"):
        return
    for name, count in (("steps_total", "total"), ("steps_open", "open"), ("steps_failed", "failed")):
        if props.get(name) != steps[count]:
            yield "counters", f"{name} is {props.get(name)}, but {steps[count]} steps are {count}"
    ended_here = props.get("finished_ms") is not None  # an imported document may be terminal with open steps
    if status in TERMINAL_PLAN and ended_here and steps["open"] and not closing:
        yield "closing", f"it is {status}, but {steps['open']} of its steps are open and it is not Closing"
    if running and steps["open"] == 0:
        yield "stuck", "it is in progress, but none of its steps is open: nothing will finish it"


def _runnable(facts: Facts, running: bool, steps: Row) -> Iterator[Finding]:
    props = facts.props
    state = "deleted" if facts.deleted else f"{props.get('status')}{' and paused' if props.get('paused') else ''}"
    if "Runnable" in facts.labels:
        if not running:
            yield "runnable", f"it is {state}, but Runnable"
        missing = [k for k in RUNNABLE_KEYS if props.get(k) is None]
        if missing:
            yield "runnable", f"it has no {', '.join(missing)}, so that no index shows it to an orchestrator"
    elif running and "Stopping" not in facts.labels and (steps["ready"] or steps["undecided"]):
        what = "ready" if steps["ready"] else "undecided"
        yield "runnable", f"it is {state} and has {what} steps, but is not Runnable: nobody will look at them"
