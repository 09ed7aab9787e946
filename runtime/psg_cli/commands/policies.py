"""``psg kill`` and ``psg policy``: what may not run at all, and how what runs is run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from psg_cli.api import find_project, node_id, open_client, uuids
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, print_json_line, stdout, table
from psg_cli.settings import load_settings
from psg_client import Client, KillSwitchSummary, NotFound

kill = typer.Typer(
    name="kill", no_args_is_help=True, help="Kill switches: everything, a project, a plan, one type of action."
)
policy = typer.Typer(name="policy", no_args_is_help=True, help="How the steps of a project are run.")

NamedProject = Annotated[
    str | None, typer.Option("--project", "-p", help="Name or id of the project; without it, everywhere.")
]
PlanOption = Annotated[str | None, typer.Option("--plan", help="UUID or global id of a plan; names its project too.")]
TypeOption = Annotated[
    str | None,
    typer.Option("--action-type", help="Action type (tool_call), step type (tool) or capability (http.request)."),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why; shown with every step that is denied.")]


@kill.command("on")
def on(
    project: NamedProject = None,
    plan: PlanOption = None,
    action_type: TypeOption = None,
    reason: ReasonOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Deny before it runs, and stop where it runs, everything that the switch is about.

    Examples: psg kill on --reason "leaked key"      psg kill on --project shop --action-type http.request
    """
    _switch(True, project, plan, action_type, reason, api_url, as_json)


@kill.command("off")
def off(
    project: NamedProject = None,
    plan: PlanOption = None,
    action_type: TypeOption = None,
    reason: ReasonOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Switch off the switch that is about exactly this. What was denied stays failed.

    Example: psg kill off --project shop --action-type http.request
    """
    _switch(False, project, plan, action_type, reason, api_url, as_json)


@kill.command("list")
def list_switches(project: NamedProject = None, api_url: ApiOption = None, as_json: JsonFlag = False) -> None:
    """List the switches that are on everywhere, and in the project (PSG_PROJECT) where it exists.

    Example: psg kill list --project shop --json
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside = await _inside(client, settings.project, named=project is not None)
            found = await client.kill_switches(project_id=inside)
        _show(found, as_json)

    execute(command, as_json=as_json)


async def _inside(client: Client, project: str, *, named: bool) -> str | None:
    """The global id of a project; ``None`` for one that nobody named and that is not there."""
    try:
        return (await find_project(client, project)).id
    except NotFound:
        if named:
            raise
        return None


def _switch(
    turn_on: bool, project: str | None, plan: str | None, action_type: str | None, reason: str | None,
    api_url: str | None, as_json: bool,
) -> None:  # fmt: skip
    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside, plan_id = await _scope(client, settings, project, plan)
            done = await client.set_kill_switch(
                on=turn_on, project_id=inside, plan_id=plan_id, action_type=action_type, reason=reason
            )
        if as_json:
            print_json_line(asdict(done))
            return
        stdout().print(f"{'switched' if done.changed else 'was'} {'on' if turn_on else 'off'}")
        _show(done.switches, as_json=False)

    execute(command, as_json=as_json)


async def _scope(client: Client, settings: Any, project: str | None, plan: str | None) -> tuple[str | None, str | None]:
    """The project and plan that a switch is about, as global ids; a plan by UUID is of the project of the settings."""
    if plan is not None:
        plan_id = await node_id(client, settings, "Plan", plan)
        found = await client.plan(id=plan_id)
        if found is None:
            raise UsageError(f"there is no plan {plan}")
        return found.project_id, plan_id
    if project is not None:
        return (await find_project(client, project)).id, None
    return None, None


def _show(switches: list[KillSwitchSummary], as_json: bool) -> None:
    if as_json:
        print_json([asdict(switch) for switch in switches])
        return
    rows = table("scope", "plan", "action type", "since", "by", "reason")
    for switch in switches:
        plan = "every" if switch.plan_id is None else uuids(switch.plan_id)[1]
        about = (switch.scope, plan, switch.action_type or "every")
        rows.add_row(*about, (switch.set_at or "")[:19], plain(switch.actor or ""), plain(switch.reason or ""))
    stdout().print(rows)


@policy.command("show")
def show(project: ProjectOption = None, api_url: ApiOption = None, as_json: JsonFlag = False) -> None:
    """Show what holds for every step of a project unless its plan or the step says otherwise.

    Example: psg policy show --project shop
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            found = await client.project_policy(id=inside.id)
        _show_policy(None if found is None else found.policy, as_json)

    execute(command, as_json=as_json)


@policy.command("set")
def set_policy(
    file: Annotated[
        Path | None,
        typer.Argument(help="YAML or JSON with retry, timeout, idempotency."),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Say nothing any more: the defaults hold.")] = False,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Set what holds for every step of a project unless its plan or the step says otherwise.

    Examples: psg policy set policy.yaml --project shop      psg policy set --none
    """

    async def command() -> None:
        if (file is None) != none:
            raise UsageError("give a FILE with the policy, or --none to take back what was said.")
        said = None if file is None else _read(file)
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            done = await client.set_project_policy(project_id=inside.id, policy=said)
        _show_policy(done.policy, as_json)

    execute(command, as_json=as_json)


def _read(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{file} cannot be read as YAML: {error}") from None


def _show_policy(said: Any, as_json: bool) -> None:
    if as_json:
        print_json_line(said)
    else:
        stdout().print("no policy: the defaults hold" if said is None else yaml.safe_dump(said).rstrip(), markup=False)
