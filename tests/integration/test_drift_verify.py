"""What contradicts itself in what is known of files, planted behind the platform's back, is named by the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from drift_world import DriftWorld
from world import World

from psg.audit import verify
from psg.documents import export_project
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
FILE = "MATCH (n:Resource {project_id: $project_id, uri: 'file:tree/a.txt'}) "


@pytest.fixture
async def drift(db: Database, tmp_path: Path) -> AsyncIterator[DriftWorld]:
    made = await DriftWorld.create(await World.create(db), tmp_path / "tree")
    made.write("a.txt", "one\n")
    await made.monitor.scan()
    await made.verified()
    yield made


@pytest.mark.parametrize(
    "planted",
    [
        "SET n.base_hash = 'other'", "SET n.hash = 'other', n.base_hash = 'other'", "SET n.state = 'lost'",
        "SET n.kind = 'git_ref'", "SET n.state = 'conflict'", "SET n.value = '{}'", "SET n.value = 'no json'",
        "SET n.found = '{}'", "SET n.uri = 'file:tree/../x'",
    ],
)  # fmt: skip
async def test_a_contradiction_is_a_violation(drift: DriftWorld, planted: str) -> None:
    await drift.world.damage(FILE + planted)
    report = await verify(drift.world.db, drift.world.project_id)
    assert "drift" in {v.kind for v in report.violations}


async def test_a_project_with_conflicts_is_exported_without_what_no_document_can_say(drift: DriftWorld) -> None:
    await drift.set(modified="manual")
    drift.write("a.txt", "two\n")
    assert (await drift.monitor.scan()).results == {"conflict": 1}
    exported = [document async for document in export_project(drift.world.db, drift.world.project_id)]
    assert [module for module, _ in exported] == ["context"]
    await drift.verified()
