"""The examples that need no database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def said(name: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_goal_is_planned_run_denied_and_played_back() -> None:
    lines = said("in_memory.py").splitlines()
    assert "editor  post  completed  posted: all about graphs" in lines
    assert "guest   post  failed     only editors post" in lines
    assert any(line.endswith("entries to play back") and not line.startswith("0") for line in lines)
    assert lines[-1].startswith("switched off: denied")


def test_values_are_counted_taken_back_and_kept_secret() -> None:
    assert said("values.py").splitlines() == [
        "visits: 3", "diary: nobody reads this", "readable on disk: False"
    ]  # fmt: skip
