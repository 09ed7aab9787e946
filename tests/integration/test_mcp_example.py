"""``examples/mcp-tool.yaml`` with its server, from the files to the outputs in the graph."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import anyio
import orjson
import pytest
from world import World

from psg import capabilities
from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.capability_catalog import publish
from psg_runtime.launch import create_plan, start_plan
from psg_runtime.mcp_servers import mcp_capabilities
from psg_runtime.plan_file import load_plan

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example's file, so that its pins are kept here, and the Python of this test first in PATH."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return Path(shutil.copy(ROOT / "examples" / "mcp-servers.yaml", tmp_path))


@pytest.mark.req("ORCH-12", "ORCH-13")
async def test_the_example_counts_words_with_tools_of_its_server(db: Database, servers: Path) -> None:
    world, registry = await World.create(db), CapabilityRegistry()
    async with mcp_capabilities(registry, servers):
        await publish(db, registry)
        async with world.running(registry):
            spec = load_plan(ROOT / "examples" / "mcp-tool.yaml")
            plan_id = (await create_plan(world.graph, world.project_id, world.context_id, spec)).ids["plan"]
            await world.graph.propose_plan(world.project_id, plan_id)
            await world.graph.approve_plan(world.project_id, plan_id)
            await start_plan(world.graph, None, world.project_id, plan_id)
            assert await world.finished(plan_id) == ["completed"]
    steps = await world.steps(plan_id)
    assert {key: s["output"] for key, s in steps.items()} == {
        "size": {"words": 20, "characters": 87},
        "repeated": {"words": ["the", "is", "and"]},
        "wordy": {"words": ["the", "is", "and", "graph", "plan"]},
    }
    assert await capabilities.plans_using(db, world.project_id, "words.measure", "", 10) == [plan_id]
    (stored,) = await capabilities.versions(db, "words.measure")
    assert (stored.source, stored.description) == ("mcp:words", "Count the words and characters of a text.")
    assert (await verify(db, world.project_id)).violations == []


@pytest.mark.long
async def test_tools_are_accepted_on_the_command_line(servers: Path) -> None:
    async def accept(*arguments: str) -> list[str]:
        command = [sys.executable, "-m", "psg_cli", "capabilities", "accept", *arguments, "--mcp", str(servers)]
        result = await anyio.run_process([*command, "--json"], check=False)
        assert result.returncode == 0, result.stderr
        return [f"{found['tool']} {found['change']}" for found in orjson.loads(result.stdout)]

    pins = servers.with_name("mcp-servers.yaml.pins.json")
    assert await accept("words", "--yes") == ["frequent new", "measure new"]
    assert await accept("words", "--yes") == []
    accepted = orjson.loads(pins.read_bytes())
    accepted["servers"]["words"]["measure"] = "0" * 64
    pins.write_bytes(orjson.dumps(accepted))
    registry = CapabilityRegistry()
    async with mcp_capabilities(registry, servers):
        assert registry.names() == ["words.frequent"]
    assert await accept("words", "--yes") == ["measure changed"]
    async with mcp_capabilities(CapabilityRegistry(), servers) as opened:
        assert opened is not None
        assert opened.changes("words") == []
