"""``examples/sandboxed-code.yaml`` from the file to the outputs in the graph, and ``psg sandbox``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from world import World

from psg.audit import verify
from psg_cli.main import app
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.launch import create_plan
from psg_runtime.plan_file import load_plan
from psg_runtime.sandbox import MECHANISMS, facts_of_this_machine

EXAMPLE = Path(__file__).parents[2] / "examples" / "sandboxed-code.yaml"
HELD = sys.platform == "linux" and "isolation" in (
    facts_of_this_machine().with_namespaces() | facts_of_this_machine().without_namespaces()
)


@pytest.mark.neo4j
@pytest.mark.anyio
@pytest.mark.skipif(not HELD, reason="this machine has no sandbox")
@pytest.mark.req("DD-30", "DD-32")
async def test_the_example_counts_words(db: Any, tmp_path: Path) -> None:
    world = await World.create(db)
    plan_id = (await create_plan(world.graph, world.project_id, world.context_id, load_plan(EXAMPLE))).ids["plan"]
    await world.graph.propose_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    settings = AelSettings(multi_tenant=True, allow_code=True, allow_process=("sort",), process_roots=(tmp_path,))
    async with world.running(ael=AdapterLayer(CapabilityRegistry(), settings)):
        assert await world.finished(plan_id) == ["completed"]
    steps = await world.steps(plan_id)
    assert steps["split"]["output"]["logs"] == [{"message": "found words", "data": {"count": 4}}]
    assert steps["sort"]["output"]["stdout"] == "apple\napple\nfig\npear\n"
    assert steps["count"]["output"]["result"] == {"apple": 2, "fig": 1, "pear": 1}
    report = await verify(db, world.project_id)
    assert report.ok, report.violations


@pytest.mark.neo4j
@pytest.mark.anyio
@pytest.mark.skipif(not HELD, reason="this machine has no sandbox")
@pytest.mark.req("DD-30")
async def test_what_a_limit_stopped_is_a_failed_step_that_is_not_tried_again(db: Any, tmp_path: Path) -> None:
    world = await World.create(db)
    spec = load_plan(EXAMPLE)
    hungry = {"source": "x = [0] * 10 ** 10", "timeout_ms": 20_000}
    steps = [spec.steps[0].model_copy(update={"params": hungry, "retries": 3}), *spec.steps[1:]]
    plan_id = (
        await create_plan(world.graph, world.project_id, world.context_id, spec.model_copy(update={"steps": steps}))
    ).ids["plan"]
    await world.graph.propose_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    async with world.running(ael=AdapterLayer(CapabilityRegistry(), AelSettings(multi_tenant=True, allow_code=True))):
        assert await world.finished(plan_id) == ["failed"]
    failed = (await world.steps(plan_id))["split"]
    assert failed["status"] == "failed"
    assert failed["attempt"] == 1
    assert (failed["error"]["code"], failed["error"]["details"]["resource"]) == ("resource_exceeded", "memory")


def test_the_command_tells_what_can_be_enforced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PSG_MEMORY_LIMIT", "64M")
    answer = CliRunner().invoke(app, ["sandbox", "--json"])
    assert answer.exit_code == 0
    found = json.loads(answer.stdout)
    assert {level["name"] for level in found["levels"]} == {"namespaces", "bubblewrap", "landlock", "container"}
    assert all(set(level["enforces"]) | set(level["missing"]) == set(MECHANISMS) for level in found["levels"])
    assert found["limits"]["memory_bytes"] == 64 * 1024**2
    shown = CliRunner().invoke(app, ["sandbox"])
    assert shown.exit_code == 0
    assert "only named folders can be read" in shown.stdout
    monkeypatch.setenv("PSG_MULTI_TENANT", "true")
    monkeypatch.setenv("PSG_SANDBOX", "container")  # no image is named: nothing can be enforced
    none = CliRunner().invoke(app, ["sandbox"])
    assert (none.exit_code, none.stderr) == (1, "")
    assert "none that can enforce everything" in none.stdout
    monkeypatch.setenv("PSG_SANDBOX", "off")
    contradiction = CliRunner().invoke(app, ["sandbox"])
    assert contradiction.exit_code != 0
    assert "multi-tenant mode needs a sandbox" in contradiction.stderr
