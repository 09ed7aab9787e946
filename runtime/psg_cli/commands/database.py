"""``psg db``, ``psg migrate`` and ``psg verify``: the database itself."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from psg_cli.failures import EXIT_FAILURE, UsageError, execute
from psg_cli.output import JsonFlag, print_json, stderr, stdout
from psg_cli.settings import CliSettings, load_settings
from psg_cli.store import open_store
from psg_neo4j import embedded
from psg_neo4j.migrations import migrate as run_migrations
from psg_neo4j.migrations import require_schema

db = typer.Typer(
    name="db", no_args_is_help=True, help="The embedded Neo4j: start it, stop it, ask how it is and where."
)
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of the embedded Neo4j and of runs (PSG_HOME, default ./.psg).")
]
_SHOWN_VIOLATIONS = 200


def _embedded_settings(home: Path | None) -> CliSettings:
    settings = load_settings(home=home)
    if settings.neo4j_uri is not None:
        raise UsageError("PSG_NEO4J_URI names a server; `psg db` is about the embedded one. Unset it first.")
    return settings


@db.command("start")
def start(home: HomeOption = None, as_json: JsonFlag = False) -> None:
    """Start the embedded Neo4j and leave it running until `psg db stop`.

    The first start on a machine downloads Neo4j (about 130 MB).

    Example: psg db start && psg db status
    """

    async def command() -> None:
        folder = _embedded_settings(home).database_home
        async with embedded.embedded(folder):
            embedded.keep(folder)
            _show(embedded.status(folder), as_json)

    execute(command, as_json=as_json)


@db.command("stop")
def stop(home: HomeOption = None, as_json: JsonFlag = False) -> None:
    """Stop the embedded Neo4j in good order, also when it is in use.

    Example: psg db stop
    """

    async def command() -> None:
        folder = _embedded_settings(home).database_home
        stopped = await embedded.stop(folder)
        if as_json:
            print_json({"stopped": stopped, "home": str(folder)})
        else:
            stdout().print("stopped" if stopped else "was not running")

    execute(command, as_json=as_json)


@db.command("status")
def status(home: HomeOption = None, as_json: JsonFlag = False) -> None:
    """Tell whether the embedded Neo4j runs, and where. Exit status 1 when it does not.

    Example: psg db status --json
    """

    async def command() -> int:
        return _show(embedded.status(_embedded_settings(home).database_home), as_json)

    execute(command, as_json=as_json)


@db.command("path")
def path(home: HomeOption = None) -> None:
    """Print the data folder of the embedded Neo4j; its password is in the file `password` there.

    Example: du -sh "$(psg db path)"
    """

    async def command() -> None:
        stdout().print(str(_embedded_settings(home).database_home), markup=False)

    execute(command)


def _show(found: embedded.ServerStatus, as_json: bool) -> int:
    if as_json:
        print_json({**asdict(found), "home": str(found.home)})
    else:
        console = stdout()
        console.print(f"{found.state} {'(kept until `psg db stop`)' if found.kept else ''}".rstrip())
        if found.started_at is not None:
            console.print(f"bolt     {found.uri}\nbrowser  {found.http_url}\npid      {found.pid}", markup=False)
            console.print(f"since    {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(found.started_at))}")
        console.print(f"home     {found.home}", markup=False)
    return 0 if found.state == "running" else EXIT_FAILURE


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be applied.")] = False,
    schema: Annotated[
        str | None, typer.Option("--schema", help="Migrate the data of all projects to this schema version: 1.1.0.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring the database's schema up to this release, or with --schema its data to a schema version.

    Applied migrations are recorded in the graph; running it again, or from several places at once, is safe. The data
    are migrated plan by plan; one that was interrupted goes on where it was.

    Examples: psg migrate --dry-run      PSG_NEO4J_URI=neo4j://db:7687 psg migrate      psg migrate --schema 1.1.0
    """

    async def data() -> None:
        await _migrate_data(home, schema, dry_run, as_json)

    async def command() -> None:
        async with open_store(load_settings(home=home)) as store:
            done = await run_migrations(store.db, dry_run=dry_run)
        if as_json:
            print_json(asdict(done))
            return
        for version in done.applied:
            stdout().print(f"{'would apply' if dry_run else 'applied'} {version}", markup=False)
        if not done.applied:
            stdout().print(f"nothing to do; the schema is at {done.current}", markup=False)

    execute(command if schema is None else data, as_json=as_json)


async def _migrate_data(home: Path | None, schema: str | None, dry_run: bool, as_json: bool) -> None:
    from psg.graph import Graph
    from psg_runtime.vsl import migrate_projects
    from psg_runtime.vsl.schema_migration import TARGET

    if schema != TARGET:
        raise UsageError(f"--schema {schema}: this release can migrate data to {TARGET} only")
    async with open_store(load_settings(home=home)) as store:
        await require_schema(store.db)
        done = await migrate_projects(Graph(store.db), dry_run=dry_run)
    if as_json:
        print_json(asdict(done))
        return
    would = "would get" if dry_run else "got"
    stdout().print(f"{done.projects} projects to {done.version}: {done.plans} plans {would} the priority medium")


def verify(
    project: Annotated[str | None, typer.Option("--project", help="Id of one project; default: all of them.")] = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Audit the database: references, cycles, frontier, event log, leases. Exit status 1 when something is violated.

    Reads only. When no database runs, the embedded one is started for it and stopped after.

    Examples: psg verify      psg verify --project 5e0f… --json
    """

    async def command() -> int:
        from psg.audit import verify as audit

        async with open_store(load_settings(home=home), reading=True) as store:
            report = await audit(store.db, project)
        if as_json:
            violations = [asdict(violation) for violation in report.violations]
            print_json({"violations": violations, "checked": report.checked})
            return EXIT_FAILURE if violations else 0
        console = stdout()
        for violation in report.violations[:_SHOWN_VIOLATIONS]:
            console.print(f"[red]{violation.kind}[/] ", end="")
            console.print(f"{violation.project_id} {violation.node_id}: {violation.message}", markup=False)
        if len(report.violations) > _SHOWN_VIOLATIONS:
            stderr().print(f"… and {len(report.violations) - _SHOWN_VIOLATIONS} more (--json shows all)")
        checked = ", ".join(f"{count} {what}" for what, count in report.checked.items())
        console.print(f"{len(report.violations)} violations; checked {checked}", markup=False)
        return EXIT_FAILURE if report.violations else 0

    execute(command, as_json=as_json)
