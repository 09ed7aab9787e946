"""The API as a process of its own, for tests that kill one. Environment as for ``orchestrator_process``.

Prints ``ready`` and its address once it answers.
"""

from __future__ import annotations

import logging
import os
import sys

import anyio
import structlog

from psg.graph import Graph
from psg_graphql.server import serve
from psg_graphql.settings import ApiSettings
from psg_neo4j import Database


async def main() -> None:
    """Serve until it is ended."""
    # Standard output is a pipe that nobody empties once the address was read.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    uri, user, password = (os.environ[f"PSG_TEST_{name}"] for name in ("URI", "USER", "PASSWORD"))
    async with Database.connect(uri, user, password) as db:
        settings = ApiSettings(port=0, shutdown_grace_s=1.0)
        await serve(Graph(db), settings, stop=anyio.Event(), on_ready=lambda url: print(f"ready {url}", flush=True))


if __name__ == "__main__":
    anyio.run(main)
