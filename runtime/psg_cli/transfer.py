"""Documents between files and the platform: through the API, or straight into and out of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from anyio import to_thread
from rich import progress as rich_progress

from psg.documents import export_bundle, export_events, export_project, survey, write_document
from psg.documents.importing import batches, store_listed
from psg.errors import ValidationFailed
from psg.graph import Graph
from psg.model.entities import MODULES
from psg.model.ids import UUID4, check_id
from psg.read.events import EventLog
from psg_cli.api import ensure_project, find_project, open_client
from psg_cli.output import stderr
from psg_cli.settings import CliSettings
from psg_cli.store import open_store
from psg_client import DocumentInput
from psg_client.generated import Module
from psg_graphql.global_id import global_id
from psg_neo4j.migrations import migrate

Advance = Callable[[int, int], object]
Outcome = tuple[dict[str, Any], list[Any]]

_BATCH_DOCUMENTS = 50
_BATCH_BYTES = 4 * 1024 * 1024
# With room for the request around it: an API takes 8 MiB unless it is told otherwise.
_API_BYTES = 7 * 1024 * 1024


async def import_through_api(settings: CliSettings, place: Path, *, quiet: bool) -> Outcome:
    """Send checked documents in requests of a few MiB; returns the project and what was stored, in order.

    Raises ``ValidationFailed`` for a document that is too large for a request.
    """
    entries = [entry for wave in await to_thread.run_sync(survey, place) for entry in wave]
    for entry in entries:
        if entry.size > _API_BYTES:
            raise ValidationFailed(
                f"{entry.name}: {entry.size} bytes are too many for a request of the API ({_API_BYTES}); "
                "import it with --direct, where the database can be reached",
                path=entry.name,
            )
    stored: list[Any] = []
    async with open_client(settings) as client:
        inside = await ensure_project(client, settings.project)
        with _counted("documents", quiet) as show:
            for group in batches(entries, documents=_BATCH_DOCUMENTS, size=_BATCH_BYTES):
                documents = [DocumentInput(module=cast(Module, e.module), document=e.read()) for e in group]
                done = await client.import_documents(project_id=inside.id, documents=documents)
                stored += [asdict(one) for one in done.documents]
                show(len(stored), len(entries))
    return asdict(inside), stored


async def import_direct(settings: CliSettings, place: Path, *, quiet: bool) -> Outcome:
    """Store documents in the database itself; the progress counts the steps of plans too."""
    waves = await to_thread.run_sync(survey, place)
    async with open_store(settings) as store:
        await migrate(store.db)
        graph = Graph(store.db)
        inside = await _project(graph, settings, make=True)
        with _counted("documents and steps", quiet) as show:
            answers = await store_listed(graph, inside["uuid"], waves, actor=settings.actor, progress=show)
    stored = []
    for entry, answer in zip((entry for wave in waves for entry in wave), answers, strict=True):
        found = global_id(MODULES[entry.module], inside["uuid"], entry.node_id)
        stored.append({"id": found, "module": entry.module, "replayed": answer.replayed})
    return inside, stored


async def export_through_api(settings: CliSettings, folder: Path) -> Outcome:
    """Write all documents of a project, a page at a time; returns the project and the files."""
    written: list[Any] = []
    async with open_client(settings) as client:
        inside = await find_project(client, settings.project)
        after = None
        while True:
            page = await client.export_documents(project_id=inside.id, after=after)
            written += [str(write_document(folder, node.module, node.document)) for node in page.nodes]
            if not page.page_info.has_next_page:
                break
            after = page.page_info.end_cursor
    return asdict(inside), written


async def export_direct(settings: CliSettings, folder: Path, *, plan: str | None, events: bool) -> Outcome:
    """Write all documents of a project, or one run with its events, from the database itself."""
    written: list[Any] = []
    async with open_store(settings, reading=True) as store:
        inside = await _project(Graph(store.db), settings, make=False)
        if plan is not None:
            plan_id = check_id(plan, "--plan")
            written = [str(file) for file in await export_bundle(store.db, inside["uuid"], plan_id, folder)]
            return inside, written
        async for module, document in export_project(store.db, inside["uuid"]):
            written.append(str(write_document(folder, module, document)))
        if events:
            written.append(str(await export_events(store.db, inside["uuid"], folder)))
    return inside, written


async def _project(graph: Graph, settings: CliSettings, *, make: bool) -> dict[str, Any]:
    """The project of the settings, by name or UUID, as the API describes one."""
    name = settings.project
    if UUID4.fullmatch(name):
        project_id: str = name
        await EventLog(graph.db).head(project_id)  # NotFound when there is none
    elif make:
        project_id = await graph.ensure_project(name, actor=settings.actor)
    else:
        project_id = await graph.project_named(name)
    return {"id": global_id("Project", project_id, project_id), "uuid": project_id, "name": name}


@contextmanager
def _counted(what: str, quiet: bool) -> Iterator[Advance]:
    """Show how far something is, on stderr: a bar at a terminal, a line for every tenth elsewhere."""
    console = stderr()
    if quiet:
        yield lambda done, total: None
    elif console.is_terminal:
        columns = (*rich_progress.Progress.get_default_columns(), rich_progress.MofNCompleteColumn())
        with rich_progress.Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        tenth = -1

        def line(done: int, total: int) -> None:
            nonlocal tenth
            if done * 10 // total > tenth:
                tenth = done * 10 // total
                console.print(f"{done} of {total} {what}")

        yield line
