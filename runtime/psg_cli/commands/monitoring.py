"""``psg top``, ``psg health`` and ``psg alerts``: what runs, how it is, and what somebody should know."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import anyio
import typer
from rich.live import Live
from rich.text import Text

from psg_cli.api import find_project, open_client
from psg_cli.commands.plans import ApiOption
from psg_cli.failures import EXIT_FAILURE, UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, stdout, table
from psg_cli.settings import CliSettings, load_settings
from psg_cli.top_view import alert_table, frame
from psg_client import Client, ClientError

alerts = typer.Typer(name="alerts", no_args_is_help=True, help="Alerts and the rules by which they are raised.")
InProject = Annotated[str | None, typer.Option("--project", help="Name or id of one project (default: everything).")]
_STATUSES = ("firing", "acknowledged", "resolved")


def top(
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, max=3600, help="Seconds between two looks.")] = 1.0,
    project: InProject = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what runs now: plans, orchestrators, modules, agents, resources, alerts; ends with Ctrl-C.

    An API that is away is waited for. With --json, or where stdout is no terminal, it shows one look and ends.

    Examples: psg top      psg top --once --project billing
    """

    async def command() -> None:
        settings = load_settings(api_url=api_url)
        async with open_client(settings) as client:
            inside = await _inside(client, project)
            if as_json:
                print_json(asdict(await client.system_overview(project_id=inside)))
            elif once or not stdout().is_terminal:
                stdout().print(frame(await client.system_overview(project_id=inside), None))
            else:
                await _watch(client, inside, every)

    execute(command, as_json=as_json)


async def _watch(client: Client, project_id: str | None, every: float) -> None:
    """Look again and again; the rate of events is that between two looks."""
    before: tuple[float, int] | None = None
    with Live(console=stdout(), screen=True, auto_refresh=False) as live:
        while True:
            try:
                found = await client.system_overview(project_id=project_id)
                now, seq = time.monotonic(), int(found.counts["log_seq"])
                rate = None if before is None else max(seq - before[1], 0) / max(now - before[0], 0.001)
                before = now, seq
                live.update(frame(found, rate), refresh=True)
            except ClientError as error:
                before = None
                live.update(Text(f"{error.code}: {error}; trying again", style="yellow"), refresh=True)
            await anyio.sleep(every)


def health(api_url: ApiOption = None, as_json: JsonFlag = False) -> None:
    """Show how database, orchestrators and modules are. Exit status 1 when the platform is unhealthy.

    Example: psg health --json
    """

    async def command() -> int:
        async with open_client(load_settings(api_url=api_url)) as client:
            found = await client.system_health()
        if as_json:
            print_json(asdict(found))
        else:
            rows = table("component", "status", "checked in", "details")
            for part in found.components:
                details = ", ".join(f"{name} {value}" for name, value in part.details.items())
                rows.add_row(plain(part.component), part.status, f"{part.response_time_ms:.0f} ms", plain(details))
            stdout().print(rows)
            stdout().print(f"the platform is {found.status}")
        return EXIT_FAILURE if found.status == "unhealthy" else 0

    execute(command, as_json=as_json)


@alerts.command("list")
def list_alerts(
    status: Annotated[str | None, typer.Option("--status", help="firing, acknowledged or resolved.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="At most so many.")] = 50,
    project: InProject = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List alerts, the one that changed last first.

    Example: psg alerts list --status firing
    """

    async def command() -> None:
        wanted = next((known for known in _STATUSES if known == status), None)
        if status is not None and wanted is None:
            raise UsageError(f"--status is one of {', '.join(_STATUSES)}, not {status!r}.")
        async with open_client(load_settings(api_url=api_url)) as client:
            inside = await _inside(client, project)
            found = await client.alerts(project_id=inside, status=wanted, first=limit)  # type: ignore[arg-type]
        if as_json:
            print_json([asdict(one) for one in found])
        elif found:
            stdout().print(alert_table(found))
        else:
            stdout().print("no alerts")

    execute(command, as_json=as_json)


@alerts.command("rules")
def list_rules(project: InProject = None, api_url: ApiOption = None, as_json: JsonFlag = False) -> None:
    """List the rules by which alerts are raised.

    Example: psg alerts rules
    """

    async def command() -> None:
        async with open_client(load_settings(api_url=api_url)) as client:
            _show_rules(await client.alert_rules(project_id=await _inside(client, project)), as_json)

    execute(command, as_json=as_json)


@alerts.command("set")
def set_rule(
    rule: Annotated[str, typer.Argument(help="Id of the rule; one that exists is replaced.")],
    metric: Annotated[str | None, typer.Option("--metric", help="A metric, such as failed_workflows.")] = None,
    operator: Annotated[str, typer.Option("--operator", help="One of > >= < <= == != (or gt, gte, lt, …).")] = ">",
    threshold: Annotated[float | None, typer.Option("--threshold", help="The number to compare with.")] = None,
    component: Annotated[
        str | None, typer.Option("--component", help="A module, database, orchestrators, or system for all.")
    ] = None,
    state: Annotated[str, typer.Option("--state", help="degraded or unhealthy: at least so bad.")] = "unhealthy",
    for_ms: Annotated[int, typer.Option("--for-ms", min=0, help="For how long it has to hold.")] = 0,
    severity: Annotated[str, typer.Option("--severity", help="info, low, medium, high or critical.")] = "medium",
    webhook: Annotated[list[str] | None, typer.Option("--webhook", help="URL to tell; repeatable.")] = None,
    secret: Annotated[str | None, typer.Option("--secret", help="Name of the secret webhooks are signed with.")] = None,
    description: Annotated[str, typer.Option("--description", help="What it means, for people.")] = "",
    project: InProject = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make or replace a rule.

    Examples: psg alerts set failures --metric failed_workflows --threshold 0 --severity high
    psg alerts set no-workers --component orchestrators --state degraded --for-ms 60000
    """

    async def command() -> None:
        given: dict[str, Any] = {
            "id": rule, "metric": metric, "operator": operator, "threshold": threshold, "component": component,
            "status": state, "forMs": for_ms, "severity": severity, "description": description,
            "channels": [{"type": "webhook", "url": url, "secret": secret} for url in webhook or ()],
        }  # fmt: skip
        await _configure(load_settings(api_url=api_url), project, {"rules": [given]}, as_json)

    execute(command, as_json=as_json)


@alerts.command("remove")
def remove_rule(
    rule: Annotated[str, typer.Argument(help="Id of the rule.")],
    project: InProject = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove a rule; an alert it raised ends with it.

    Example: psg alerts remove failures
    """

    async def command() -> None:
        await _configure(load_settings(api_url=api_url), project, {"remove": [rule]}, as_json)

    execute(command, as_json=as_json)


@alerts.command("ack")
def acknowledge(
    alert: Annotated[str, typer.Argument(help="Id of the alert.")],
    resolve: Annotated[bool, typer.Option("--resolve", help="Also end it, if no rule is behind it.")] = False,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say that somebody cares for an alert.

    Example: psg alerts ack 5e0f0b4c-0000-4000-8000-000000000000
    """

    async def command() -> None:
        async with open_client(load_settings(api_url=api_url)) as client:
            found = (await client.acknowledge_alert(id=alert, resolve=resolve)).alert
        if as_json:
            print_json(asdict(found))
        else:
            stdout().print(f"{found.name} is {found.status}", markup=False)

    execute(command, as_json=as_json)


async def _configure(settings: CliSettings, project: str | None, config: dict[str, Any], as_json: bool) -> None:
    async with open_client(settings) as client:
        inside = await _inside(client, project)
        done = await client.configure_health_alerts(project_id=inside, **config)
    _show_rules(done.rules, as_json)


def _show_rules(found: list[Any], as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = table("rule", "condition", "for", "severity", "tells", "")
    for one in found:
        told = ", ".join(channel.get("url", "log") for channel in one.definition.get("channels", []))
        state = "" if one.enabled else "off"
        rows.add_row(plain(one.id), plain(one.condition), f"{one.for_ms} ms", one.severity, plain(told), state)
    stdout().print(rows if found else "no rules")


async def _inside(client: Client, project: str | None) -> str | None:
    """The global id of the project that was named, if one was."""
    return None if project is None else (await find_project(client, project)).id
