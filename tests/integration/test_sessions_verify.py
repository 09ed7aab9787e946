"""The audit of sessions: what is as it should be passes, what was damaged is told."""

from __future__ import annotations

from typing import Any

import pytest
from sessions import Sessions, agents, who
from world import World, step

from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.coordination import start_session

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

STEP = "MATCH (s:Step {project_id: $project_id, plan: $plan, key: 's1'}) "
COLLAB = "MATCH (c:Collab {project_id: $project_id, id: $collab}) "
PLAN = "MATCH (p:Plan {project_id: $project_id, id: $plan}) "
FINISHED = [
    (STEP + "SET s.executed_by = 'a'", "who executed it"),
    (STEP + "SET s.turn_participant = 'a'", "participants[1 % 2]"),
    (STEP + "SET s.turn_participant = 'nobody'", "does not take part"),
    (STEP + "SET s.turn_number = 7", "1, 2, 3"),
    (STEP + "SET s.turn_told = null", "not every turn"),
    ("MATCH (e:Event {project_id: $project_id, type: 'map_turn_dispatched'}) SET e.type = 'x'", "its dispatch"),
    ("MATCH (e:Event {project_id: $project_id, type: 'map_turn_completed'}) SET e.type = 'x'", "who executed it"),
    (COLLAB + "SET c.session_state = 'failed', c.session_reason = 'something'", "without naming the turn"),
    (PLAN + "SET p:Coordinating", "nobody will carry it on"),
]
RUNNING = [
    (COLLAB + "SET c.session_state = 'completed'", "nobody will carry it on"),
    (STEP + "SET s.turn_id = 't', s.turn_number = 2, s.turn_session = 1, s.turn_participant = 'b'", "a later one"),
    ("MATCH (s:Step {project_id: $project_id, plan: $plan, key: 's0'}) SET s.turn_told = true", "told of as over"),
]


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


async def session(world: World, *, to_the_end: bool) -> dict[str, Any]:
    sessions = Sessions(world)
    collab = await sessions.collab("round_robin", {"a": None, "b": None})
    plan = await world.approved(*(step(f"s{i}", type="agent", order_index=i) for i in range(3)))
    if to_the_end:
        async with world.running(agents(a=who, b=who)):
            await start_session(world.graph, world.project_id, collab, plan)
            await sessions.over(collab)
    else:
        await start_session(world.graph, world.project_id, collab, plan, check_offers=False)
    assert (await verify(world.db, world.project_id)).violations == []
    return {"collab": collab, "plan": plan}


async def told(world: World) -> list[str]:
    report = await verify(world.db, world.project_id)
    return [violation.message for violation in report.violations if violation.kind == "session"]


async def test_what_damages_a_session_that_is_over_is_told(world: World) -> None:
    made = await session(world, to_the_end=True)
    await damaged(world, made, FINISHED)


async def test_what_damages_a_session_that_runs_is_told(world: World) -> None:
    await damaged(world, await session(world, to_the_end=False), RUNNING)


async def damaged(world: World, made: dict[str, Any], plants: list[tuple[str, str]]) -> None:
    """Plant each damage, see that it is told, and take it back before the next."""
    for statement, expected in plants:
        kept = await everything(world)
        await world.damage(statement, **made)
        assert any(expected in message for message in await told(world)), (statement, await told(world))
        await put_back(world, kept)
        assert await told(world) == [], statement


async def everything(world: World) -> list[dict[str, Any]]:
    return await world.query(
        "MATCH (n) WHERE n.project_id = $project_id AND (n:Step OR n:Collab OR n:Plan OR n:Event) "
        "RETURN elementId(n) AS id, properties(n) AS props, n:Coordinating AS coordinating"
    )


async def put_back(world: World, kept: list[dict[str, Any]]) -> None:
    await world.damage(
        "UNWIND $kept AS k MATCH (n) WHERE elementId(n) = k.id SET n = k.props "
        "FOREACH (_ IN CASE WHEN k.coordinating THEN [1] ELSE [] END | SET n:Coordinating) "
        "FOREACH (_ IN CASE WHEN k.coordinating THEN [] ELSE [1] END | REMOVE n:Coordinating)",
        kept=kept,
    )
