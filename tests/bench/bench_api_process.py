"""The API as a process of its own, twice: as users get it, and with mutations that store nothing."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import anyio
import structlog
from anyio.to_thread import run_sync

from psg.commands.documents import store_document
from psg.graph import Graph
from psg.model.ids import new_id
from psg.write.command import Answer, Command
from psg_graphql.server import serve
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database


class GraphStoringNothing(Graph):
    """Does all that a mutation takes but the commit, and points to a context that is there already."""

    def __init__(self, db: Database, context_id: str) -> None:
        super().__init__(db)
        self._context_id = context_id

    async def create_document(
        self, project_id: str, module: str, document: Mapping[str, Any], *, actor: str = "system",
        command_id: str | None = None, progress: Any = None,
    ) -> Answer:  # fmt: skip
        """Answer as if the document had been stored."""
        command = Command(f"create_{module}", document, actor, command_id or new_id())
        store_document(project_id, module, document, command).row(project_id)
        return Answer(project_id, command.command_id, 1, {module: self._context_id})


async def main() -> None:
    """Serve until standard input ends; prints both addresses, one a line."""
    uri, user, context_id = sys.argv[1:]
    # Standard output is a pipe that nobody empties once both addresses were read.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    settings = ApiSettings(port=0, shutdown_grace_s=1.0)
    stop = anyio.Event()

    async def run(graph: Graph, *, task_status: anyio.abc.TaskStatus[str]) -> None:
        await serve(graph, settings, stop=stop, on_ready=task_status.started)

    async with (
        Database.connect(uri, user, os.environ["PSG_BENCH_PASSWORD"]) as db,
        anyio.create_task_group() as tasks,
    ):
        for graph in (Graph(db), GraphStoringNothing(db, context_id)):
            print(await tasks.start(run, graph), flush=True)
        await run_sync(sys.stdin.read)
        stop.set()


if __name__ == "__main__":
    anyio.run(main)
