"""``psg snapshot``: save a state, list what was saved, go back to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from psg_cli.api import find_project, node_id, open_client, uuids
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import execute
from psg_cli.output import JsonFlag, plain, print_json, print_json_line, stdout, table
from psg_cli.settings import load_settings
from psg_client import SnapshotSummary

snapshot = typer.Typer(name="snapshot", no_args_is_help=True, help="Saved states of a project or a plan.")
PlanOption = Annotated[
    str | None, typer.Option("--plan", help="UUID or global id of a plan; without it, the whole project.")
]


@snapshot.command("take")
def take(
    plan_ref: PlanOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown in the list.")] = "on demand",
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Save the state of a project, or of one plan. It costs the same whatever its size.

    Example: psg snapshot take --plan PLAN --reason "before the edits"
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            plan_id = None if plan_ref is None else await node_id(client, settings, "Plan", plan_ref)
            done = await client.take_snapshot(project_id=inside.id, plan_id=plan_id, reason=reason)
        if as_json:
            print_json_line(asdict(done.snapshot))
        else:
            stdout().print(f"snapshot {done.snapshot.uuid} at {done.snapshot.seq}")

    execute(command, as_json=as_json)


@snapshot.command("list")
def list_snapshots(
    plan_ref: PlanOption = None,
    first: Annotated[int, typer.Option("--first", min=1, max=100, help="How many, the latest first.")] = 50,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the snapshots of a project, or of one plan, the latest first.

    Example: psg snapshot list --plan PLAN
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            plan_id = None if plan_ref is None else await node_id(client, settings, "Plan", plan_ref)
            found = await client.snapshots(project_id=inside.id, plan_id=plan_id, first=first)
        if as_json:
            print_json([asdict(one) for one in found])
            return
        rows = table("snapshot", "of", "at", "taken", "reason", "restored")
        for one in found:
            when, back = _when(one.taken_at), _when(one.restored_at)
            rows.add_row(one.uuid, _of(one), str(one.seq), when, plain(one.reason), back)
        stdout().print(rows)

    execute(command, as_json=as_json)


@snapshot.command("restore")
def restore(
    snapshot_id: Annotated[str, typer.Argument(help="UUID of the snapshot.", metavar="SNAPSHOT")],
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Go back to a snapshot. Traces and the log stay; pause a running plan first.

    The state that is left is saved too, so that this can be undone.

    Example: psg snapshot restore SNAPSHOT
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            done = await client.restore_snapshot(project_id=inside.id, snapshot_id=snapshot_id)
        if as_json:
            print_json_line(asdict(done))
            return
        console = stdout()
        console.print(f"restored {done.snapshot.uuid}: {done.restored} nodes changed")
        console.print(f"back again: psg snapshot restore {done.before.uuid}", markup=False)

    execute(command, as_json=as_json)


@snapshot.command("policy")
def policy(
    before_start: Annotated[
        bool, typer.Option("--before-start/--no-before-start", help="Save a snapshot whenever a plan starts.")
    ],
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Set whether a project saves a snapshot whenever one of its plans starts (it does unless told not to).

    Example: psg snapshot policy --no-before-start
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            done = await client.set_snapshot_policy(project_id=inside.id, before_start=before_start)
        if as_json:
            print_json_line(asdict(done))
        else:
            stdout().print(f"snapshots before starts: {'on' if done.before_start else 'off'}")

    execute(command, as_json=as_json)


def _of(one: SnapshotSummary) -> str:
    return "project" if one.plan_id is None else uuids(one.plan_id)[1]


def _when(text: str | None) -> str:
    return "" if text is None else text[:19]
