"""``examples/external-worker.yaml`` with its worker as a process, from the files to the outputs in the graph."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from graphql_api import running_api
from world import World

from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.launch import check_capabilities, create_plan
from psg_runtime.plan_file import load_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXAMPLES = Path(__file__).parents[2] / "examples"


async def test_the_example_is_done_by_its_worker(db: Database, tmp_path: Path) -> None:
    for name, lines in (("short", 3), ("long", 50), ("longer", 60)):
        (tmp_path / f"{name}.py").write_text("pass\n" * lines)
    world = await World.create(db)
    tools = CapabilityRegistry()
    assert tools.load(str(EXAMPLES / "external-agents.yaml")) == ["critic", "surveyor"]
    spec = load_plan(EXAMPLES / "external-worker.yaml")
    spec = spec.model_copy(update={"params": {**spec.params, "folder": str(tmp_path)}})
    plan_id = (await create_plan(world.graph, world.project_id, world.context_id, spec)).ids["plan"]
    await world.graph.propose_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id)
    await check_capabilities(world.graph, tools, world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    async with running_api(db) as api, world.running(tools):
        env = {**os.environ, "PSG_API_URL": f"{api.url}/graphql", "PSG_PROJECT_ID": world.project_id}
        process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call
            [sys.executable, str(EXAMPLES / "external-worker.py")], env=env, stdout=subprocess.PIPE, text=True
        )
        try:
            assert await world.finished(plan_id) == ["completed"]
            process.send_signal(signal.SIGTERM)
            with anyio.fail_after(20):
                said, _ = await anyio.to_thread.run_sync(process.communicate)
            assert process.returncode == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
    assert said.splitlines()[0] == "taken: surveyor for step survey"
    assert (await world.steps(plan_id))["judge"]["output"] == {"too_long": ["longer.py", "long.py"], "of": 3}
    assert (await verify(db, world.project_id)).violations == []
