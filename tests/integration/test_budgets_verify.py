"""Accounts of budgets are counted again by the audit, and survive going back, retention and backup."""

from __future__ import annotations

import io
from typing import Any

import pytest
from conftest import FreshNeo4j
from world import World, registry, step

from psg import snapshots
from psg.audit import verify
from psg.backup import backup, restore
from psg.budgets import reserve, spending
from psg.model import codec
from psg.model.cipher import Cipher
from psg.retention import Policy, retain
from psg_neo4j.migrations import migrate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.timeout(240)]

STEP = "MATCH (n:Step {project_id: $project_id, plan: $plan, key: 'a'}) "
PLAN = "MATCH (n:PsgNode:Plan {project_id: $project_id, id: $plan}) "
HEAD = "MATCH (n:ProjectHead {id: $project_id}) "
WIPE = "MATCH (n) WHERE NOT n:Lock AND NOT n:__Neo4jMigration DETACH DELETE n"
NOTE = STEP + "MATCH (e:Event {project_id: $project_id, entity: n.id, type: 'budget_debited'}) "

# (what is planted, Cypher, Cypher that takes it back, what the violations are about)
PLANTED = [
    ("a step that says less", STEP + "SET n.spent_tokens = n.spent_tokens - 1",
     STEP + "SET n.spent_tokens = n.spent_tokens + 1", ["its events", "its steps"]),
    ("a step that spent more", STEP + "SET n.spent_cost = n.spent_cost + 1",
     STEP + "SET n.spent_cost = n.spent_cost - 1", ["its events", "its steps"]),
    ("a plan without its account", PLAN + "SET n.kept = n.spent_calls REMOVE n.spent_calls",
     PLAN + "SET n.spent_calls = n.kept REMOVE n.kept", ["its plans", "its steps"]),
    ("a project that says less", HEAD + "SET n.spent_wall_ms = n.spent_wall_ms - 1",
     HEAD + "SET n.spent_wall_ms = n.spent_wall_ms + 1", ["its plans"]),
    ("an event that says something else", NOTE + "SET e.kept = e.changes, "
     "e.changes = replace(e.changes, '\"tokens\":7', '\"tokens\":8')",
     NOTE + "SET e.changes = e.kept REMOVE e.kept", ["its events"]),
    ("an event that says nothing", NOTE + "SET e.kept = e.changes, e.changes = '{\"op\":\"note\"}'",
     NOTE + "SET e.changes = e.kept REMOVE e.kept", ["does not say"]),
]  # fmt: skip


@pytest.fixture
async def world(db: Any) -> World:
    return await World.create(db)


async def call() -> dict[str, Any]:
    return {"usage": {"tokens": 7, "cost": 0.25}}


async def spent_plan(world: World, *more: Any) -> str:
    return await world.run(step("a", name="call"), *more, tools=registry(call=call), budget={"calls": 2})


async def violations(world: World) -> list[Any]:
    return (await verify(world.db, world.project_id)).violations


async def spent(world: World, plan_id: str | None = None) -> dict[str, Any]:
    account = await spending(world.db, world.project_id, plan_id)
    assert account is not None
    return {k: v for k, v in account.to_dict()["spent"].items() if k != "wall_ms"}


async def test_accounts_that_do_not_add_up_are_named(world: World) -> None:
    plan_id = await spent_plan(world)
    assert await violations(world) == []
    for what, damage, repair, about in PLANTED:
        await world.damage(damage, plan=plan_id)
        found = await violations(world)
        assert {v.kind for v in found} == {"budget"}, what
        assert len(found) == len(about), (what, found)
        assert all(any(text in v.message for v in found) for text in about), (what, found)
        await world.damage(repair, plan=plan_id)
    assert await violations(world) == []


async def test_accounts_add_up_while_they_grow(world: World) -> None:
    plan_id = await world.started(*[step(f"s{i}", name="call") for i in range(60)], budget={"calls": 100})
    looks = 0
    async with world.running(registry(call=call), capacity=2):
        while await world.plan_status(plan_id) == "in_progress":
            assert await violations(world) == []
            looks += 1
    assert looks > 1 and (await spent(world))["calls"] == 60


async def test_going_back_does_not_bring_back_what_was_spent(world: World) -> None:
    plan_id = await world.approved(step("a", name="call"), budget={"calls": 1})
    await world.graph.start_plan(world.project_id, plan_id)
    snapshot_id = await snapshots.take(world.graph, world.project_id, plan_id=plan_id, actor="tester")
    async with world.running(registry(call=call)):
        assert await world.finished(plan_id) == ["completed"]
        before = await spent(world, plan_id)
        assert before == {"tokens": 7, "cost": 0.25, "calls": 1}
        await snapshots.restore(world.graph, world.project_id, snapshot_id, actor="tester")
        assert await world.finished(plan_id) == ["failed"], "the budget of before was not given back"
    assert (await world.steps(plan_id))["a"]["error"]["code"] == "budget_exhausted"
    assert await spent(world, plan_id) == await spent(world) == before
    assert await violations(world) == []


async def test_what_a_deleted_plan_spent_stays_spent(world: World) -> None:
    plan_id = await spent_plan(world)
    await world.graph.delete(world.project_id, "Plan", plan_id)
    assert (await spent(world))["calls"] == 1
    assert await violations(world) == []


async def test_retention_keeps_the_accounts_and_they_are_counted_as_far_as_they_can_be(world: World) -> None:
    old = await spent_plan(world)
    await retain(world.graph, world.project_id, Policy(keep_last=0))
    new = await spent_plan(world)
    assert (await spent(world, old), (await spent(world))["calls"]) == (await spent(world, new), 2)
    assert await violations(world) == []
    await world.damage(STEP + "SET n.spent_calls = 5", plan=new)  # begun after the cut: all its events are there
    assert any("its events come to: calls 5 instead of 1" in v.message for v in await violations(world))


async def test_with_encryption_accounts_are_counted_by_who_has_the_key(world: World) -> None:
    with codec.using(Cipher("0f" * 32)):
        plan_id = await spent_plan(world)
        (note,) = await world.query(NOTE + "RETURN e.changes AS changes", plan=plan_id)
        assert "tokens" not in note["changes"]
        assert await violations(world) == []
        await world.damage(STEP + "SET n.spent_calls = 5", plan=plan_id)
        assert [v.kind for v in await violations(world)] == ["budget", "budget"]
    with codec.using(None):
        assert [v.message for v in await violations(world)] == [
            "what it spent is not what its steps come to: calls 1 instead of 5"
        ]
    with codec.using(Cipher("a1" * 32)):
        assert any("cannot be decrypted" in v.message for v in await violations(world))


@pytest.mark.long
async def test_a_backup_keeps_accounts_and_leaves_reservations(fresh_neo4j: FreshNeo4j) -> None:
    async with (await fresh_neo4j()).database() as db:
        await migrate(db)
        world = await World.create(db)
        plan_id = await spent_plan(world)
        before = await spent(world)
        open_plan = await world.started(step("a", name="call"), budget={"calls": 1})
        claim = {"id": (await world.steps(open_plan))["a"]["id"], "plan": open_plan, "fence": 1}
        await reserve(world.graph, world.project_id, "gone", claim, {"calls": 1})
        target = io.BytesIO()
        await backup(db, target)
        await world.damage(WIPE)
        await migrate(db)
        target.seek(0)
        await restore(db, target)
        there = World(db, world.project_id, world.context_id)
        assert await spent(there) == before == await spent(there, plan_id)
        assert not await there.query("MATCH (r:Reservation) RETURN r")
        assert await violations(there) == []
        async with there.running(registry(call=call)):
            assert await there.finished(open_plan) == ["completed"]
        assert (await spent(there))["calls"] == 2
        assert await violations(there) == []
