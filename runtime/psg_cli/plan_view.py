"""One plan on the terminal: as it is, and as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from psg_cli.api import node_id, open_client
from psg_cli.output import plain, plan_status, print_json, status_text, stdout, table
from psg_cli.settings import CliSettings
from psg_client import NotFound, PlanAsOf, PlanSummary, StepSummary


def print_plan(found: PlanSummary | PlanAsOf, parts: Sequence[StepSummary]) -> None:
    """Print the head of a plan and a table of its steps."""
    console = stdout()
    word = plan_status(found.status, found.paused)
    console.print(plain(found.title), style="bold")
    console.print(f"{word}, {found.steps_total} steps, {found.steps_open} open, revision {found.revision}")
    rows = table("step", "type", "capability", "status", "attempt", "note")
    for step in parts:
        attempt, capability = str(step.attempt), plain(step.capability or "")
        rows.add_row(plain(step.key), step.type, capability, status_text(step.status), attempt, plain(_note(step)))
    console.print(rows)


def _note(step: StepSummary) -> str:
    if isinstance(step.error, dict) and step.error.get("message"):
        return str(step.error["message"])
    return step.skip_reason or (f"waits: {step.parked}" if step.parked else "")


async def show_past(settings: CliSettings, plan_ref: str, seq: int, steps: bool, as_json: bool) -> None:
    """Show a plan with its steps as it was when the log ended at ``seq``."""
    parts: list[StepSummary] = []
    async with open_client(settings) as client:
        wanted = await node_id(client, settings, "Plan", plan_ref)
        found = await client.plan_as_of(id=wanted, as_of=seq)
        page = found
        while page is not None and steps:
            parts += page.steps.nodes
            if not page.steps.page_info.has_next_page:
                break
            page = await client.plan_as_of(id=wanted, as_of=seq, after=page.steps.page_info.end_cursor)
    if found is None:
        raise NotFound(f"There was no plan {plan_ref} at {seq}.", code="not_found", category="validation_error")
    if as_json:
        print_json({**asdict(found), "steps": [asdict(step) for step in parts], "as_of": seq})
        return
    stdout().print(f"as of {seq}", style="dim")
    print_plan(found, parts)
