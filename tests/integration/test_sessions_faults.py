"""Sessions among processes that die, and many that carry on the same one."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from processes import killed_at, orchestrators
from sessions import Sessions, agents, who
from world import World, step

from psg.audit import verify
from psg_neo4j import Database
from psg_runtime.coordination import start_session
from psg_runtime.coordination.advance import advance_session

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> World:
    return await World.create(db)


async def round_robin(world: World, tmp_path: Path, steps: int, **options: Any) -> tuple[Sessions, str, str]:
    sessions = Sessions(world)
    collab = await sessions.collab("round_robin", {"a": None, "b": None, "c": None})
    params = {"seconds": 0.01, "effects": str(tmp_path / "effects")}
    plan = await world.approved(
        *(step(f"s{i}", type="agent", order_index=i, params=params) for i in range(steps))
    )
    bindings = dict.fromkeys("abc", "slow")
    await start_session(
        world.graph, world.project_id, collab, plan, bindings=bindings, check_offers=False, **options
    )
    return sessions, collab, plan


@pytest.mark.req("DD-56")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("after_claim:kill@3", marks=pytest.mark.long),
        pytest.param("after_effect:kill@3", marks=pytest.mark.long),
        "after_advance:kill@7",
    ],
)
async def test_turns_keep_their_order_and_participants_when_who_runs_them_dies(
    neo4j_server: Any, world: World, tmp_path: Path, fault: str
) -> None:
    sessions, collab, plan = await round_robin(world, tmp_path, 6)
    await killed_at(neo4j_server, world.project_id, fault)
    assert (await sessions.view(collab)).state == "running"
    async with orchestrators(neo4j_server, world.project_id) as start:
        await start()
        view = await sessions.over(collab)
    assert (view.state, view.plan_status) == ("completed", "completed")
    assert [(t.step_key, t.participant_id) for t in view.turns] == [(f"s{i}", "abc"[i % 3]) for i in range(6)]
    for kind in ("dispatched", "completed"):
        told = Counter(e["turn_id"] for e in await sessions.happened(f"map_turn_{kind}"))
        assert len(told) == 6 and set(told.values()) == {1}
    order = [(s["started_ms"], s["finished_ms"]) for _, s in sorted((await world.steps(plan)).items())]
    assert all(before[1] <= after[0] for before, after in pairwise(order))
    assert (await verify(world.db, world.project_id)).violations == []


@pytest.mark.long
async def test_a_session_outlives_two_of_three_orchestrators(
    neo4j_server: Any, world: World, tmp_path: Path
) -> None:
    sessions, collab, _ = await round_robin(world, tmp_path, 24)

    async def completed(turns: int) -> None:
        async def reached() -> bool:
            return len(await sessions.happened("map_turn_completed")) >= turns

        await world.until(reached)

    async with orchestrators(neo4j_server, world.project_id) as start:
        processes = [await start() for _ in range(3)]
        for process, turns in zip(processes, (5, 12), strict=False):
            await completed(turns)
            process.kill()
        view = await sessions.over(collab)
    assert (view.state, len(view.turns)) == ("completed", 24)
    assert [(t.step_key, t.participant_id) for t in view.turns] == [(f"s{i}", "abc"[i % 3]) for i in range(24)]
    told = Counter(e["turn_id"] for e in await sessions.happened("map_turn_completed"))
    assert len(told) == 24 and set(told.values()) == {1}
    assert (await verify(world.db, world.project_id)).violations == []


async def test_many_who_carry_on_one_session_dispatch_each_turn_once(world: World) -> None:
    sessions = Sessions(world)
    collab = await sessions.collab("swarm", dict.fromkeys("abcd"))
    plan = await world.approved(*(step(f"s{i}", type="agent") for i in range(24)))
    async with world.running(agents(a=who, b=who, c=who, d=who)), world.running(agents(a=who, b=who, c=who, d=who)):
        await start_session(world.graph, world.project_id, collab, plan)

        async def push() -> None:
            while (await sessions.view(collab)).state == "running":
                await advance_session(world.graph, world.project_id, plan)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(push)
    view = await sessions.view(collab)
    assert view.state == "completed" and [t.number for t in view.turns] == list(range(1, 25))
    for kind in ("dispatched", "completed"):
        told = Counter(e["turn_id"] for e in await sessions.happened(f"map_turn_{kind}"))
        assert len(told) == 24 and set(told.values()) == {1}
    assert not await advance_session(world.graph, world.project_id, plan)
    assert (await verify(world.db, world.project_id)).violations == []


async def test_only_one_of_many_begins_a_session(world: World) -> None:
    sessions = Sessions(world)
    collab = await sessions.collab("pair", {"a": None, "b": None})
    plans = [await world.approved(step("s", type="agent")) for _ in range(4)]
    answers: list[Any] = []

    async def begin(plan: str) -> None:
        try:
            answers.append(
                await start_session(world.graph, world.project_id, collab, plan, check_offers=False)
            )
        except Exception as error:
            answers.append(error)

    async with anyio.create_task_group() as tasks:
        for plan in plans:
            tasks.start_soon(begin, plan)
    assert sorted(type(a).__name__ for a in answers) == ["Answer", *["SessionRefused"] * 3]


@pytest.mark.long
async def test_a_thousand_turns_lose_none(world: World) -> None:
    sessions = Sessions(world)
    people = {f"p{i}": f"r{i}" for i in range(10)}
    collab = await sessions.collab("broadcast", people)
    plan = await world.approved(*(step(f"s{i}", type="agent", agent_role=f"r{i % 10}") for i in range(1_000)))
    async with world.running(agents(**dict.fromkeys(people, who))):
        await start_session(world.graph, world.project_id, collab, plan)
        view = await sessions.over(collab, 300)
    assert view.state == "completed" and len(view.turns) == 1_000
    steps = await world.steps(plan)
    assert all(s["output"] == {"by": f"p{int(k[1:]) % 10}", "step": k} for k, s in steps.items())
    completed = Counter(e["turn_id"] for e in await sessions.happened("map_turn_completed"))
    assert len(completed) == 1_000 and set(completed.values()) == {1}
    assert (await verify(world.db, world.project_id)).violations == []
