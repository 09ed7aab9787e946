"""The example of drift, as it is shown."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from psg.graph import Graph
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXAMPLE = Path(__file__).parents[2] / "examples" / "drift.py"


async def test_the_example_does_what_it_says(db: Database, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("drift_example", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert await module.example(Graph(db), tmp_path) == [
        "added: taken", "modified: merged", "deleted: written", "modified: conflict", "modified: taken"
    ]  # fmt: skip
