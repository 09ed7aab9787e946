"""The benchmark program runs and says what it has to; how quick anything is, is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent
KEYS = {"name", "value", "unit", "limit", "ratio", "target", "reached", "details"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=170)


@pytest.mark.neo4j
@pytest.mark.long
def test_bench_prints_one_row_per_figure() -> None:
    done = run("--quick", "--only", "chain,mutations_64,import")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["chain", "mutations_64", "import"]
    for row in rows:
        assert set(row) == KEYS
        assert row["value"] > 0
        assert row["ratio"] == pytest.approx(row["value"] / row["limit"], rel=0.01)
        assert row["reached"] is (row["target"] <= row["ratio"] <= 1.1)
    assert "chain" in done.stderr


def test_bench_refuses_an_unknown_name() -> None:
    done = run("--only", "chian")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "chian" in done.stderr
