"""Requests of orchestrators that are killed: one effect per key where the receiver honours keys, one record always."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from http_receiver_process import ReceiverProcess, receiver_process
from processes import PROGRAM, orchestrator_env
from world import World, step

from psg.audit import verify

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.req("L3-29")]
MISBEHAVIOUR = ("once", "late", "twice", "broken", "cut")
POINTS = (
    "after_claim", "after_effect", "after_commit/frontier_advance",
    *(
        pytest.param(point, marks=pytest.mark.long)
        for point in ("before_advance", "after_advance", "before_commit/frontier_advance")
    ),
)  # fmt: skip


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with receiver_process(tmp_path) as made:
        yield made


@pytest.fixture
def start_process(neo4j_server: Any, world: World) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(**env: str) -> subprocess.Popen[str]:
        allowed = {"PSG_HTTP_ALLOW": "127.0.0.1", "PSG_HTTP_ALLOW_PRIVATE": "127.0.0.1"}
        given = {"PSG_CAPACITY": "3", "PSG_RETRY_BASE_MS": "20", **allowed, **env}
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            env=orchestrator_env(neo4j_server, world.project_id, **given), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def request(key: str, receiver: ReceiverProcess, path: str, *dependencies: str, **more: Any) -> Any:
    params = {"method": "POST", "url": receiver.base + path, "json": {"n": key}, "read_timeout_ms": 300, **more}
    return step(key, *dependencies, name="http.request", params=params, retries=3)


async def recorded_once(world: World, plan_id: str) -> None:
    """Every step is completed, and the log tells so once."""
    stored = await world.steps(plan_id)
    assert {s["status"] for s in stored.values()} == {"completed"}, {k: s["error"] for k, s in stored.items()}
    told = Counter(e["entity"] for e in await world.events(type="step_completed", plan=plan_id))
    assert told == Counter(s["id"] for s in stored.values())


async def killed_then_finished(
    world: World, start: Callable[..., subprocess.Popen[str]], plan_id: str, point: str
) -> None:
    victim = start(PSG_FAULT=f"{point}:kill@2")
    with anyio.fail_after(60):
        await anyio.to_thread.run_sync(victim.wait)
    assert victim.returncode == -signal.SIGKILL
    start()
    assert await world.finished(plan_id) == ["completed"]
    await recorded_once(world, plan_id)


@pytest.mark.parametrize("point", POINTS)
async def test_one_effect_for_each_key_wherever_the_orchestrator_dies(
    world: World, receiver: ReceiverProcess, start_process: Callable[..., subprocess.Popen[str]], point: str
) -> None:
    steps = [request(f"s{i}", receiver, f"/{kind}/{i}") for i, kind in enumerate(MISBEHAVIOUR)]
    plan_id = await world.started(*steps, request("end", receiver, "/once/end", *[f"s{i}" for i in range(5)]))
    await killed_then_finished(world, start_process, plan_id, point)
    effects, arrivals = receiver.count("effect"), receiver.count("arrival")
    assert set(effects.values()) == {1} and len(effects) == len(steps) + 1
    assert len({key for _, key in effects}) == len(effects), "every step has a key of its own"
    assert set(arrivals) == set(effects), "every attempt of a step comes with the same key"
    late = {path: n for (path, _), n in arrivals.items()}
    assert min(late["/late/1"], late["/broken/3"], late["/cut/4"]) >= 2
    stored = await world.steps(plan_id)
    keys = dict(effects.keys())
    assert all(stored[f"s{i}"]["output"]["json"]["key"] == keys[f"/{k}/{i}"] for i, k in enumerate(MISBEHAVIOUR))


@pytest.mark.parametrize("point", ["after_claim", "after_effect", "after_commit/frontier_advance"])
async def test_without_keys_an_effect_may_happen_again_but_is_recorded_once(
    world: World, receiver: ReceiverProcess, start_process: Callable[..., subprocess.Popen[str]], point: str
) -> None:
    steps = [request(f"s{i}", receiver, f"/plain/{i}", idempotency_header=None) for i in range(3)]
    plan_id = await world.started(*steps)
    await killed_then_finished(world, start_process, plan_id, point)
    by_path = Counter(entry["path"] for entry in receiver.log() if entry["what"] == "effect")
    assert set(by_path) == {"/plain/0", "/plain/1", "/plain/2"} and set(by_path.values()) <= {1, 2}
    assert all(key == "" for _, key in receiver.count("effect"))
    if point == "after_effect":
        assert max(by_path.values()) == 2, "the declared guarantee: at least once"
