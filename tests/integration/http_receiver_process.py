"""Starts ``tests/programs/http_receiver.py`` for a test and reads what it logged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[1] / "programs" / "http_receiver.py"


@dataclass(frozen=True, slots=True)
class ReceiverProcess:
    """A receiver at work."""

    base: str
    log_file: Path

    def log(self) -> list[dict[str, Any]]:
        """What came in and what was done, in order."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()] if self.log_file.exists() else []

    def count(self, what: str) -> Counter[tuple[str, str]]:
        """How often, by path and key."""
        return Counter((entry["path"], entry["key"]) for entry in self.log() if entry["what"] == what)


@contextmanager
def receiver_process(folder: Path) -> Iterator[ReceiverProcess]:
    """The receiver, during the block."""
    log_file = folder / "receiver.log"
    process = subprocess.Popen([sys.executable, str(PROGRAM), str(log_file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield ReceiverProcess(f"http://127.0.0.1:{int(process.stdout.readline())}", log_file)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
