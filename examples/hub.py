"""Modules that talk through the communication hub: one asks, one answers, everybody hears what happened.

Start `python examples/hub.py plan` in one terminal and `python examples/hub.py context` in another, where `psg up` runs
or ran; kill the first one in the middle and start it again: the message is answered (docs/hub.md). Without a name, or
with `both`, both are in this process, and it ends after one message. A second argument names the project.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import anyio

from psg.graph import Graph
from psg_cli.output import stdout
from psg_cli.settings import load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate
from psg_runtime import CommunicationHub, InterModuleMessage, MessageResult, SystemEvent
from psg_runtime.hub import CommunicationError


async def update_plan(message: InterModuleMessage) -> dict[str, str]:
    """What the module `plan` does with a message."""
    stdout().print(f"plan: {message.operation} {message.payload}, {message.priority.value}, {message.correlation_id}")
    return {"plan": "revised"}


async def acknowledge(message: InterModuleMessage) -> None:
    """The module `context` only takes note."""


async def context_updated(hub: CommunicationHub) -> MessageResult:
    """Send the message of the specification in the name of `context`, and tell everybody."""
    result = await hub.door("context").send(
        "plan", "contextUpdated", {"contextId": "ctx-001", "changes": ["participants", "goals"]},
        priority="high", correlation_id="workflow-123", timeout_ms=120_000,
    )  # fmt: skip
    await hub.broadcast(SystemEvent(type="plan_revised", payload={"contextId": "ctx-001"}, source_module="context"))
    return result


async def main(module: str = "both", project: str = "hub-example") -> None:
    """Be one of the modules, or both."""
    async with open_store(load_settings()) as store:
        await migrate(store.db)
        graph = Graph(store.db)
        async with CommunicationHub(graph, await graph.ensure_project(project)) as hub:
            hub.subscribe("plan_revised", lambda event: stdout().print(f"heard: {event.type} {event.payload}"))
            if module in ("both", "plan"):
                await hub.register("plan", update_plan)
            if module == "plan":
                await anyio.sleep_forever()
            await hub.register("context", acknowledge)
            try:
                result = await context_updated(hub)
                stdout().print(f"context: {result.output}, {result.correlation_id}")
                await hub.door("context").send("planer", "contextUpdated")
            except CommunicationError as error:
                stdout().print(f"refused: {error}")


if __name__ == "__main__":
    if not {"both", "plan", "context"}.issuperset(sys.argv[1:2]):
        sys.exit("usage: hub.py [both|plan|context] [PROJECT]")
    with suppress(KeyboardInterrupt):
        anyio.run(main, *sys.argv[1:3])
