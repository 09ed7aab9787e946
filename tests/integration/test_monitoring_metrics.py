"""Metrics and health over a real graph (CORE-38..42)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from monitored_world import LEFT_TO_THE_COLLECTOR, Modules, database_away, monitor, watched_world
from world import World, registry, step

from psg.audit import verify
from psg.errors import ValidationFailed
from psg_neo4j import Database
from psg_runtime.monitoring import SystemMonitor, TimeRange, UnknownModule
from psg_runtime.monitoring.history import prune
from psg_runtime.monitoring.overview import overview

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with watched_world(db) as made:
        yield made


@pytest.mark.req("CORE-38")
async def test_workflows_are_counted_by_how_they_stand_and_their_time_is_averaged(world: World) -> None:
    looked = monitor(world)
    before = await looked.system_metrics()
    assert (before.active_workflows, before.completed_workflows, before.average_workflow_duration) == (0, 0, 0.0)

    def broken() -> None:
        raise ValueError("no")

    done = [await world.started(step("a")) for _ in range(2)]
    failing = await world.started(step("a", name="broken"), step("b"))
    waiting = await world.started(step("a", type="wait", params={"duration_ms": 3_600_000}))
    async with world.running(registry(broken=broken)):
        await world.finished(*done, failing)
        await world.step_is(waiting, "a", "in_progress")
        found = await looked.system_metrics()
        assert (found.active_workflows, found.completed_workflows, found.failed_workflows) == (1, 2, 1)
        assert found.failed_steps == 1
        rows = await world.query(
            "MATCH (p:Plan {project_id: $project_id, status: 'completed'}) RETURN p.finished_ms - p.started_ms AS ms"
        )
        assert found.average_workflow_duration == pytest.approx(sum(r["ms"] for r in rows) / 2, abs=0.01)
        looks = await overview(world.graph, world.project_id)
        assert [plan["id"] for plan in looks.plans] == [waiting] and looks.missing == {}
        assert looks.plans[0]["steps_open"] == 1 and any(s["capacity"] for s in looks.sessions)
        await world.graph.cancel_plan(world.project_id, waiting)
    after = await looked.system_metrics()
    assert (after.active_workflows, after.cancelled_workflows) == (0, 1)
    everything = await SystemMonitor(world.graph).system_metrics()
    assert everything.completed_workflows >= 2 and everything.failed_workflows >= 1
    assert (await verify(world.db, world.project_id)).violations == []


@pytest.mark.req("CORE-38")
async def test_plans_that_were_deleted_are_not_counted_and_a_wait_to_be_claimed_is_seen(world: World) -> None:
    looked = monitor(world)
    ready, gone = await world.started(step("a")), await world.draft(step("a"))
    await world.graph.delete(world.project_id, "Plan", gone)
    await world.damage("MATCH (s:Step {project_id: $project_id}) SET s.ready_ms = 1")
    found = await looked.system_metrics()
    assert (found.active_workflows, found.cancelled_workflows) == (1, 0)
    assert found.claim_lag >= 60_000
    state = (await looked.check_module_health("orchestrators")).details
    assert state["claim_lag_ms"] >= 60_000
    await world.graph.cancel_plan(world.project_id, ready)


@pytest.mark.req("CORE-39")
async def test_modules_are_told_with_their_health_and_what_they_did(world: World) -> None:
    async def hanging() -> Any:
        await anyio.sleep_forever()

    async def raising() -> Any:
        raise RuntimeError("token=hunter2")

    modules = Modules(
        world.project_id, good={"status": "healthy", "details": {"n": 1}}, poor={"status": "degraded"}, bad=raising,
        stuck=hanging,
    )  # fmt: skip
    looked = monitor(world, modules=modules, settings={"health_check_timeout": 150})
    with looked.measured("good"):
        pass
    with pytest.raises(KeyError), looked.measured("good"):
        raise KeyError
    looked.record_operation("poor", 4.0)
    began = time.monotonic()
    found = await looked.system_metrics()
    assert time.monotonic() - began < 20
    states = {name.removeprefix(f"{world.project_id}-"): h.status for name, h in found.module_health.items()}
    assert states == {"good": "healthy", "poor": "degraded", "bad": "unhealthy", "stuck": "unhealthy"}
    assert "hunter2" not in str(found)
    good = found.module_performance["good"]
    assert (good.operations, good.failures) == (2, 1) and found.module_performance["poor"].average_duration == 4.0


@pytest.mark.req("CORE-40")
async def test_machine_network_and_storage_are_measured(world: World) -> None:
    found = await monitor(world).system_metrics()
    assert 0 <= found.cpu_usage <= 100 and 0 < found.memory_usage <= 100
    assert 0 < found.network_latency < 60_000 and found.storage_usage > 10_000


@pytest.mark.req("CORE-41")
async def test_the_system_is_as_bad_as_its_worst_part_and_a_module_is_found_by_name(world: World) -> None:
    modules = Modules(world.project_id, a={"status": "healthy"})
    looked = monitor(world, modules=modules)
    found = await looked.check_system_health()
    assert found.components["database"].status == "healthy" and found.components["database"].response_time_ms > 0
    assert found.components["database"].details["schema_version"]
    name = f"{world.project_id}-a"
    assert (await looked.check_module_health(name)).status == "healthy"
    modules.health[name] = {"status": "unhealthy", "details": {"reason": "no disk"}}
    worse = await looked.check_system_health()
    assert worse.status == "degraded" and worse.components[name].status == "unhealthy"
    assert f"{name} is unhealthy: no disk" in worse.problems
    with pytest.raises(UnknownModule, match="known are database, orchestrators"):
        await looked.check_module_health("nobody")


@pytest.mark.req("CORE-41")
@LEFT_TO_THE_COLLECTOR
async def test_a_database_that_is_away_is_told_and_not_raised() -> None:
    from psg.graph import Graph

    async with database_away() as away:
        found = await SystemMonitor(Graph(away)).check_system_health()
    assert found.status == "unhealthy" and found.components["database"].details["code"] == "database_unavailable"
    assert "hunter2" not in str(found)


@pytest.mark.req("CORE-42")
async def test_the_history_has_only_what_is_in_the_range_and_in_order(world: World) -> None:
    modules = Modules(world.project_id, a={"status": "healthy"})
    looked, name = monitor(world, modules=modules), f"{world.project_id}-a"
    for state in ("healthy", "degraded", "unhealthy"):
        modules.health[name] = {"status": state, "details": {"state": state}}
        await looked.check_module_health(name)
    everything = await looked.get_health_history({"start": 0, "end": 2**52}, component=name)
    assert [r.status for r in everything.records] == ["healthy", "degraded", "unhealthy"]
    for at, status in ((1_000, "healthy"), (2_000, "degraded"), (3_000, "unhealthy")):
        await world.damage(
            "MATCH (h:HealthRecord) WHERE h.component = $name AND h.status = $status SET h.at = $at",
            name=name, status=status, at=at,
        )  # fmt: skip
    spans = {(0, 999): 0, (1_000, 2_000): 2, (2_000, 2_000): 1, (2_001, 9_000): 1, (0, 9_000): 3, (3_001, 9_000): 0}
    for (start, end), count in spans.items():
        found = await looked.get_health_history(TimeRange(start=start, end=end), component=name)
        assert len(found.records) == count and all(start <= r.at <= end for r in found.records)
    latest = await looked.get_health_history({"start": 0, "end": 9_000}, component=name, limit=2)
    assert latest.truncated and [r.at for r in latest.records] == [2_000, 3_000]
    text = await looked.get_health_history(
        {"start": "1970-01-01T00:00:02Z", "end": "1970-01-01T01:00:03+01:00"}, component=name
    )
    assert [r.at for r in text.records] == [2_000, 3_000]
    assert len((await looked.get_health_history((2_000, 9_000), component=name)).records) == 2
    with pytest.raises(ValidationFailed, match="start is after end"):
        await looked.get_health_history({"start": 2, "end": 1})
    assert await prune(world.db, 10_000, 8_000, 10**6) >= 1
    left = await looked.get_health_history({"start": 0, "end": 9_000}, component=name)
    assert [r.at for r in left.records] == [2_000, 3_000]
    counted = await world.query("MATCH (h:HealthRecord) RETURN count(h) AS n")
    await prune(world.db, int(time.time() * 1000), 2**50, max(counted[0]["n"] - 1, 1))
    assert len((await looked.get_health_history({"start": 0, "end": 9_000}, component=name)).records) <= 1


async def test_metrics_are_collected_in_the_interval_and_shared_by_all_who_ask(world: World) -> None:
    looked = monitor(world, settings={"samples_kept": 3})
    async with anyio.create_task_group() as tasks:
        await tasks.start(looked.run)
        with anyio.fail_after(30):
            while len(looked.samples) < 3:  # noqa: ASYNC110 - it has no event to wait for
                await anyio.sleep(0.01)
            first = looked.samples[0].collected_at
            while looked.samples[0].collected_at == first:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert len(looked.samples) == 3
        looked.stop()
    slow = monitor(world, settings={"metrics_collection_interval": 60_000})
    one, two = await slow.latest_metrics(), await slow.latest_metrics()
    assert one is two and await slow.latest_metrics(0) is not one
