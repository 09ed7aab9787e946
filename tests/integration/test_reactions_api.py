"""What follows the end of a plan, as the API and the command line show and offer it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from graphql_api import Api, running_api
from world import World, registry, step

from psg.errors import ActionFailed
from psg_graphql.global_id import global_id
from psg_neo4j import Database
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

END = """query($id: ID!) { plan(id: $id) { status goalMet derivation criteria derivedFromId parentStepId
  compensation { id status stepsTotal stepsFailed derivation derivedFromId } } }"""
PLAN = "... on PlanPayload { plan { id status derivation } }"
AGAIN = "... on RerunPayload { reused plan { id status derivation derivedFromId } }"


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


class Planted(ActionFailed):
    retryable = False


async def fail() -> None:
    raise Planted("planted failure")


async def cli(api: Api, *arguments: str) -> tuple[int, Any]:
    """Exit status of a command and what it prints as JSON."""
    command = [sys.executable, "-m", "psg_cli", *arguments, "--api-url", f"{api.url}/graphql", "--json"]
    result = await anyio.run_process(command, check=False)
    assert result.stdout, result.stderr
    return result.returncode, orjson.loads(result.stdout)


async def test_a_plan_is_judged_undone_and_run_again_over_the_api(api: Api, world: World) -> None:
    inverse = {"name": "noop"}
    plan_id = await world.started(
        step("a", compensation=inverse), step("bad", "a", name="fail"), success_criteria=("a.status == 'completed'",)
    )
    ref = global_id("Plan", world.project_id, plan_id)
    running = await api.command("compensatePlan", "CompensatePlanInput", PLAN, id=ref)
    assert (running["__typename"], running["code"]) == ("Refused", "refused")
    assert (await api.ask(END, id=ref))["plan"]["goalMet"] is None
    async with world.running(registry(fail=fail)):
        assert await world.finished(plan_id) == ["failed"]
        undone = await api.command("compensatePlan", "CompensatePlanInput", PLAN, id=ref)
        repeated = await api.command("compensatePlan", "CompensatePlanInput", PLAN, id=ref)
        assert undone["plan"]["derivation"] == "compensation"
        assert repeated["replayed"] and repeated["plan"]["id"] == undone["plan"]["id"]

        async def over() -> bool:
            end = (await api.ask(END, id=ref))["plan"]
            return end["goalMet"] is not None and end["compensation"]["status"] == "completed"

        await world.until(over)
    end = (await api.ask(END, id=ref))["plan"]
    assert end["status"] == "failed" and end["goalMet"] is False
    assert end["criteria"] == [{"text": "a.status == 'completed'", "met": True, "error": None}]
    assert end["compensation"] == {
        "id": undone["plan"]["id"], "status": "completed", "stepsTotal": 1, "stepsFailed": 0,
        "derivation": "compensation", "derivedFromId": ref,
    }  # fmt: skip
    again = await api.command("rerunPlan", "RerunPlanInput", AGAIN, id=ref, fromStep="bad")
    assert again["reused"] == 0  # what was undone holds no longer
    assert again["plan"]["status"] == "draft" and again["plan"]["derivedFromId"] == ref
    missing = await api.command("rerunPlan", "RerunPlanInput", AGAIN, id=ref, fromStep="nope")
    assert missing["__typename"] == "NotFound" and "nope" in missing["message"]


async def test_nothing_to_undo_is_told(api: Api, world: World) -> None:
    async with world.running():
        plan_id = await world.started(step("a"))
        await world.finished(plan_id)
    refused = await api.command(
        "compensatePlan", "CompensatePlanInput", PLAN, id=global_id("Plan", world.project_id, plan_id)
    )
    assert refused["__typename"] == "Refused" and "nothing to undo" in refused["message"]


async def test_from_the_command_line(api: Api, world: World, tmp_path: Path) -> None:
    write = {"path": "a.txt", "content": "done"}
    undo = {"name": "file.write", "params": {"path": "{{a.output.path}}", "content": "undone"}}
    plan_id = await world.started(
        step("a", name="file.write", params=write, compensation=undo),
        step("b", "a", name="file.read", params={"path": "b.txt"}),
    )
    project = ("--project", world.project_id)
    written, wanted = tmp_path / "a.txt", tmp_path / "b.txt"
    async with world.running(ael=AdapterLayer(CapabilityRegistry(), AelSettings(file_root=tmp_path))):
        assert await world.finished(plan_id) == ["failed"]
        wanted.write_text("here now")
        status, draft = await cli(api, "plan", "rerun", plan_id, "--draft", *project)
        assert (status, draft["status"], draft["reused"]) == (0, "draft", 1)
        status, done = await cli(api, "plan", "rerun", plan_id, *project)
        assert (status, done["plan"]["status"]) == (0, "completed")
        status, undone = await cli(api, "plan", "compensate", plan_id, *project)
        assert (status, undone["plan"]["status"]) == (0, "completed")
        assert written.read_text() == "undone"
        status, shown = await cli(api, "plan", "show", plan_id, *project)
        assert shown["compensation"]["status"] == "completed" and shown["goal_met"] is None
        status, shown = await cli(api, "plan", "show", done["plan"]["uuid"], *project)
        assert shown["derivation"] == "rerun"
    steps = await world.steps(done["plan"]["uuid"])
    assert steps["a"]["attempt"] == 0 and steps["b"]["output"]["content"] == "here now"


async def test_sub_plans_are_shown_with_their_step_and_wrong_ones_are_refused_at_once(api: Api, world: World) -> None:
    plan_id = await world.started(step("sub", type="plan", params={"plan": {"steps": [{"id": "a", "name": "noop"}]}}))
    async with world.running():
        assert await world.finished(plan_id) == ["completed"]
    answer = await api.ask(
        "query($id: ID!) { plan(id: $id) { steps { nodes { key id "
        "subPlans { status parentStepId trace { status } } } } } }",
        id=global_id("Plan", world.project_id, plan_id),
    )
    (found,) = answer["plan"]["steps"]["nodes"]
    assert found["subPlans"] == [
        {"status": "completed", "parentStepId": found["id"], "trace": {"status": "completed"}}
    ]  # fmt: skip
    context = global_id("Context", world.project_id, world.context_id)
    wrong = (
        ("plan", {"plan": {"steps": []}}, "at least one step"), ("plan", {"plan": 5}, "must be a plan document"),
        ("foreach", {"items": [1], "do": {"name": "x"}, "concurrency": 0}, "from 1 to 64"),
    )  # fmt: skip
    for kind, params, words in wrong:
        refused = await api.command(
            "createPlan", "CreatePlanInput", "... on CreatePlanPayload { plan { id } }", contextId=context,
            title="t", objective="o", steps=[{"key": "s", "type": kind, "params": params}],
        )  # fmt: skip
        assert refused["__typename"] == "ValidationError" and words in refused["message"], refused
