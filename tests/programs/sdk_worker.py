"""A worker program of the SDK for tests that send it signals: holds a step until standard input says something."""

from __future__ import annotations

import sys

import anyio.to_thread

from psg_client import StepWorker

worker = StepWorker(concurrency=2, lease_ms=2_000)


@worker.step("hold")
async def hold() -> str:
    """Wait for a line."""
    print("held", flush=True)
    return (await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)).strip()


if __name__ == "__main__":
    worker.main()
