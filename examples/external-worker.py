"""A worker of one's own: fetches the turns of two agents, does them here, and answers (docs/workers.md).

Run as many as you like; each turn goes to one of them. Ctrl-C ends it in an orderly way.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio

from psg_client import Client, TurnFailed, Worker, WorkerTurn
from psg_client.client import DEFAULT_URL


def surveyor(folder: str) -> dict[str, Any]:
    """Say how many lines each Python file of a folder has."""
    root = Path(folder)
    if not root.is_dir():
        raise TurnFailed(f"{folder} is no folder", code="no_such_folder", retryable=False)
    return {"files": [{"name": p.name, "lines": len(p.read_text().splitlines())} for p in sorted(root.glob("*.py"))]}


def critic(files: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Pick the files that are too long, the longest first."""
    long = sorted((f for f in files if f["lines"] > limit), key=lambda f: -f["lines"])
    return {"too_long": [f["name"] for f in long], "of": len(files)}


def handler(turn: WorkerTurn) -> dict[str, Any]:
    """Do one turn; what is raised is the error of the step."""
    return {"surveyor": surveyor, "critic": critic}[turn.agent](**turn.params)


def told(what: str, turn: WorkerTurn) -> None:
    """Show what becomes of a turn."""
    sys.stdout.write(f"{what}: {turn.agent} for step {turn.key}\n")
    sys.stdout.flush()


async def main() -> None:
    """Work until SIGINT or SIGTERM."""
    async with Client(os.environ.get("PSG_API_URL", DEFAULT_URL), token=os.environ.get("PSG_API_TOKEN")) as client:
        worker = Worker(
            client, ["surveyor", "critic"], handler, project_id=os.environ.get("PSG_PROJECT_ID"), concurrency=2,
            listener=told,
        )  # fmt: skip

        async def stopped() -> None:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    worker.stop()
                    return

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stopped)
            await worker.run()
            tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main)
