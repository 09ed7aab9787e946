"""``psg events``: the log of a project, as it was and as it grows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any, get_args

import typer

from psg_cli.api import find_project, node_id, open_client, uuids
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import UsageError, execute
from psg_cli.logs import configure_logs
from psg_cli.output import JsonFlag, plain, print_json_line, stdout
from psg_cli.settings import load_settings
from psg_client import Client, Event, EventFamily

events = typer.Typer(name="events", no_args_is_help=True, help="The event log of a project.")


@events.command("tail")
def tail(
    after: Annotated[
        int | None, typer.Option("--after", min=0, help="Number of the event to begin behind; default: the last 20.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events until Ctrl-C.")] = False,
    family: Annotated[list[str] | None, typer.Option("--family", help="Only this event family; repeatable.")] = None,
    plan: Annotated[str | None, typer.Option("--plan", help="Only events of this plan (UUID or global id).")] = None,
    bus: Annotated[
        bool, typer.Option("--bus", help="Listen to the event bus (PSG_BUS) until Ctrl-C: CloudEvents of all projects.")
    ] = False,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the events of a project in order, each exactly once; with --follow also across restarts of the API.

    Examples: psg events tail --follow      psg events tail --after 0 --json | jq .type      psg events tail --bus
    """
    if bus:
        if follow or after is not None or plan is not None or project is not None:
            raise typer.BadParameter("--bus listens from now on, to all projects: it takes --family and --json only")
        execute(lambda: _listen(family, as_json), as_json=as_json)
        return

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        families = _families(family)
        async with open_client(settings, retry_for_s=60 if follow else 2) as client:
            inside = await find_project(client, settings.project)
            plan_id = None if plan is None else await node_id(client, settings, "Plan", plan)
            start = after if after is not None else await _last_twenty(client, inside.id)
            if follow:
                source = client.events(inside.id, after=str(start), families=families, plan_id=plan_id)
            else:
                source = _pages(client, inside.id, str(start), families, plan_id)
            async with aclosing(source):
                async for event in source:
                    _print(event, as_json)

    execute(command, as_json=as_json)


@events.command("hub")
def hub(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0: any free one.")] = 8766,
    token: Annotated[
        str | None, typer.Option("--token", envvar="PSG_BUS_HUB_TOKEN", help="What who connects gives as password.")
    ] = None,
) -> None:
    """Run the hub of a WebSocket event bus: relays bring events to it, and it passes them on to who listens.

    Example: psg events hub --port 8766      PSG_BUS=ws://127.0.0.1:8766 psg up
    """
    from psg_cli.event_bus import run_hub

    async def command() -> None:
        configure_logs(load_settings().log_level or "info")
        await run_hub(host, port, token)

    execute(command)


async def _listen(family: list[str] | None, as_json: bool) -> None:
    from psg_cli.event_bus import bus_events
    from psg_runtime.bus import bus_settings

    configure_logs(load_settings().log_level or "warning")
    async with aclosing(bus_events(bus_settings(), families=_families(family))) as source:
        async for event in source:
            if as_json:
                print_json_line(event.model_dump(exclude_none=True))
            else:
                data = event.data
                place = f"{data['project_id'][:8]} {event.psgseq:>6} {data['timestamp'][11:23]}"
                stdout().print(plain(f"{place} {data['event_family']:<17} {data['event_type']}"))


def _families(given: list[str] | None) -> list[EventFamily] | None:
    known: tuple[Any, ...] = get_args(EventFamily)
    for name in given or []:
        if name not in known:
            raise UsageError(f"--family {name!r}: the families are {', '.join(known)}.")
    return given or None  # type: ignore[return-value]


async def _last_twenty(client: Client, project_id: str) -> int:
    page = await client.read_events(project_id=project_id, first=1)
    return max(0, int(page.head) - 20)


async def _pages(
    client: Client, project_id: str, after: str, families: list[EventFamily] | None, plan_id: str | None
) -> AsyncGenerator[Event]:
    while True:
        page = await client.read_events(project_id=project_id, after=after, families=families, plan_id=plan_id)
        for event in page.events:
            yield event
        if not page.has_next_page:
            return
        after = page.cursor


def _print(event: Event, as_json: bool) -> None:
    if as_json:
        print_json_line(asdict(event))
        return
    status = f" {event.from_status or '·'} → {event.to_status}" if event.to_status else ""
    name = _name(event)
    text = f"{event.seq:>6} {event.timestamp[11:23]} {event.family:<17} {event.type:<24} {name}{status}"
    stdout().print(plain(f"{text}  by {event.actor}"))


def _name(event: Event) -> str:
    after = event.changes.get("after") if isinstance(event.changes, dict) else None
    known = (after or {}).get("key") or (after or {}).get("title") or (after or {}).get("name")
    return f"{event.entity_type} {known or uuids(event.entity_id)[1]}"
