"""Starts a program in a sandbox and waits: somebody else ends this process in the middle, or reads what it prints.

Arguments: the level, the folder, what to run in Python. Prints the outcome as one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio

from psg_runtime.sandbox import Capture, ResourceExceeded, Sandboxing, SandboxSettings, run_confined
from psg_runtime.sandbox.file_layout import plain_interpreter


async def main(level: str, folder: str, code: str) -> None:
    sandboxing = Sandboxing(SandboxSettings(sandbox=level, multi_tenant=True, memory_limit=96 * 1024**2))  # type: ignore[arg-type]
    limits = sandboxing.for_program((Path(folder),), None)
    assert limits is not None
    program = plain_interpreter()
    stdout, stderr = Capture(10_000), Capture(10_000)
    answer: dict[str, object] = {}
    try:
        outcome = await run_confined(
            await sandboxing.choose(limits), program, [program, "-c", code], cwd=Path(folder), env={}, limits=limits,
            stdin=b"", stdout=stdout, stderr=stderr,
        )  # fmt: skip
        answer["exit_code"] = outcome.exit_code
    except ResourceExceeded as error:
        answer["resource"] = error.details["resource"]
    print(json.dumps({**answer, "stdout": stdout.text(), "stderr": stderr.text()}))


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
