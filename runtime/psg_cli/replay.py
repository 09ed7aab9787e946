"""``psg replay``: what a run did, entry by entry, and whether this release would decide it the same way."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from psg_cli.commands.database import HomeOption
from psg_cli.failures import EXIT_FAILURE, UsageError, execute
from psg_cli.output import JsonFlag, print_json, stderr, stdout
from psg_cli.settings import CliSettings, load_settings
from psg_cli.store import open_store

if TYPE_CHECKING:
    from psg_runtime.contracts import Record
    from psg_runtime.replay import Verdict

History = tuple[str, "list[Record]", "dict[str, Any] | None", "str | None"]


def replay(
    run: Annotated[str | None, typer.Argument(help="UUID or global id of the plan that ran.", metavar="RUN")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Read an exported history instead of the database.", exists=True, dir_okay=False),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write the history to a new file, only for you.", dir_okay=False)
    ] = None,
    project: Annotated[str | None, typer.Option("--project", help="Id of the project, should it be unclear.")] = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell what a run did, with times and figures, and decide it again with this release.

    Reads only. Exit status 1 when a decision comes out differently; the first one is told.

    Examples: psg replay RUN      psg replay RUN --export run.json      psg replay --from run.json --json
    """

    async def command() -> int:
        from psg_runtime.replay import redecide, run_of_entries

        if (run is None) == (source is None):
            raise UsageError("Name either a RUN or a file: `psg replay RUN`, or `psg replay --from FILE`.")
        if export is not None and export.exists():
            raise UsageError(f"{export} exists; choose another name.")
        if source is not None:
            plan_id, entries, recorded, text = _from_file(source)
        else:
            settings = load_settings(home=home)
            plan_id, entries, recorded, text = await _from_graph(settings, str(run), project, export is not None)
        verdict = redecide(recorded if recorded is not None else run_of_entries(entries))
        if export is not None and text is not None:
            _write(export, text)
            stderr().print(f"history in {export}", markup=False)
        _show(plan_id, entries, verdict, as_json)
        return 0 if verdict.difference is None else EXIT_FAILURE

    execute(command, as_json=as_json)


def _from_file(source: Path) -> History:
    from psg_runtime.replay.history import MAX_EXPORT_BYTES, imported

    with source.open("rb") as file:
        raw = file.read(MAX_EXPORT_BYTES + 1)
    return (*imported(raw), raw.decode("utf-8", "replace"))


async def _from_graph(settings: CliSettings, text: str, project: str | None, export: bool) -> History:
    from psg.errors import InvalidId
    from psg.graph import Graph
    from psg.model.ids import UUID4
    from psg_graphql.global_id import parse_global_id
    from psg_neo4j.migrations import require_schema
    from psg_runtime.replay import GraphReplay

    plan_id = text
    if UUID4.fullmatch(text) is None:
        try:
            parsed = parse_global_id(text, "run", "Plan")
        except InvalidId as error:
            raise UsageError(f"{text!r} is neither the UUID nor the global id of a plan.") from error
        project, plan_id = parsed.project_id, parsed.node_id
    async with open_store(settings, reading=True) as store:
        await require_schema(store.db)
        history = GraphReplay(Graph(store.db), project)
        entries, recorded = await history.history(plan_id)
        return plan_id, entries, recorded, history.exported(plan_id, entries, recorded) if export else None


def _write(target: Path, text: str) -> None:
    """The file appears whole or not at all; outputs of steps are nobody else's business."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            try:
                os.link(name, target)  # refuses to replace what somebody else wrote meanwhile
            except (PermissionError, NotImplementedError):  # a file system without links
                os.replace(name, target)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from error


def _show(plan_id: str, entries: Sequence[Mapping[str, Any]], verdict: Verdict, as_json: bool) -> None:
    from psg_runtime.replay.history import stats, timeline

    rows, figures = timeline(entries), stats(entries)
    if as_json:
        print_json({"planId": plan_id, "timeline": rows, "stats": figures, "verdict": verdict.to_dict()})
        return
    console = stdout()
    for row in rows:
        duration = f"{row['duration']:>10.0f} ms" if row["duration"] else " " * 13
        console.print(f"{row['timestamp']}  {row['event']:<20}{duration}  {row['stepId'] or ''}".rstrip(), markup=False)
    counts = ", ".join(f"{count} {event}" for event, count in figures["eventCounts"].items())
    total, average = figures["totalDuration"], figures["averageStepDuration"]
    console.print(f"total {total:.0f} ms, {average:.0f} ms a step; {counts}", markup=False)
    if verdict.difference is None:
        console.print(f"decided again: {verdict.decisions} decisions, no difference", markup=False)
    else:
        console.print(f"[red]differs[/] after {verdict.decisions} decisions: ", end="")
        console.print(str(verdict.difference), markup=False)
