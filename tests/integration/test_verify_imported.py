"""What the audit says after steps were deleted and after plans were imported in the middle of their life."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

import pytest
from world import META, World, step

from psg.audit import verify
from psg.errors import Refused
from psg_runtime.ael import InMemoryAEL

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> Any:
    made = await World.create(db)
    yield made
    # What a test left running must not keep the orchestrators of other tests busy.
    await made.damage("MATCH (n:PsgNode {project_id: $project_id}) REMOVE n:Runnable, n:Closing, n:Timer")


async def clean(world: World) -> None:
    assert (await verify(world.db, world.project_id)).violations == []


async def imported(world: World, status: str, *steps: tuple[str, list[int]]) -> tuple[str, list[str]]:
    """Import a plan whose steps have these statuses and depend on steps by index; its id and theirs."""
    ids = [str(uuid.uuid4()) for _ in steps]
    document = {
        "meta": META, "plan_id": str(uuid.uuid4()), "context_id": world.context_id, "title": "t", "objective": "o",
        "status": status,
        "steps": [
            {"step_id": ids[i], "description": f"step {i}", "status": s, "agent_role": "agent",
             "dependencies": [ids[d] for d in on]}
            for i, (s, on) in enumerate(steps)
        ],
    }  # fmt: skip
    await world.graph.create_document(world.project_id, "plan", document)
    return document["plan_id"], ids


async def without_b(world: World) -> str:
    """A plan a → b, c of which b was deleted before it was started."""
    plan_id = await world.draft(step("a"), step("b", "a"), step("c"))
    await world.graph.delete(world.project_id, "Step", (await world.steps(plan_id))["b"]["id"])
    await clean(world)
    await world.graph.propose_plan(world.project_id, plan_id)
    await world.graph.approve_plan(world.project_id, plan_id)
    await world.graph.start_plan(world.project_id, plan_id)
    return plan_id


async def test_a_deleted_step_is_not_run_when_its_dependency_is_done(world: World) -> None:
    plan_id = await without_b(world)
    async with world.running():
        assert await world.finished(plan_id, timeout_s=20) == ["completed"]
    assert (await world.steps(plan_id))["b"]["status"] == "pending"
    await clean(world)


async def test_a_deleted_step_is_not_closed_when_its_plan_is_cancelled(world: World) -> None:
    plan_id = await without_b(world)
    await world.graph.cancel_plan(world.project_id, plan_id)
    assert (await world.steps(plan_id))["b"]["status"] == "pending"
    await clean(world)


@pytest.mark.parametrize("status", ["completed", "skipped", "failed"])
async def test_deleting_a_finished_step_of_an_imported_draft_keeps_the_counts(world: World, status: str) -> None:
    _, ids = await imported(world, "draft", (status, []), ("pending", []))
    await world.graph.delete(world.project_id, "Step", ids[0])
    await clean(world)


async def test_a_deleted_confirm_leaves_no_decision_without_owner(world: World) -> None:
    """Either its decisions go with it, or it is refused because they are history."""
    await world.approved(step("a"))
    (confirm,) = await world.query("MATCH (c:Confirm {project_id: $project_id}) RETURN c.id AS id")
    with suppress(Refused):
        await world.graph.delete(world.project_id, "Confirm", confirm["id"])
    await clean(world)


async def test_a_plan_imported_in_progress_runs_on_when_resumed(world: World) -> None:
    plan_id, _ = await imported(world, "in_progress", ("completed", []), ("pending", [0]), ("pending", [1]))
    await clean(world)
    await world.graph.resume_plan(world.project_id, plan_id)
    async with world.running(ael=InMemoryAEL()):
        assert await world.finished(plan_id, timeout_s=20) != ["cancelled"]
    await clean(world)


async def test_a_step_imported_in_progress_is_there_to_be_taken_up(world: World) -> None:
    await imported(world, "in_progress", ("in_progress", []), ("pending", [0]))
    await clean(world)


async def test_a_plan_imported_in_progress_with_nothing_left_to_do_ends_when_resumed(world: World) -> None:
    plan_id, _ = await imported(world, "in_progress", ("completed", []), ("completed", [0]))
    await world.graph.resume_plan(world.project_id, plan_id)
    assert await world.plan_status(plan_id) == "completed"
    await clean(world)
