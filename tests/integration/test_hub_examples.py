"""The examples of the hub and of the single-agent flow do what they say."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import Any

import anyio
import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

EXAMPLES = Path(__file__).parents[2] / "examples"


async def told(server: Any, name: str, *arguments: str) -> list[str]:
    env = {
        "PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password,
    }  # fmt: skip
    done = await anyio.run_process([sys.executable, str(EXAMPLES / name), *arguments], env={**os.environ, **env})
    # Lines of the log begin with the date: others use the database, too.
    return [line for line in done.stdout.decode().splitlines() if not line[:4].isdigit()]


@pytest.mark.req("CORE-27", "CORE-28", "CORE-30")
async def test_two_modules_talk_and_everybody_hears(neo4j_server: Any) -> None:
    lines = await told(neo4j_server, "hub.py", "both", f"hub-{uuid.uuid4()}")
    assert lines[0] == (
        "plan: contextUpdated {'contextId': 'ctx-001', 'changes': ['participants', 'goals']}, high, workflow-123"
    )
    assert "heard: plan_revised {'contextId': 'ctx-001'}" in lines
    assert lines[-2] == "context: {'plan': 'revised'}, workflow-123"
    assert lines[-1].startswith("refused: target_module: no module 'planer' is registered")


@pytest.mark.req("L3-30", "L3-37")
async def test_a_flow_runs_in_memory_and_in_the_graph(neo4j_server: Any) -> None:
    memory, graph = await told(neo4j_server, "single_agent.py")
    assert memory == "in memory: True, 14 ticks, 13 events, plan 2"
    assert graph.startswith("in the graph: completed, ") and graph.endswith(" plan 2")
