"""Checks of turns: what workers outside do is offered to them, held by one of them under a lease, or answered."""

from __future__ import annotations

from collections.abc import Iterator

from psg.audit.facts import Facts, Finding


def check_turn(facts: Facts) -> Iterator[Finding]:
    """A step that is parked as a turn can be taken, or is with exactly one worker, or comes back to the engine."""
    props, labels = facts.props, facts.labels
    offered, worker = "Offered" in labels, props.get("turn_worker")
    if offered and (facts.deleted or props.get("status") != "in_progress" or props.get("parked") != "turn"):
        state = "deleted" if facts.deleted else f"{props.get('status')} (parked: {props.get('parked')})"
        yield "turn", f"it is {state}, but offered to {props.get('offered_to')}"
        return
    if facts.deleted or props.get("parked") != "turn" or props.get("status") != "in_progress":
        return
    if props.get("turn") is None or props.get("offered_to") is None:
        yield "turn", "it is a turn, but nothing says what is to be done, or by whom"
    if props.get("owner") is not None:
        yield "turn", f"it is a turn of workers outside, but run by {props['owner']}"
    if offered and worker is not None:
        yield "turn", f"it is offered, but {worker} holds it"
    held = worker is not None and props.get("turn_lease") is not None
    if not offered and not held and "Ready" not in labels:
        yield "turn", "it is neither offered, nor held under a lease, nor on its way back"
    if held and props.get("turn_answer") is None and "Timer" not in labels and "Ready" not in labels:
        yield "turn", f"{worker} holds it, but nothing will take it back when the lease ends"
