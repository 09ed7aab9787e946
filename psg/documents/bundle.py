"""One run as other tools of the protocol take it: its documents under their kinds' names, and its events in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson

import psg_cypher
from psg.documents.exporting import export_document
from psg.documents.files import write_json
from psg.errors import NotFound
from psg.events.projection import protocol_event
from psg.read.events import EventLog
from psg_neo4j.database import Database

EVENTS_FILE = "events.ndjson"
_PAGE = 1_000


async def export_bundle(db: Database, project_id: str, plan_id: str, folder: Path) -> list[Path]:
    """Write one run to ``folder`` and return the files: its documents, and the plan's part of the log.

    ``context.json``, ``plan.json``, ``trace.json`` and ``confirm.json`` are the latest of their kind; earlier traces
    and confirms of the plan follow as ``trace-2.json`` and so on. Raises ``NotFound`` for the plan.
    """
    row = await db.read_one(psg_cypher.statement("bundle_members"), project_id=project_id, plan_id=plan_id)
    if row is None:
        raise NotFound(f"id: plan {plan_id} does not exist in this project", id=plan_id, entity_type="Plan")
    members = [("context", row["context"]), ("plan", plan_id)]
    members += [("trace", node_id) for node_id in row["traces"]]
    members += [("confirm", node_id) for node_id in row["confirms"]]
    written: list[Path] = []
    seen: dict[str, int] = {}
    for module, node_id in members:
        seen[module] = number = seen.get(module, 0) + 1
        name = f"{module}.json" if number == 1 else f"{module}-{number}.json"
        document = await export_document(db, project_id, module, node_id)
        written.append(write_json(folder / name, document))
    written.append(await export_events(db, project_id, folder, plan_id))
    return written


async def export_events(db: Database, project_id: str, folder: Path, plan_id: str | None = None) -> Path:
    """Write the log of a project, or of one plan, to ``folder/events.ndjson`` as protocol events, one a line."""
    file = folder / EVENTS_FILE
    part = anyio.Path(file.with_suffix(".part"))
    await part.parent.mkdir(parents=True, exist_ok=True)
    async with await part.open("wb") as stream:
        async for page in protocol_events(db, project_id, plan_id):
            await stream.write(b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in page))
    await part.replace(file)
    return file


async def protocol_events(
    db: Database, project_id: str, plan_id: str | None = None
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield pages of a log, of a whole project or one plan, from the first event kept to the last there is now."""
    log = EventLog(db)
    head = await log.head(project_id)
    cursor = head.earliest - 1
    while cursor < head.seq:
        page = await log.page(project_id, cursor, _PAGE, plan_id=plan_id)
        yield [protocol_event(event) for event in page.events]
        cursor = page.cursor
