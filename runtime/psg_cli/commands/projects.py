"""``psg project``, ``psg import`` and ``psg export``: projects, and documents in and out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from psg_cli import transfer
from psg_cli.api import open_client
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, print_json_line, stdout, table
from psg_cli.settings import load_settings
from psg_client import Project

project = typer.Typer(name="project", no_args_is_help=True, help="Projects: each has its own graph and event log.")
DirectFlag = Annotated[
    bool,
    typer.Option("--direct", help="Work on the database itself (PSG_NEO4J_URI, else the embedded one), not the API."),
]


@project.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Name of the project, unique in the database.")],
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a project.

    Example: psg project create billing --description "the billing agents"
    """

    async def command() -> None:
        async with open_client(load_settings(api_url=api_url)) as client:
            made = await client.create_project(name=name, description=description)
        if as_json:
            print_json_line(asdict(made.project))
        else:
            stdout().print(f"project {made.project.uuid} {made.project.name}", markup=False)

    execute(command, as_json=as_json)


@project.command("list")
def list_projects(api_url: ApiOption = None, as_json: JsonFlag = False) -> None:
    """List all projects.

    Example: psg project list --json
    """

    async def command() -> None:
        found: list[Project] = []
        async with open_client(load_settings(api_url=api_url)) as client:
            after = None
            while True:
                page = await client.projects(first=100, after=after)
                found += page.nodes
                if not page.page_info.has_next_page:
                    break
                after = page.page_info.end_cursor
        if as_json:
            print_json([asdict(one) for one in found])
            return
        rows = table("project", "name", "description")
        for one in found:
            rows.add_row(one.uuid, plain(one.name), plain(one.description or ""))
        stdout().print(rows)

    execute(command, as_json=as_json)


def import_documents(
    place: Annotated[Path, typer.Argument(help="A JSON document, or a folder of them.", metavar="FOLDER|FILE")],
    project: ProjectOption = None,
    direct: DirectFlag = False,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Store protocol documents of any module in a project, made when there is none of the name.

    All files are checked before the first is stored, and what is referred to goes first. What was stored before is not
    stored twice: after an interruption the same command goes on. With --direct there is no limit but 64 MiB a document.

    Examples: psg import ./documents --project billing      psg import big-plan.json --direct
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        way = transfer.import_direct if direct else transfer.import_through_api
        inside, stored = await way(settings, place, quiet=as_json)
        if as_json:
            print_json({"project": inside, "documents": stored})
        else:
            stdout().print(f"{len(stored)} documents in project {inside['name']}", markup=False)

    execute(command, as_json=as_json)


def export_documents(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; made when there is none.")],
    plan: Annotated[
        str | None, typer.Option("--plan", help="Only this run (UUID), as context.json, plan.json, … and its events.")
    ] = None,
    events: Annotated[bool, typer.Option("--events", help="Also the log, as protocol events: events.ndjson.")] = False,
    project: ProjectOption = None,
    direct: DirectFlag = False,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write all protocol documents of a project as JSON files: FOLDER/plan/ID.json and so on.

    With --plan, one run as other tools of the protocol take it: context.json, plan.json, trace.json, confirm.json and
    events.ndjson. --plan and --events read the database itself and need --direct.

    Examples: psg export ./backup --project billing      psg export ./run --plan 5e0f… --direct
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        if (plan or events) and not direct:
            raise UsageError("--plan and --events read the database itself: add --direct.")
        if direct:
            inside, written = await transfer.export_direct(settings, folder, plan=plan, events=events)
        else:
            inside, written = await transfer.export_through_api(settings, folder)
        if as_json:
            print_json({"project": inside, "files": written})
        else:
            what = "documents" if not (plan or events) else "files"
            stdout().print(f"{len(written)} {what} in {folder}", markup=False)

    execute(command, as_json=as_json)
