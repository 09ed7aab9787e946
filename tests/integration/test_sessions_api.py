"""Sessions as the API and the command line offer them; the example with three agents."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api
from sessions import Sessions, agents, who
from world import World, step

from psg.audit import verify
from psg_graphql.global_id import global_id
from psg_neo4j import Database
from psg_runtime.ael import CapabilityRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
EXAMPLE = Path(__file__).parents[2] / "examples" / "three-agents"
START = """mutation($input: StartSessionInput!) { startSession(input: $input) { __typename
  ... on SessionPayload { replayed session { state number turnCount } } ... on Failure { code message } } }"""
SESSION = """query($id: ID!) { session(collabId: $id) { state mode reason planStatus metadata profileEvents
  participants { participantId role } turns { number participantId stepKey status executedBy agent } } }"""


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


async def cli(api: Api, *arguments: str) -> tuple[int, Any]:
    """Exit status of a command and what it prints as JSON."""
    command = [sys.executable, "-m", "psg_cli", *arguments, "--api-url", f"{api.url}/graphql", "--json"]
    result = await anyio.run_process(command, check=False)
    assert result.stdout, result.stderr
    return result.returncode, orjson.loads(result.stdout)


async def test_a_session_over_the_api(api: Api, world: World) -> None:
    sessions = Sessions(world)
    collab, plan = await sessions.collab("round_robin", {"a": "x", "b": None}), await world.approved(
        step("s1", type="agent"), step("s2", "s1", type="agent")
    )
    ids = {
        "collabId": global_id("Collab", world.project_id, collab), "planId": global_id("Plan", world.project_id, plan)
    }  # fmt: skip
    async with world.running(agents(do=who)):
        refused = await api.ask(START, input=ids)
        assert refused["startSession"]["code"] == "unknown_capability"
        bad = await api.ask(START, input={**ids, "bindings": ["no"]})
        assert bad["startSession"]["code"] == "validation_failed"
        done = await api.ask(START, input={**ids, "bindings": {"a": "do", "b": "do"}, "metadata": {"goal": 1}})
        assert done["startSession"]["session"] == {"state": "running", "number": 1, "turnCount": 1}
        await sessions.over(collab)
    found = (await api.ask(SESSION, id=ids["collabId"]))["session"]
    assert (found["state"], found["mode"], found["planStatus"]) == ("completed", "round_robin", "completed")
    assert found["metadata"] == {"goal": 1}
    assert found["participants"] == [{"participantId": "a", "role": "x"}, {"participantId": "b", "role": None}]
    assert [(t["number"], t["stepKey"], t["executedBy"], t["agent"]) for t in found["turns"]] == [
        (1, "s1", "a", "do"), (2, "s2", "b", "do"),
    ]  # fmt: skip
    assert [e["event_type"] for e in found["profileEvents"]][-1] == "MAPSessionCompleted"
    again = await api.ask(START, input=ids)
    assert again["startSession"]["code"] == "session_refused"
    unknown = global_id("Collab", world.project_id, plan)
    assert (await api.ask(SESSION, id=unknown))["session"] is None


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with something to say and something that is not said."""
    files = {
        "tools/read.py": '"""Reads things."""\n\ndef read():\n    """Read."""\n\ndef undone(): ...\n',
        "main.py": '"""The program.\n\nMore of it."""\n', "broken.py": "def (", ".hidden/x.py": "def no(): ...\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


async def test_three_agents_index_a_repository(
    api: Api, world: World, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    registry = CapabilityRegistry()
    registry.load("repository_agents")
    async with world.running(registry):
        status, told = await cli(
            api, "session", "run", str(EXAMPLE / "plan.yaml"), "--collab", str(EXAMPLE / "collab.yaml"),
            "-p", f"repo={repository}", "--project", world.project_id,
        )  # fmt: skip
    assert (status, told["state"], told["plan_status"]) == (0, "completed", "completed")
    assert {t["step_key"]: t["executed_by"] for t in told["turns"]} == {
        "survey": "lead", "gaps": "critic", "write": "author", "review": "critic"
    }  # fmt: skip
    assert told["metadata"] == {"surveyed": 2}
    index = (repository / "MODULES.md").read_text()
    assert "| `main.py` | The program. |" in index and "| `tools/read.py` | Reads things. |" in index
    assert "- `tools/read.py:undone`" in index and "hidden" not in index
    status, shown = await cli(api, "session", "show", told["uuid"], "--project", world.project_id)
    assert status == 0 and shown["turns"] == told["turns"]
    status, events = await cli(api, "session", "show", told["uuid"], "--events", "--project", world.project_id)
    assert sum(e["event_type"] == "MAPTurnCompleted" for e in events) == 4
    assert (await verify(world.db, world.project_id)).violations == []


async def test_a_collab_that_is_none_is_refused_with_its_place(api: Api, world: World, tmp_path: Path) -> None:
    collab = tmp_path / "collab.yaml"
    collab.write_text("mode: pair\nparticipants:\n  - {id: a}\n  - {name: b}\n")
    status, told = await cli(
        api, "session", "run", str(EXAMPLE / "plan.yaml"), "--collab", str(collab), "-p", "repo=.",
        "--project", world.project_id,
    )  # fmt: skip
    assert status != 0 and "line 4" in told["error"]["message"]
