"""A process with a communication hub, for tests that kill one.

Environment: PSG_TEST_URI, PSG_TEST_USER, PSG_TEST_PASSWORD; HUB_PROJECT; HUB_MODULE, the module it has; HUB_FILE, where
it notes each message it takes (``message <id> <pid>``) and each event ``thing`` (``event <n> <pid>``); HUB_SETTINGS as
JSON. It answers ``echo`` with its pid and the payload, broadcasts for ``tell``, and never answers ``hang``. With
HUB_SEND (a message as JSON) it sends that, prints the result, and ends. Prints ``ready`` when it serves.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import anyio

from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.hub import CommunicationHub, InterModuleMessage, SystemEvent


async def main() -> None:
    """Serve until SIGTERM, or send one message."""
    env = os.environ
    uri, user, password = (env[f"PSG_TEST_{name}"] for name in ("URI", "USER", "PASSWORD"))
    file, module, pid = Path(env["HUB_FILE"]), env["HUB_MODULE"], os.getpid()

    def note(line: str) -> None:
        with file.open("a") as opened:
            opened.write(f"{line} {pid}\n")

    async def take(message: InterModuleMessage) -> Any:
        note(f"message {message.id}")
        if message.operation == "hang":
            await anyio.sleep_forever()
        if message.operation == "tell":
            await hub.broadcast(SystemEvent(type="thing", payload=message.payload, source_module=module))
        return {"pid": pid, **message.payload}

    async def hear(event: SystemEvent) -> None:
        note(f"event {event.payload['n']}")

    async with Database.connect(uri, user, password) as db:
        hub = CommunicationHub(Graph(db), env["HUB_PROJECT"], **json.loads(env.get("HUB_SETTINGS", "{}")))
        async with hub:
            hub.subscribe("thing", hear)
            await hub.register(module, take)
            if "HUB_SEND" in env:
                result = await hub.route_message(json.loads(env["HUB_SEND"]))
                print(json.dumps(result.to_dict()), flush=True)
                return
            print("ready", flush=True)
            with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                async for _ in signals:
                    return


if __name__ == "__main__":
    anyio.run(main)
