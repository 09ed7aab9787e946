"""A core orchestrator as a process of its own, with a module whose operations leave marks in a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.core_orchestrator import CoreOrchestrator

MARKS = Path(os.environ["PSG_TEST_MARKS"])


async def mark(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Leave a mark of the beginning, wait for a file where one is named, and leave a mark of the end."""
    name = inputs["as"]
    with (MARKS / "log").open("a") as log:
        log.write(f"{name} {os.getpid()}\n")
    if "until" in inputs:
        while not (MARKS / inputs["until"]).exists():  # noqa: ASYNC110 - another process makes it
            await anyio.sleep(0.01)
    return {"as": name, "pid": os.getpid()}


async def main() -> None:
    """Work until killed."""
    environment = os.environ
    registration = {
        "moduleType": "lab", "version": "1.0.0", "capabilities": ["lab.mark"], "operations": {"mark": mark},
    }  # fmt: skip
    connection = Database.connect(
        environment["PSG_TEST_URI"], environment["PSG_TEST_USER"], environment["PSG_TEST_PASSWORD"]
    )
    async with connection as db:
        (project_id,) = json.loads(environment["PSG_PROJECTS"])
        core = CoreOrchestrator(Graph(db), project_id, json.loads(environment.get("PSG_TEST_CONFIG", "{}")))
        await core.register_module(registration)
        async with core:
            print(f"ready {os.getpid()}", flush=True)
            await anyio.sleep_forever()


anyio.run(main)
