"""A project and a directory change at the same time; both end up the same, and nobody's work is lost.

Run it by ``python examples/drift.py``: it uses the server of PSG_NEO4J_URI, else the embedded Neo4j of ./.psg.
"""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import anyio

from psg import drift
from psg.graph import Graph
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime.drift import DriftMonitor

NOTES = "# Notes\n\n\n\nto do\n\n\n\nthe end\n"


async def example(graph: Graph, folder: Path) -> list[str]:
    """Return what happened, a line for each."""
    told: list[str] = []
    project_id = (await graph.create_project(f"drift example {uuid.uuid4()}")).project_id
    await drift.track(graph, project_id, "notes")
    monitor = DriftMonitor(graph, project_id, "notes", folder)
    monitor.on_outcome = lambda outcome: told.append(f"{outcome.drift or 'planned'}: {outcome.result}")
    notes = folder / "notes.md"
    uri = drift.file_uri("notes", "notes.md")

    notes.write_text(NOTES)
    await monitor.scan()  # the file is taken in

    await drift.expect(graph, project_id, uri, NOTES.replace("# Notes", "# Plan").encode())
    notes.write_text(NOTES.replace("the end", "to be continued"))
    await monitor.scan()  # each side changed another line: merged
    assert "# Plan" in notes.read_text() and "to be continued" in notes.read_text()

    notes.unlink()
    await monitor.scan()  # a deleted file comes back

    await drift.expect(graph, project_id, uri, notes.read_bytes().replace(b"to do", b"done"))
    notes.write_text(notes.read_text().replace("to do", "postponed"))
    await monitor.scan()  # both changed the same line: somebody decides
    confirm = (await drift.resource(graph.db, project_id, uri)).confirm
    assert confirm is not None
    await graph.decide_confirm(project_id, confirm, "approved", role="editor")
    await monitor.scan()
    assert "postponed" in notes.read_text()
    return told


async def main() -> None:
    """Run it in a folder of its own."""
    async with open_store(load_settings()) as store:
        await migrate(store.db)
        with tempfile.TemporaryDirectory() as folder:
            for line in await example(Graph(store.db), Path(folder)):
                print(line)


if __name__ == "__main__":
    anyio.run(main)
