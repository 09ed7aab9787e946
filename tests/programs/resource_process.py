"""A holder of resources as a process of its own: reads orders as JSON lines, answers each with a JSON line.

Environment: PSG_TEST_URI, PSG_TEST_USER, PSG_TEST_PASSWORD, PSG_RESOURCE_*. Orders: ``{"allocate": {…}}``,
``{"release": id}``, ``{"race": {request, times}}`` (allocates and releases, and tells the most held at once).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import anyio

from psg.graph import Graph
from psg_neo4j import Database
from psg_neo4j.errors import PsgError
from psg_runtime.resources import ResourceManager, ResourcesExhausted


async def race(manager: ResourceManager, request: dict[str, Any], times: int) -> dict[str, Any]:
    """Six at once take and give back; how often they got it, and the most that was seen to be held."""
    (name,) = request["resources"]
    counts = {"got": 0, "refused": 0, "most": 0}

    async def take(_: int) -> None:
        for _ in range(times):
            try:
                allocation = await manager.allocate_resources(request)
            except ResourcesExhausted:
                counts["refused"] += 1
                continue
            counts["got"] += 1
            counts["most"] = max(counts["most"], (await manager.get_resource_usage(name)).used[name])
            await manager.release_resources(allocation.id)

    async with anyio.create_task_group() as tasks:
        for n in range(6):
            tasks.start_soon(take, n)
    return counts


async def obey(manager: ResourceManager, order: dict[str, Any]) -> Any:
    """Do what an order says."""
    if "allocate" in order:
        return (await manager.allocate_resources(order["allocate"])).id
    if "release" in order:
        return await manager.release_resources(order["release"])
    return await race(manager, **order["race"])


async def main() -> None:
    """Obey until the input ends."""
    uri, user, password = (os.environ[f"PSG_TEST_{name}"] for name in ("URI", "USER", "PASSWORD"))
    async with Database.connect(uri, user, password) as db, ResourceManager(Graph(db)) as manager:
        print(json.dumps("ready"), flush=True)
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            try:
                answer = await obey(manager, json.loads(line))
            except PsgError as error:
                answer = {"code": error.code}
            print(json.dumps(answer), flush=True)


anyio.run(main)
