"""A worker outside as a process of its own, for tests that kill one.

Arguments: address of the API, name of the agent, project, lease in milliseconds, what to do: ``hang`` (take a turn and
never end it) or ``work``. Prints ``taken <key> <fence>`` and ``completed <key> <fence>``.
"""

from __future__ import annotations

import sys

import anyio

from psg_client import Client, Worker, WorkerTurn


async def main() -> None:
    """Work until it is killed."""
    url, agent, project_id, lease_ms, how = sys.argv[1:]

    async def handler(turn: WorkerTurn) -> dict[str, object]:
        if how == "hang":
            await anyio.sleep_forever()
        return {"done": turn.params, "by": "process"}

    def tell(what: str, turn: WorkerTurn) -> None:
        print(what, turn.key, turn.fence, flush=True)

    async with Client(url) as client:
        worker = Worker(client, agent, handler, project_id=project_id, lease_ms=int(lease_ms), listener=tell)
        await worker.run()


if __name__ == "__main__":
    anyio.run(main)
