"""``psg project``, ``psg import`` and ``psg export``: projects, and documents in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from psg.documents import read_folder, write_document
from psg.model.entities import MODULES
from psg_cli.api import ensure_project, find_project, open_client
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import execute
from psg_cli.output import JsonFlag, plain, print_json, print_json_line, stderr, stdout, table
from psg_cli.settings import load_settings
from psg_client import DocumentInput, Project
from psg_client.generated import Module

project = typer.Typer(name="project", no_args_is_help=True, help="Projects: each has its own graph and event log.")
_BATCH_DOCUMENTS = 50
_BATCH_BYTES = 4 * 1024 * 1024

DocumentFile = tuple[str, dict[str, Any], Path]


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
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Store protocol documents (context, plan, trace, confirm, role) in a project, made when there is none of the name.

    All files are read before the first is stored. What was stored before is not stored twice.

    Examples: psg import ./documents --project billing      psg import plan.json
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        files = sorted(read_folder(place), key=lambda file: list(MODULES).index(file[0]))
        stored = []
        async with open_client(settings) as client:
            inside = await ensure_project(client, settings.project)
            for group in batches(files, documents=_BATCH_DOCUMENTS, size=_BATCH_BYTES):
                documents = [DocumentInput(module=cast(Module, m), document=document) for m, document, _ in group]
                done = await client.import_documents(project_id=inside.id, documents=documents)
                stored += done.documents
                if not as_json:
                    stderr().print(f"{len(stored)} of {len(files)} documents")
        if as_json:
            print_json({"project": asdict(inside), "documents": [asdict(one) for one in stored]})
        else:
            stdout().print(f"{len(stored)} documents in project {inside.name}", markup=False)

    execute(command, as_json=as_json)


def export_documents(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; made when there is none.")],
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write all protocol documents of a project as JSON files: FOLDER/plan/ID.json and so on.

    Example: psg export ./backup --project billing
    """

    async def command() -> None:
        settings = load_settings(project=project, api_url=api_url)
        written: list[str] = []
        async with open_client(settings) as client:
            inside = await find_project(client, settings.project)
            after = None
            while True:
                page = await client.export_documents(project_id=inside.id, after=after)
                written += [str(write_document(folder, node.module, node.document)) for node in page.nodes]
                if not page.page_info.has_next_page:
                    break
                after = page.page_info.end_cursor
        if as_json:
            print_json({"project": asdict(inside), "files": written})
        else:
            stdout().print(f"{len(written)} documents in {folder}", markup=False)

    execute(command, as_json=as_json)


def batches(files: Sequence[DocumentFile], *, documents: int, size: int) -> Iterator[list[DocumentFile]]:
    """Consecutive groups of at most so many documents and bytes; a larger document stands alone."""
    group: list[DocumentFile] = []
    total = 0
    for file in files:
        weight = file[2].stat().st_size
        if group and (len(group) >= documents or total + weight > size):
            yield group
            group, total = [], 0
        group.append(file)
        total += weight
    if group:
        yield group
