"""Orchestrators that are killed, frozen, cut off or stopped: the plan goes on, each step is recorded once."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from conftest import TEST_SETTINGS
from processes import Start, orchestrators
from world import World, chain, registry, step

import psg_cypher
from psg.audit import verify
from psg_neo4j import faults
from psg_neo4j.errors import OutcomeUnknown
from psg_neo4j.migrations import migrate
from psg_runtime.orchestrator.records import result_row
from psg_runtime.orchestrator.session import Session

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


@pytest.fixture
async def start_process(neo4j_server: Any, world: World) -> AsyncIterator[Start]:
    async with orchestrators(neo4j_server, world.project_id) as start:
        yield partial(start, PSG_CAPACITY="3")


def slow_steps(count: int, effects: Path, seconds: float = 0.2) -> list[Any]:
    params = {"seconds": seconds, "effects": str(effects)}
    return [step(f"s{i}", name="slow", params=params) for i in range(count)]


async def completed_once(world: World, plan_id: str) -> None:
    """Every step is completed, and its completion is in the log exactly once."""
    stored = await world.steps(plan_id)
    assert {s["status"] for s in stored.values()} == {"completed"}
    told = Counter(e["entity"] for e in await world.events(type="step_completed", plan=plan_id))
    assert told == Counter(s["id"] for s in stored.values())
    segments = await world.query(
        "MATCH (g:TraceSegment {project_id: $project_id, status: 'completed'})-[:RECORDS]->(s:Step {plan: $plan}) "
        "RETURN s.id AS id, count(g) AS n",
        plan=plan_id,
    )
    assert all(r["n"] == 1 for r in segments) and len(segments) == len(stored)


async def test_a_killed_orchestrator_s_steps_run_elsewhere_and_each_is_recorded_once(
    world: World, start_process: Start, tmp_path: Path
) -> None:
    effects = tmp_path / "effects"
    victim, _ = await start_process(), await start_process()
    plan_id = await world.started(*slow_steps(24, effects, 0.5), step("end", *[f"s{i}" for i in range(24)]))

    async def owns_some() -> bool:
        return bool(await world.query(
            "MATCH (s:Step {project_id: $project_id}) WHERE s.owner = $owner RETURN s.id", owner=victim.session_id
        ))  # fmt: skip

    await world.until(owns_some)
    victim.kill()
    assert await world.finished(plan_id) == ["completed"]
    await completed_once(world, plan_id)


@pytest.mark.parametrize("point", ["after_claim", "after_effect", "before_advance", "after_advance"])
async def test_killed_at_each_point_of_a_step_the_plan_still_completes(
    world: World, start_process: Start, tmp_path: Path, point: str
) -> None:
    effects = tmp_path / "effects"
    plan_id = await world.started(*slow_steps(4, effects, 0.01), step("end", "s0", "s1", "s2", "s3"))
    victim = await start_process(PSG_FAULT=f"{point}:kill@2")
    with anyio.fail_after(30):
        await anyio.to_thread.run_sync(victim.wait)
    assert victim.returncode == -signal.SIGKILL
    await start_process()
    assert await world.finished(plan_id) == ["completed"]
    await completed_once(world, plan_id)


async def test_a_frozen_orchestrator_that_wakes_too_late_changes_nothing(
    world: World, start_process: Start, tmp_path: Path
) -> None:
    effects = tmp_path / "effects"
    plan_id = await world.started(*slow_steps(2, effects, 1.0))
    sleeper = await start_process()

    async def both_entered() -> bool:
        return effects.exists() and len(effects.read_text().splitlines()) == 2

    await world.until(both_entered)
    os.kill(sleeper.pid, signal.SIGSTOP)
    await start_process()
    assert await world.finished(plan_id) == ["completed"]
    os.kill(sleeper.pid, signal.SIGCONT)

    async def told() -> bool:
        rows = await world.query("MATCH (s:Session {id: $id}) RETURN s.ended_ms AS ended", id=sleeper.session_id)
        return not rows or rows[0]["ended"] is not None

    await world.until(told)
    sleeper.terminate()
    with anyio.fail_after(30):
        await anyio.to_thread.run_sync(sleeper.wait)
    await completed_once(world, plan_id)
    fences = [int(line.split()[1]) for line in effects.read_text().splitlines()]
    assert sorted(fences) == [1, 1, 2, 2]  # the receiver can tell the late effects by their fence


async def test_sigterm_drains_the_running_steps_and_leaves_nothing_owned(
    world: World, start_process: Start, tmp_path: Path
) -> None:
    effects = tmp_path / "effects"
    plan_id = await world.started(*slow_steps(6, effects, 0.5))
    process = await start_process()

    async def busy() -> bool:
        return effects.exists()

    await world.until(busy)
    process.terminate()
    with anyio.fail_after(30):
        assert await anyio.to_thread.run_sync(process.wait) == 0
    stored = await world.steps(plan_id)
    assert all(s.get("owner") is None for s in stored.values())
    assert {s["status"] for s in stored.values()} == {"completed", "pending"}
    await start_process()
    assert await world.finished(plan_id) == ["completed"]
    assert max(s["attempt"] for s in (await world.steps(plan_id)).values()) == 1
    await completed_once(world, plan_id)


async def advance(world: World, session_id: str, results: list[Any], want: int = 0) -> dict[str, Any]:
    rows = await world.db.write(
        psg_cypher.statement("frontier_advance"), project_id=world.project_id, session_id=session_id,
        actor=session_id, want=want, fanout_max=5000, batch={"results": results, "skips": [], "runs": []},
    )  # fmt: skip
    return rows[0]


async def test_a_result_under_an_old_fence_is_refused_and_a_repeated_one_is_known(world: World) -> None:
    plan_id = await world.started(step("a"))
    first, second = Session(world.db, 60_000, [], []), Session(world.db, 60_000, [], [])
    await first.open()
    (claim,) = (await advance(world, first.id, [], want=5))["claimed"]
    await first.end()
    await second.open()
    statement = psg_cypher.statement("session_takeover")
    await world.db.write(statement, session_id=first.id, project_id=world.project_id, limit=10)
    (again,) = (await advance(world, second.id, [], want=5))["claimed"]
    assert (claim["fence"], again["fence"]) == (1, 2)
    trace = (await world.query("MATCH (t:Trace {project_id: $project_id}) RETURN t.id AS id"))[0]["id"]
    late = result_row(claim, trace, first.id, "completed", "late", None, 1)
    before = await world.head_seq()
    assert (await advance(world, first.id, [late]))["verdicts"][0]["verdict"] == "stale"
    assert await world.head_seq() == before
    good = result_row(again, trace, second.id, "completed", "good", None, 1)
    assert (await advance(world, second.id, [good]))["verdicts"][0]["verdict"] == "ok"
    assert (await advance(world, second.id, [good]))["verdicts"][0]["verdict"] == "recorded"
    assert (await world.steps(plan_id))["a"]["output"] == "good"
    await second.end()


async def test_a_session_without_a_lease_claims_nothing(world: World) -> None:
    await world.started(step("a"))
    session = Session(world.db, 60_000, [], [])
    assert (await advance(world, session.id, [], want=5))["claimed"] == []
    await session.open()
    await session.end()
    assert (await advance(world, session.id, [], want=5))["claimed"] == []


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
async def test_a_lost_answer_to_a_claim_is_found_out_and_nothing_runs_twice(world: World, point: str) -> None:
    entered: list[str] = []

    async def note(key: str) -> None:
        entered.append(key)

    steps = [step(f"s{i}", *([f"s{i - 1}"] if i else []), name="note", params={"key": f"s{i}"}) for i in range(6)]
    plan_id = await world.started(*steps)
    passages = 0

    def lose() -> None:
        nonlocal passages
        passages += 1
        if passages % 3 == 2:
            raise OutcomeUnknown(statement="frontier_advance")

    with faults.arm(f"{point}/frontier_advance", lose):
        async with world.running(registry(note=note)):
            assert await world.finished(plan_id) == ["completed"]
    assert passages > 3 and sorted(entered) == sorted(f"s{i}" for i in range(6))
    await completed_once(world, plan_id)


async def test_two_orchestrators_on_one_project_share_its_steps_and_run_none_twice(world: World) -> None:
    entered: Counter[str] = Counter()

    async def note(key: str) -> None:
        entered[key] += 1
        await anyio.sleep(0.01)

    steps = [step(f"s{i}", name="note", params={"key": f"s{i}"}) for i in range(60)]
    plan_id = await world.started(*steps)
    other = World(world.db, world.project_id, world.context_id)
    async with world.running(registry(note=note), capacity=3), other.running(registry(note=note), capacity=3):
        assert await world.finished(plan_id) == ["completed"]
    assert set(entered.values()) == {1} and len(entered) == 60
    sessions = await world.query("MATCH (g:TraceSegment {project_id: $project_id}) RETURN DISTINCT g.session_id AS s")
    assert len(sessions) == 2


async def test_a_step_that_kills_every_worker_fails_in_the_end(world: World) -> None:
    plan_id = await world.started(step("poison"), step("after", "poison"))
    statement = psg_cypher.statement("session_takeover")
    for _ in range(6):
        session = Session(world.db, 60_000, [], [])
        await session.open()
        assert len((await advance(world, session.id, [], want=5))["claimed"]) == 1
        await session.end()
        await world.db.write(statement, session_id=session.id, project_id=world.project_id, limit=10)
    async with world.running():
        assert await world.finished(plan_id) == ["failed"]
    assert (await world.steps(plan_id))["poison"]["error"]["code"] == "worker_lost"


@pytest.mark.long
async def test_a_database_that_restarts_in_the_middle_of_a_run_delays_it_only(fresh_neo4j: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = replace(TEST_SETTINGS, bolt_port=port)
    server = await fresh_neo4j(settings=settings)
    async with server.database() as db:
        await migrate(db)
        world = await World.create(db)
        opened = anyio.Event()
        plan_id = await world.started(step("a", name="hold"), *chain(5), step("z", "a", "s4"))
        async with world.running(registry(hold=opened.wait), lease_ms=20_000):
            await world.step_is(plan_id, "s4", "completed")
            os.kill(server.pid, signal.SIGKILL)
            opened.set()  # the step ends while there is no database to tell
            while (await fresh_neo4j(settings=settings)).pid == server.pid:
                await anyio.lowlevel.checkpoint()  # the killed one still answers for a moment
            assert await world.finished(plan_id) == ["completed"]
        await completed_once(world, plan_id)
        assert (await world.steps(plan_id))["a"]["attempt"] == 1
        assert (await verify(db, world.project_id)).ok


async def test_a_chain_survives_an_orchestrator_that_is_replaced_again_and_again(world: World) -> None:
    plan_id = await world.started(*chain(30))
    while await world.plan_status(plan_id) == "in_progress":
        async with world.running():
            with anyio.move_on_after(0.3):
                await world.finished(plan_id)
    await completed_once(world, plan_id)
