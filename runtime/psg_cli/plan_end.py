"""What is told of a plan that is over: how it was judged, and what undoes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from psg_cli.output import plain, status_text, stdout
from psg_client import Client, PlanSummary

OVER = ("completed", "failed", "cancelled")


async def end_of(client: Client, found: PlanSummary) -> dict[str, Any]:
    """Return ``derivation``, ``criteria``, ``goal_met`` and ``compensation`` of a plan; empty while it is not over."""
    if found.status not in OVER:
        return {}
    end = await client.plan_end(id=found.id)
    if end is None:
        return {}
    whole = asdict(end)
    return {name: whole[name] for name in ("derivation", "criteria", "goal_met", "compensation")}


def tell_end(end: dict[str, Any]) -> None:
    """Print the end of a plan, as far as there is something to say."""
    console = stdout()
    for criterion in end.get("criteria") or ():
        verdict = "met" if criterion["met"] else "not met"
        because = f" ({criterion['error']})" if criterion["error"] else ""
        console.print(plain(f"criterion {verdict}: {criterion['text']}{because}"))
    if end.get("goal_met") is not None:
        console.print(f"goal {'met' if end['goal_met'] else 'not met'}")
    if undoing := end.get("compensation"):
        failed = f", {undoing['steps_failed']} failed" if undoing["steps_failed"] else ""
        done = f"{undoing['steps_total'] - undoing['steps_open']}/{undoing['steps_total']}"
        console.print(f"undone by {undoing['uuid']} {status_text(undoing['status'])}, {done}{failed}")
