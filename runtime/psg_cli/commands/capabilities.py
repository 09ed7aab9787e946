"""``psg capabilities``: what orchestrators offer, which plans use it, and accepting tools of MCP servers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from psg_cli.api import find_project, open_client
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import UsageError, execute
from psg_cli.logs import configure_logs
from psg_cli.output import JsonFlag, plain, plan_status, print_json, stderr, stdout, table
from psg_cli.settings import load_settings
from psg_client import CapabilitySummary, CapabilityType, PlanSummary

capabilities = typer.Typer(
    name="capabilities",
    invoke_without_command=True,
    help="What orchestrators offer: tools, agents and services, and the plans that use them.",
)
McpOption = Annotated[
    Path | None, typer.Option("--mcp", help="YAML or JSON file of MCP servers whose tools to offer (PSG_MCP_SERVERS).")
]


@capabilities.callback()
def list_capabilities(
    context: typer.Context,
    used_by: Annotated[
        str | None, typer.Option("--used-by", metavar="NAME", help="List the plans that use NAME or NAME@VERSION.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only of this type: tool, agent or service.")] = None,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what orchestrators offer, or the plans of a project that use one of them.

    Examples: psg capabilities --type agent      psg capabilities --used-by web_search --project billing
    """
    if context.invoked_subcommand is not None:
        return

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            if used_by is None:
                offered = await _pages(client.capabilities, type=_type(kind))
                _show_capabilities(offered, as_json)
            else:
                inside = await find_project(client, settings.project)
                plans = await _pages(client.plans_using, project_id=inside.id, capability=used_by)
                _show_plans(plans, as_json)

    execute(command, as_json=as_json)


@capabilities.command("accept")
def accept(
    server: Annotated[str, typer.Argument(help="Name of the server in the file.")],
    mcp: McpOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept without asking.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at the tools of an MCP server and accept them as they are now.

    Tools that changed, or are new, are refused until then. Running orchestrators see it with their next look.

    Example: psg capabilities accept desk --mcp mcp.yaml
    """

    async def command() -> None:
        from psg_cli.mcp_acceptance import look_at

        settings = load_settings(mcp_servers=mcp)
        configure_logs(settings.log_level or "error")
        file = settings.mcp_servers
        if file is None:
            raise UsageError("Name the file of MCP servers: --mcp FILE or PSG_MCP_SERVERS.")
        looked = await look_at(file, server)
        if as_json:
            print_json(looked.changes)
        for change in looked.changes if not as_json else ():
            stdout().print(f"{change['change']:<9} {change['tool']}: {change['description'][:200]}", markup=False)
        if not looked.changes:
            stderr().print("nothing is new and nothing changed")
        elif yes or await anyio.to_thread.run_sync(lambda: typer.confirm("Accept?", err=True), abandon_on_cancel=True):
            looked.accept()
            stderr().print(f"accepted {len(looked.changes)} tools of {server}", markup=False)

    execute(command, as_json=as_json)


async def _pages(query: Any, **arguments: Any) -> list[Any]:
    found: list[Any] = []
    after = None
    while True:
        page = await query(first=100, after=after, **arguments)
        found += page.nodes
        if not page.page_info.has_next_page:
            return found
        after = page.page_info.end_cursor


def _type(text: str | None) -> CapabilityType | None:
    known: tuple[CapabilityType, ...] = ("tool", "agent", "service")
    found = next((kind for kind in known if kind == text), None)
    if text is not None and found is None:
        raise UsageError(f"--type is one of {', '.join(known)}, not {text!r}.")
    return found


def _show_capabilities(found: list[CapabilitySummary], as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = table("capability", "type", "offered by", "from", "description")
    for one in found:
        offered = str(one.offered_by) if one.enabled else f"{one.offered_by} (off)"
        line = one.description.splitlines()[0] if one.description else ""
        rows.add_row(plain(one.reference), one.type, offered, plain(one.source), plain(line))
    stdout().print(rows)


def _show_plans(found: list[PlanSummary], as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = table("plan", "status", "title")
    for one in found:
        rows.add_row(one.uuid, plan_status(one.status, one.paused), plain(one.title))
    stdout().print(rows)
