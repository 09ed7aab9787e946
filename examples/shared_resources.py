"""Two GPUs and five jobs: who gets one is decided by priority, across all processes that use this database.

Run it where `psg up` runs or ran, in as many terminals as you like: `python examples/shared_resources.py`
(docs/resource-pools.md).
"""

from __future__ import annotations

import anyio

from psg.graph import Graph
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime.resources import ResourceManager, ResourcesExhausted

POOL = "example.gpu"
JOBS = {"train": "high", "index": "normal", "thumbnails": "low", "report": "critical", "cleanup": "low"}


async def job(resources: ResourceManager, name: str, priority: str) -> None:
    """Wait for a GPU, use it for a moment, give it back."""
    request = {"resources": {POOL: 1}, "priority": priority, "holder": name, "timeout": 60_000}
    async with resources.allocated(request) as allocation:
        print(f"{name} ({priority}) runs with {allocation.resources}", flush=True)
        await anyio.sleep(0.2)


async def main() -> None:
    """Define the pool, show a refusal, run the jobs."""
    async with open_store(load_settings()) as store:
        await migrate(store.db)
        async with ResourceManager(Graph(store.db)) as resources:
            await resources.define_pool(POOL, 2, strategy="priority")
            try:
                await resources.allocate_resources({"resources": {POOL: 3}})
            except ResourcesExhausted as error:
                print("refused:", error)
            async with anyio.create_task_group() as tasks:
                for name, priority in JOBS.items():
                    tasks.start_soon(job, resources, name, priority)
            print("used in the end:", (await resources.get_resource_usage(POOL)).used[POOL])


if __name__ == "__main__":
    anyio.run(main)
