"""``psg drift``: directories whose files a project expects to be as it knows them, watched and reconciled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import typer
import yaml

from psg_cli.api import uuids
from psg_cli.commands.database import HomeOption
from psg_cli.commands.plans import ProjectOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, print_json_line, stderr, stdout, table
from psg_cli.settings import load_settings
from psg_cli.store import open_store

if TYPE_CHECKING:
    from psg.drift import DriftSettings
    from psg.graph import Graph
    from psg_runtime.drift import DriftMonitor, Outcome, ScanReport

drift = typer.Typer(
    name="drift", no_args_is_help=True, help="Files, directories and git refs: what the graph expects, and what is."
)


class Take(StrEnum):
    """How a difference is to end."""

    files = "files"
    graph = "graph"
    merge = "merge"
    ask = "ask"


class Follows(StrEnum):
    """What follows for a plan when something that it depends on changes."""

    mark = "mark"
    gate = "gate"
    replan = "replan"
    compensate = "compensate"


_STRATEGIES: dict[Take, Any] = {
    Take.files: "fs_wins", Take.graph: "psg_wins", Take.merge: "merge", Take.ask: "manual"
}  # fmt: skip
RootArgument = Annotated[str, typer.Argument(help="Name of the tracked directory.", metavar="NAME")]
PathArgument = Annotated[Path, typer.Argument(help="Where it is on this machine.", metavar="PATH")]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", help="YAML or JSON: interval_ms, added, modified, deleted, both, include, refs, …"),
]


@drift.command("add")
def add(
    root: RootArgument,
    settings_file: SettingsOption = None,
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Track a directory under a name, or set how it is tracked; `psg drift scan` then takes its files in.

    Examples: psg drift add repo      psg drift add repo --settings drift.yaml
    """

    async def command() -> None:
        from psg import drift as graph_side

        given = None if settings_file is None else _read(settings_file)
        async with _graph(project, home, make=True) as (graph, project_id, actor):
            await graph_side.track(graph, project_id, root, given, actor=actor)
            _, kept = await graph_side.root_settings(graph, project_id, root)
        _tell_settings(root, kept, as_json)

    execute(command, as_json=as_json)


@drift.command("scan")
def scan(
    root: RootArgument,
    path: PathArgument = Path(),
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare every file with the graph once, and reconcile what differs as the settings say.

    Leaves with 1 when something waits for a decision or could not be reconciled.

    Examples: psg drift scan repo      psg drift scan repo ../checkout --json
    """

    async def command() -> int:
        async with _monitor(root, path, project, home) as monitor:
            shown = stderr()
            report = await monitor.scan(None if as_json else lambda r: shown.print(_progress(r), style="dim"))
        if as_json:
            print_json({**asdict(report), "drifted": report.drifted})
        else:
            _tell_report(report)
        return 1 if {"conflict", "flagged"} & report.results.keys() else 0

    execute(command, as_json=as_json)


@drift.command("watch")
def watch(
    root: RootArgument,
    path: PathArgument = Path(),
    interval_ms: Annotated[
        int | None, typer.Option("--interval-ms", min=50, help="Time between scans; else as set, 5000.")
    ] = None,
    passive: Annotated[bool, typer.Option("--events/--no-events", help="Follow file events and reports.")] = True,
    active: Annotated[bool, typer.Option("--scans/--no-scans", help="Scan at an interval.")] = True,
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep a directory and the graph the same until Ctrl-C; any number of processes may.

    Examples: psg drift watch repo      psg drift watch repo ../checkout --interval-ms 1000
    """

    async def command() -> None:
        from psg_cli.services import until_signal

        async with (
            _monitor(root, path, project, home, interval_ms) as monitor,
            until_signal() as stop,
            anyio.create_task_group() as tasks,
        ):
            monitor.on_outcome = (lambda o: print_json_line(asdict(o))) if as_json else _tell_outcome
            watching = partial(monitor.run, active=active, passive=passive)
            await tasks.start(watching)
            _tell_watch(root, monitor, as_json)
            await stop.wait()
            monitor.stop()

    execute(command, as_json=as_json)


@drift.command("list")
def list_resources(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="synced, ahead, drifted or conflict; may be given more often.")
    ] = None,
    first: Annotated[int, typer.Option("--first", min=1, max=100_000, help="At most so many.")] = 1_000,
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List what a project tracks, with how the two sides stand.

    Example: psg drift list --state conflict --state drifted
    """

    async def command() -> None:
        from psg import drift as graph_side

        states: Any = _states(state)
        rows: list[dict[str, Any]] = []
        async with _graph(project, home) as (graph, project_id, _):
            after = ""
            while len(rows) < first:
                page = await graph_side.page(graph.db, project_id, after=after, limit=min(500, first), states=states)
                rows += [_row(tracked) for tracked in page]
                if len(page) < min(500, first):
                    break
                after = page[-1].expected.uri
        _tell_rows(rows[:first], as_json)

    execute(command, as_json=as_json)


@drift.command("resolve")
def resolve(
    uri: Annotated[str, typer.Argument(help="file:NAME/PATH or git:NAME/refs/…, as `psg drift list` shows it.")],
    path: PathArgument = Path(),
    take: Annotated[Take, typer.Option("--take", help="The file's side, the graph's, a merge, or ask somebody.")] = (
        Take.merge
    ),
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Reconcile one file or ref the way you say; a request that waits about it is closed.

    Example: psg drift resolve file:repo/README.md --take graph
    """

    async def command() -> int:
        from psg.drift import parse

        async with _monitor(parse(uri)[1], path, project, home) as monitor:
            outcome = await monitor.resolve(uri, _STRATEGIES[take])
        if as_json:
            print_json_line(asdict(outcome))
        else:
            _tell_outcome(outcome)
        return 1 if outcome.result == "conflict" else 0

    execute(command, as_json=as_json)


@drift.command("depend")
def depend(
    uri: Annotated[str, typer.Argument(help="dir:NAME, file:NAME/PATH or git:NAME/refs/…")],
    node: Annotated[str, typer.Argument(help="UUID or global id of a plan or step.", metavar="NODE")],
    on_drift: Annotated[
        Follows | None, typer.Option("--on-drift", help="What follows a change; without it, as the directory says.")
    ] = None,
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say that a plan or step depends on a file, a ref or a directory: it is marked stale when that changes outside.

    Example: psg drift depend file:repo/prices.csv PLAN --on-drift gate
    """

    async def command() -> None:
        from psg import drift as graph_side
        from psg.model.ids import UUID4

        async with _graph(project, home) as (graph, project_id, actor):
            node_id = node if UUID4.fullmatch(node) else uuids(node)[1]
            how: Any = None if on_drift is None else on_drift.value
            answer = await graph_side.depend_on(graph, project_id, uri, node_id, on_drift=how, actor=actor)
        if as_json:
            print_json_line({"uri": uri, **answer.ids})
        else:
            stdout().print(f"{node_id} depends on {uri}", markup=False)

    execute(command, as_json=as_json)


@drift.command("remove")
def remove(
    uri: Annotated[str, typer.Argument(help="dir:NAME, file:NAME/PATH or git:NAME/refs/…")],
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Forget what is tracked under a uri, a directory with everything below it; no file is touched.

    Example: psg drift remove dir:repo
    """

    async def command() -> None:
        from psg import drift as graph_side

        async with _graph(project, home) as (graph, project_id, actor):
            answer = await graph_side.untrack(graph, project_id, uri, actor=actor)
        if as_json:
            print_json_line({"uri": uri, "resource": answer.ids["resource"]})
        else:
            stdout().print(f"{uri}: not tracked any more", markup=False)

    execute(command, as_json=as_json)


@asynccontextmanager
async def _graph(
    project: str | None, home: Path | None, *, make: bool = False
) -> AsyncIterator[tuple[Graph, str, str]]:
    """The graph, the project's id and the actor of the settings."""
    from psg.graph import Graph
    from psg.model.ids import UUID4
    from psg_neo4j.migrations import require_schema

    settings = load_settings(home=home, project=project)
    async with open_store(settings, existing=not make) as store:
        await require_schema(store.db)
        graph, name = Graph(store.db), settings.project
        if UUID4.fullmatch(name):
            project_id = name
        else:
            project_id = await (graph.ensure_project(name) if make else graph.project_named(name))
        yield graph, project_id, settings.actor


@asynccontextmanager
async def _monitor(
    root: str, path: Path, project: str | None, home: Path | None, interval_ms: int | None = None
) -> AsyncIterator[DriftMonitor]:
    from psg_runtime.drift import DriftMonitor

    async with _graph(project, home) as (graph, project_id, actor):
        yield DriftMonitor(graph, project_id, root, path, actor=actor, interval_ms=interval_ms)


def _read(file: Path) -> Any:
    try:
        given = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{file} cannot be read as YAML: {error}") from None
    if not isinstance(given, dict):
        raise UsageError(f"{file}: an object of settings is expected")
    return given


def _states(given: list[str] | None) -> list[str] | None:
    from typing import get_args

    from psg.drift import State

    unknown = [state for state in given or () if state not in get_args(State)]
    if unknown:
        raise UsageError(f"--state {unknown[0]}: one of {', '.join(get_args(State))} is expected")
    return given or None


def _row(tracked: Any) -> dict[str, Any]:
    expected = tracked.expected
    return {
        "uri": expected.uri, "kind": expected.kind, "state": expected.state, "hash": expected.hash,
        "size": expected.size, "found": expected.found, "confirm": expected.confirm,
        "dependents": [dict(d) for d in tracked.dependents],
    }  # fmt: skip


def _tell_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    shown = table("uri", "state", "hash", "size", "why")
    for row in rows:
        why = (row["found"] or {}).get("reason") or ""
        hash_ = (row["hash"] or "-")[:12]
        shown.add_row(plain(row["uri"]), row["state"], hash_, str(row["size"]), plain(why))
    stdout().print(shown)


def _tell_settings(root: str, kept: DriftSettings, as_json: bool) -> None:
    if as_json:
        print_json({"root": root, "settings": kept.model_dump(mode="json")})
        return
    stdout().print(f"{root} is tracked; `psg drift scan {root} PATH` takes its files in", markup=False)
    stdout().print(yaml.safe_dump(kept.model_dump(mode="json"), sort_keys=False).rstrip(), markup=False)


def _progress(report: ScanReport) -> str:
    return f"{report.seen} seen, {report.drifted} drifted"


def _tell_report(report: ScanReport) -> None:
    console = stdout()
    for outcome in report.outcomes:
        _tell_outcome(outcome)
    counted = ", ".join(f"{count} {what}" for what, count in sorted(report.results.items())) or "nothing to do"
    console.print(
        f"{report.seen} seen; {report.added} added, {report.modified} modified, {report.deleted} deleted: {counted}",
        markup=False,
    )
    for place in report.closed:
        stderr().print(f"cannot be read, left as it is known: {plain(place)}")


def _tell_outcome(outcome: Outcome) -> None:
    why = f" ({outcome.reason})" if outcome.reason else ""
    stdout().print(f"{outcome.drift or '-':<9}{outcome.result:<9}{plain(outcome.uri + why)}")


def _tell_watch(root: str, monitor: DriftMonitor, as_json: bool) -> None:
    if as_json:
        print_json_line({"watching": root, "path": str(monitor.path)})
    else:
        stdout().print(f"watching {root} at {monitor.path}; Ctrl-C ends it", markup=False)
