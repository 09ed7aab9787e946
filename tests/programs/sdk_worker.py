"""A worker program of the SDK for tests that send it signals: holds a step until SIGUSR1 lets it finish."""

from __future__ import annotations

import os
import signal

import anyio

from psg_client import StepWorker

worker = StepWorker(project=os.environ["PSG_PROJECT"], concurrency=2, lease_ms=2_000)


@worker.step("hold")
async def hold() -> str:
    """Wait for the signal."""
    with anyio.open_signal_receiver(signal.SIGUSR1) as signals:
        print("held", flush=True)
        async for _ in signals:
            break
    return "done"


if __name__ == "__main__":
    worker.main()
