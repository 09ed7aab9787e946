"""``psg confirm``: what waits for a person, and the person's answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from psg_cli.api import find_project, node_id, open_client, uuids
from psg_cli.commands.plans import ApiOption, ProjectOption, RoleOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, print_json_line, status_text, stdout, table
from psg_cli.settings import load_settings
from psg_client import ConfirmSummary

confirm = typer.Typer(name="confirm", no_args_is_help=True, help="Decisions that plans wait for.")
_STATUSES = ("pending", "approved", "rejected", "cancelled", "all")


@confirm.command("list")
def list_confirms(
    status: Annotated[str, typer.Option("--status", help=f"One of {', '.join(_STATUSES)}.")] = "pending",
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what waits for a decision.

    Example: psg confirm list
    """

    async def command() -> None:
        if status not in _STATUSES:
            raise UsageError(f"--status {status!r}: choose one of {', '.join(_STATUSES)}.")
        wanted: Any = None if status == "all" else status
        settings = load_settings(project=project, api_url=api_url)
        found: list[ConfirmSummary] = []
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            after = None
            while True:
                page = await client.confirms(project_id=inside.id, status=wanted, after=after)
                found += page.nodes
                if not page.page_info.has_next_page:
                    break
                after = page.page_info.end_cursor
        if as_json:
            print_json([asdict(one) for one in found])
            return
        _print(found)

    execute(command, as_json=as_json)


@confirm.command("inbox")
def inbox(
    actor: Annotated[str | None, typer.Option("--actor", help="Whose; default: who you are (PSG_ACTOR).")] = None,
    role: RoleOption = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what waits for your decision: named to you, to your role, or to nobody.

    Examples: psg confirm inbox      psg confirm inbox --actor ann --role release-manager
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url, role=role)
        found: list[ConfirmSummary] = []
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            after = None
            while True:
                page = await client.inbox(
                    project_id=inside.id, actor=actor or settings.actor, role=settings.role, after=after
                )
                found += page.nodes
                if not page.page_info.has_next_page:
                    break
                after = page.page_info.end_cursor
        if as_json:
            print_json([asdict(one) for one in found])
        else:
            _print(found)

    execute(command, as_json=as_json)


@confirm.command("delegate")
def delegate(
    confirm_ref: Annotated[str, typer.Argument(help="UUID or global id of the confirm.", metavar="CONFIRM")],
    to: Annotated[str, typer.Option("--to", help="Who decides instead of you.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; recorded.")] = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand your part in an approval over to somebody else.

    Example: psg confirm delegate CONFIRM --to bob --reason "on holiday"
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Confirm", confirm_ref)
            done = await client.delegate_approval(id=wanted, to=to, reason=reason)
        if as_json:
            print_json_line(asdict(done.confirm))
        else:
            stdout().print(f"confirm {done.confirm.uuid}: {plain(to)} decides")

    execute(command, as_json=as_json)


def _print(found: list[ConfirmSummary]) -> None:
    rows = table("confirm", "status", "approved", "plan", "step", "asked by", "since", "reason")
    for one in found:
        step = one.step.key if one.step else one.target_type
        since = one.requested_at[:19]
        asked_by, reason = plain(one.requested_by_role), plain(one.reason or "")
        plan = "-" if one.plan_id is None else uuids(one.plan_id)[1]
        rows.add_row(one.uuid, status_text(one.status), _quorum(one), plan, plain(step), asked_by, since, reason)
    stdout().print(rows)


def _quorum(one: ConfirmSummary) -> str:
    if one.approval is None:
        return "-"
    return f"{one.approval.approvals}/{one.approval.quorum}" + (" void" if one.approval.voided else "")


@confirm.command("decide")
def decide(
    confirm_ref: Annotated[str, typer.Argument(help="UUID or global id of the confirm.", metavar="CONFIRM")],
    approve: Annotated[bool, typer.Option("--approve", help="Let it go on.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Do not let it go on.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; recorded with the decision.")] = None,
    role: RoleOption = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve or reject what waits; the plan goes on by itself.

    Examples: psg confirm decide CONFIRM --approve      psg confirm decide CONFIRM --reject --reason "too early"
    """

    async def command() -> None:
        if approve == reject:
            raise UsageError("say either --approve or --reject.")
        settings = load_settings(project=project, api_url=api_url, role=role)
        async with open_client(settings) as client:
            wanted = await node_id(client, settings, "Confirm", confirm_ref)
            done = await client.decide_confirm(
                id=wanted, status="approved" if approve else "rejected", role=settings.role, reason=reason
            )
        if as_json:
            print_json_line(asdict(done.confirm))
        else:
            told = f", approved by {_quorum(done.confirm)}" if done.confirm.approval is not None else ""
            stdout().print(f"confirm {done.confirm.uuid} {status_text(done.confirm.status)}{told}")

    execute(command, as_json=as_json)
