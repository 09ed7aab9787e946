"""The table of docs/execution-policies.md: what each control does to a step in each state, cell by cell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from world import QUICK, World, registry, step

from psg.audit import verify
from psg.budgets import set_budget
from psg.commands.policies import set_kill_switch
from psg_runtime.ael import AdapterLayer
from psg_runtime.hooks import HookChain, PolicyHook
from psg_runtime.orchestrator import Orchestrator, OrchestratorSettings

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

LONG = {"retry": {"max_retries": 1, "base_ms": 600_000}}


@pytest.fixture
async def world(db: Any) -> AsyncIterator[World]:
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    assert report.ok, report.violations


@dataclass
class Scene:
    """A plan whose step ``it`` is in the state that is looked at, and what its tool did."""

    world: World
    plan_id: str = ""
    opened: anyio.Event = field(default_factory=anyio.Event)
    entered: anyio.Event = field(default_factory=anyio.Event)
    calls: list[str] = field(default_factory=list)

    async def hold(self, key: str = "") -> str:
        self.calls.append(key)
        self.entered.set()
        await self.opened.wait()
        return key

    async def fail(self) -> None:
        self.calls.append("fail")
        if len(self.calls) == 1:
            raise RuntimeError("not yet")

    async def it(self) -> dict[str, Any]:
        return (await self.world.steps(self.plan_id))["it"]

    async def until_timer(self) -> None:
        async def sleeps() -> bool:
            return "Timer" in (await self.it())["labels"]
        await self.world.until(sleeps)

    async def due(self) -> None:
        """Let the timer of the step be due now."""
        await self.world.damage("MATCH (s:Step {project_id: $project_id, plan: $p, key: 'it'}) SET s.due_at = 1",
                                p=self.plan_id)  # fmt: skip


async def waiting(scene: Scene) -> None:
    """It waits for a step that runs."""
    scene.plan_id = await scene.world.started(
        step("first", name="hold", params={"key": "first"}), step("it", "first", name="hold", params={"key": "it"})
    )
    await scene.entered.wait()


async def ready(scene: Scene) -> None:
    """It could be claimed, but the only place is taken."""
    scene.plan_id = await scene.world.started(
        step("first", name="hold", params={"key": "first"}, order_index=0),
        step("it", name="hold", params={"key": "it"}, order_index=1),
    )
    await scene.entered.wait()


async def running(scene: Scene) -> None:
    """Its attempt is at work."""
    scene.plan_id = await scene.world.started(step("it", name="hold", params={"key": "it"}))
    await scene.entered.wait()


async def retrying(scene: Scene) -> None:
    """Its first attempt failed, the second waits for its time."""
    scene.plan_id = await scene.world.started(step("it", name="fail", policy=LONG))
    await scene.until_timer()


async def timer(scene: Scene) -> None:
    """It is a wait step that sleeps."""
    scene.plan_id = await scene.world.started(step("it", type="wait", params={"duration_ms": 600_000}))
    await scene.until_timer()


States = Callable[[Scene], Awaitable[None]]
STATES: tuple[States, ...] = (waiting, ready, running, retrying, timer)
IDLE = {"waiting": "pending", "ready": "pending", "running": "in_progress", "retrying": "in_progress",
        "timer": "in_progress"}  # fmt: skip


@pytest.fixture(params=STATES, ids=lambda state: state.__name__)
async def scene(request: pytest.FixtureRequest, world: World) -> AsyncIterator[tuple[str, Scene]]:
    """The step in each of the states, an orchestrator with one place at work."""
    made = Scene(world)
    async with world.running(registry(hold=made.hold, fail=made.fail), capacity=1):
        await request.param(made)
        yield request.param.__name__, made
        made.opened.set()


async def some_looks(world: World) -> None:
    """Let the orchestrator do what it would do: another plan of the project goes through its hands."""
    await world.finished(await world.started(step("w", type="wait", params={"duration_ms": 1})))


async def test_pause(scene: tuple[str, Scene]) -> None:
    """Nothing more is claimed; what runs ends and is recorded (with it the plan); timers stand still, due or not."""
    state, at = scene
    await at.world.graph.pause_plan(at.world.project_id, at.plan_id)
    if state in ("retrying", "timer"):
        await at.due()
    at.opened.set()
    if state == "running":
        await at.world.step_is(at.plan_id, "it", "completed")
    elif state in ("waiting", "ready"):
        await at.world.step_is(at.plan_id, "first", "completed")
    await some_looks(at.world)
    it = await at.it()
    assert it["status"] == ("completed" if state == "running" else IDLE[state])
    assert at.calls == {"waiting": ["first"], "ready": ["first"], "running": ["it"], "retrying": ["fail"],
                        "timer": []}[state]  # fmt: skip
    assert await at.world.plan_status(at.plan_id) == ("completed" if state == "running" else "in_progress")


async def test_resume(scene: tuple[str, Scene]) -> None:
    """Everything goes on; a timer has the time left that it had when the pause began."""
    state, at = scene
    due = (await at.it()).get("due_at")
    await at.world.graph.pause_plan(at.world.project_id, at.plan_id)
    await at.world.graph.resume_plan(at.world.project_id, at.plan_id)
    if state in ("retrying", "timer"):
        assert (await at.it())["due_at"] >= due
        await at.due()
    at.opened.set()
    assert await at.world.finished(at.plan_id) == ["completed"]
    assert (await at.it())["attempt"] == (2 if state == "retrying" else 1)


async def test_cancel(scene: tuple[str, Scene]) -> None:
    """What has not begun is skipped, everything else fails as cancelled; what runs is stopped, its result refused."""
    state, at = scene
    await at.world.graph.cancel_plan(at.world.project_id, at.plan_id)
    it = await at.it()
    if IDLE[state] == "pending":
        assert (it["status"], it["skip_reason"]) == ("skipped", "cancelled")
    else:
        assert (it["status"], it["error"]["code"]) == ("failed", "cancelled")
    assert not {"Ready", "Timer", "Undecided"} & set(it["labels"]) and it.get("due_at") is None
    at.opened.set()
    await some_looks(at.world)
    assert (await at.it())["status"] == it["status"]
    assert await at.world.plan_status(at.plan_id) == "cancelled"


async def test_kill_switch(scene: tuple[str, Scene]) -> None:
    """What runs is stopped; everything else fails before its adapter is called, at the moment when it comes up."""
    state, at = scene
    before = list(at.calls)
    await set_kill_switch(at.world.graph, True, project_id=at.world.project_id)
    if state in ("retrying", "timer"):
        await some_looks_denied(at.world)
        assert (await at.it())["status"] == "in_progress", "it sleeps on until it comes up"
        await at.due()
    assert await at.world.finished(at.plan_id) == ["failed"]
    it = await at.it()
    if state == "waiting":
        assert (it["status"], it["skip_reason"]) == ("skipped", "dependency_failed")
    else:
        assert (it["status"], it["error"]["code"]) == ("failed", "kill_switch_active")
        assert it["error"]["details"]["status"] == "denied"
    assert at.calls == before, "no adapter was called after it"


async def some_looks_denied(world: World) -> None:
    assert await world.finished(await world.started(step("w"))) == ["failed"]


@pytest.mark.parametrize("ask", ["pause", "cancel", "kill"])
async def test_what_is_claimed_but_not_begun(world: World, ask: str) -> None:
    """Claimed: paused, it begins all the same; cancelled, it never does; killed, it is denied."""
    at, asked, answer = Scene(world), anyio.Event(), anyio.Event()

    async def between_claim_and_adapter(step: Any, context: Any) -> dict[str, Any]:
        asked.set()
        await answer.wait()
        return {"allow": True}

    hooks = HookChain([PolicyHook("slow", between_claim_and_adapter)], timeout_ms=60_000)
    settings = OrchestratorSettings(**{**QUICK, "projects": (world.project_id,)})
    orchestrator = Orchestrator(world.graph, AdapterLayer(registry(hold=at.hold)), settings, hooks=hooks)
    at.opened.set()
    async with anyio.create_task_group() as tasks:
        await tasks.start(orchestrator.run)
        at.plan_id = await world.started(step("it", name="hold", params={"key": "it"}))
        with anyio.fail_after(60):
            await asked.wait()
        if ask == "pause":
            await world.graph.pause_plan(world.project_id, at.plan_id)
            answer.set()
            await world.step_is(at.plan_id, "it", "completed")
        elif ask == "cancel":
            await world.graph.cancel_plan(world.project_id, at.plan_id)

            async def idle() -> bool:
                return orchestrator.running == 0

            await world.until(idle)
            answer.set()
        else:
            await set_kill_switch(world.graph, True, project_id=world.project_id)
            await world.step_is(at.plan_id, "it", "failed")
            assert (await at.it())["error"]["code"] == "kill_switch_active"
        await world.finished(at.plan_id)
        orchestrator.stop()
    assert at.calls == (["it"] if ask == "pause" else [])


async def test_budget_exhaustion(scene: tuple[str, Scene]) -> None:
    """Who holds a share goes on; everybody else is refused when it comes up, and what calls nobody needs no share."""
    state, at = scene
    await set_budget(at.world.graph, at.world.project_id, "plan", at.plan_id, {"calls": 0})
    if state in ("retrying", "timer"):
        await at.due()
    at.opened.set()
    (status,) = await at.world.finished(at.plan_id)
    it = await at.it()
    if state in ("running", "timer"):
        assert (status, it["status"]) == ("completed", "completed")
        return
    assert (status, it["status"], it["error"]["code"]) == ("failed", "failed", "budget_exhausted")
    assert it["attempt"] == (2 if state == "retrying" else 1)
    assert at.calls == (["fail"] if state == "retrying" else ["first"])


async def test_approval_expiry(scene: tuple[str, Scene]) -> None:
    """Fails the step that waits for it, whatever else is going on; steps of other states do not notice."""
    state, at = scene
    at.opened.set()
    other = await at.world.started(step("asks", name="hold", approval={"expires_ms": 1}), step("then", "asks"))
    assert await at.world.finished(other) == ["failed"]
    stored = await at.world.steps(other)
    assert stored["asks"]["error"]["code"] == "approval_expired" and stored["then"]["status"] == "skipped"
    if state in ("retrying", "timer"):
        assert (await at.it())["status"] == "in_progress"
        await at.due()
    assert await at.world.finished(at.plan_id) == ["completed"]
