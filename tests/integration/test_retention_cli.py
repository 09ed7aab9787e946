"""``psg retain`` as an operator uses it: policy, dry run, run, facts; what it says and its exit status."""

from __future__ import annotations

import os
import sys
from typing import Any

import anyio
import orjson
import pytest
from conftest import Neo4jServer
from world import World, registry, step

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(240)]


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


class Psg:
    """Calls ``psg`` on the shared server."""

    def __init__(self, server: Neo4jServer) -> None:
        kept = {n: v for n, v in os.environ.items() if not n.startswith("PSG_")}
        self._environment = {
            **kept, "PSG_NEO4J_URI": server.uri, "PSG_NEO4J_USER": server.user, "PSG_NEO4J_PASSWORD": server.password,
            "NO_COLOR": "1",
        }  # fmt: skip

    async def __call__(self, *arguments: str, status: int = 0) -> Any:
        command = [sys.executable, "-m", "psg_cli", "retain", *arguments]
        ended = await anyio.run_process(command, env=self._environment, check=False)
        said = ended.stdout.decode() + ended.stderr.decode()
        assert ended.returncode == status, said
        return orjson.loads(ended.stdout) if "--json" in arguments else said


async def test_a_project_is_retained_by_its_policy(world: World, neo4j_server: Neo4jServer) -> None:
    async def say(text: str) -> str:
        return text

    psg, project = Psg(neo4j_server), ["--project", world.project_id]
    draft = await world.draft(step("waits"))
    plan_id = await world.run(step("a", name="say", params={"text": "x"}), tools=registry(say=say))
    assert "keeps everything" in await psg("policy", *project)
    refused = await psg(*project, status=1)
    assert "retention_policy_invalid:" in refused and "nothing may be removed" in refused
    said = await psg("policy", *project, "--keep-last", "0", "--json")
    assert said == {"project_id": world.project_id, "older_than_days": None, "keep_last": 0}

    (planned,) = await psg(*project, "--dry-run", "--json")
    assert planned["dry_run"] and planned["forecast"]["plans"] == 1 and planned["removed"] == {}
    events = len(await world.events())
    assert f"would remove {planned['forecast']['events']} events" in await psg(*project, "--dry-run")
    assert len(await world.events()) == events
    told = await psg(*project)
    assert f"removed {planned['forecast']['events']} events" in told and "1 plans are stubs" in told
    assert (await world.steps(plan_id))["a"]["output"] is None and await world.plan_status(draft) == "draft"
    (again,) = await psg(*project, "--json")
    assert again["removed"] == {} and again["pruned"] == 0

    facts = await psg("facts", *project, "--plan", plan_id, "--json")
    assert [f["to_status"] for f in facts if f["entity"] == plan_id][-1] == "completed"
    assert "plan_completed" in await psg("facts", *project, "--plan", plan_id)
    await psg("policy", *project, "--keep-all")
    await psg(*project, "--dry-run", status=1)


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--keep-last", "1"], 2, "say --project"),
        (["--keep-last", "-1", "--project", "x"], 2, "--keep-last"),
        (["--older-than-days", "nan", "--project", "x"], 2, "--older-than-days"),
        (["--project", "there-is-no-such-project", "--keep-last", "1"], 1, "not_found:"),
        (["policy", "--project", "x", "--keep-all", "--keep-last", "1"], 2, "at the same time"),
        (["facts", "--project", "x", "--first", "0"], 2, "--first"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    neo4j_server: Neo4jServer, arguments: list[str], status: int, told: str
) -> None:
    assert told in await Psg(neo4j_server)(*arguments, status=status)
