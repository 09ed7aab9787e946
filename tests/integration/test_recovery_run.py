"""Recovery strategies on plans: retries, results that stand in, escalation to an alert, rollback (CORE-44 to 49)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from world import World, registry, step

from psg.audit import verify
from psg.commands.policies import set_kill_switch, set_project_policy
from psg.errors import ActionFailed, ValidationFailed
from psg.model.codec import loads
from psg.plan.policy import PolicySpec, RetrySpec, TimeoutSpec
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
QUICK = {"max_retries": 1, "base_delay": 10}


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    """A project whose audit is clean, and whose alerts are gone, at the end of each test."""
    made = await World.create(db)
    yield made
    report = await verify(db, made.project_id)
    await made.damage("MATCH (a:Alert) WHERE a.project_id = $project_id DETACH DELETE a")
    assert report.violations == []


class Service:
    """A tool that works or not, and counts."""

    def __init__(self) -> None:
        self.down = True
        self.calls = 0
        self.done: list[str] = []

    async def fetch(self, of: str = "x") -> dict[str, Any]:
        self.calls += 1
        if self.down:
            raise ActionFailed("the service is down")
        return {"of": of, "call": self.calls}

    async def undo(self, what: str) -> None:
        self.done.append(what)
        if what == "broken":
            raise ActionFailed("cannot undo")

    def tools(self) -> Any:
        return registry(fetch=self.fetch, undo=self.undo)


def policy(**recovery: Any) -> PolicySpec:
    return PolicySpec.model_validate({"recovery": {"retry_policy": QUICK, **recovery}})


async def recorded(world: World, plan_id: str) -> dict[str, Any]:
    rows = await world.query(
        "MATCH (g:TraceSegment {project_id: $project_id})-[:RECORDS]->(s:Step {plan: $plan}) "
        "RETURN g.payload AS payload ORDER BY g.log_seq DESC LIMIT 1", plan=plan_id,
    )  # fmt: skip
    return loads(rows[0]["payload"])["attributes"]


@pytest.mark.req("CORE-46", "CORE-47")
async def test_a_cached_result_stands_in_after_the_retries(world: World) -> None:
    service = Service()
    service.down = False
    first = await world.run(step("a", name="fetch", params={"of": "b"}, policy=policy()), tools=service.tools())
    service.down = True
    other = await world.run(step("a", name="fetch", params={"of": "c"}, policy=policy()), tools=service.tools())
    calls = service.calls
    second = await world.run(step("k", name="fetch", params={"of": "b"}, policy=policy()), tools=service.tools())
    assert service.calls - calls == 2, "a retry came first"
    steps = [(await world.steps(p))[k] for p, k in ((first, "a"), (other, "a"), (second, "k"))]
    assert [s["status"] for s in steps] == ["completed", "failed", "completed"]
    assert steps[2]["output"] == steps[0]["output"] == {"of": "b", "call": 1}
    noted = (await recorded(world, second))["recovery"]
    assert (noted["fallback"], noted["error"]["code"]) == ("use_cached_result", "action_failed")


@pytest.mark.req("CORE-47")
async def test_what_is_not_critical_degrades_and_the_plan_goes_on(world: World) -> None:
    service = Service()
    plan_id = await world.run(
        step("a", name="fetch", policy=policy(critical=False, degraded_output={"of": "nothing"})),
        step("b", "a", name="undo", params={"what": "{{a.output.of}}"}), tools=service.tools(),
    )  # fmt: skip
    assert await world.plan_status(plan_id) == "completed"
    assert (await world.steps(plan_id))["a"]["output"] == {"of": "nothing"}
    assert service.done == ["nothing"]


@pytest.mark.req("CORE-48")
async def test_used_up_retries_are_told_in_the_log_and_by_an_alert(world: World) -> None:
    service = Service()
    plan_id = await world.run(step("a", name="fetch", policy=policy()), tools=service.tools())
    assert await world.plan_status(plan_id) == "failed"
    (event,) = await world.events(type="recovery_escalated")
    said = {k: event["changes"][k] for k in ("condition", "action", "severity", "attempt")}
    assert said == {
        "condition": "max_retries_exceeded", "action": "notify_administrator", "severity": "high", "attempt": 2,
    }  # fmt: skip
    (alert,) = await world.query("MATCH (a:Alert) WHERE a.project_id = $project_id RETURN a {.*} AS a")
    assert alert["a"]["severity"] == "high"


@pytest.mark.req("CORE-48")
async def test_an_error_that_cannot_pass_uses_up_no_retries(world: World) -> None:
    escalate = [{"condition": "max_retries_exceeded"}, {"condition": "recovery_failed", "severity": "low"}]
    bad = step("a", name="fetch", params={"of": 7}, policy=policy(escalation_rules=escalate))
    await world.run(bad, tools=Service().tools())
    told = await world.events(type="recovery_escalated")
    assert [(e["changes"]["condition"], e["changes"]["severity"]) for e in told] == [("recovery_failed", "low")]


@pytest.mark.req("CORE-49")
async def test_the_rollback_procedure_is_a_plan_that_runs_when_recovery_failed(world: World) -> None:
    service = Service()
    rollback = {"rollback_procedure": [
        {"name": "undo", "params": {"what": "broken"}}, {"name": "undo", "params": {"what": "{{params.thing}}"}},
    ]}  # fmt: skip
    both = policy(**rollback)
    plan_id = await world.started(
        step("a", name="fetch"), step("b", name="fetch"), params={"thing": "the thing"},
        policy=PolicySpec.model_validate({**both.model_dump(exclude_unset=True), "retry": {"max_retries": 0}}),
    )  # fmt: skip
    async with world.running(service.tools()):
        assert await world.finished(plan_id) == ["failed"]

        async def undone() -> bool:
            rows = await world.query(
                "MATCH (p:Plan {project_id: $project_id})-[:DERIVED_FROM]->(:Plan {id: $of}) "
                "WHERE p.status IN ['completed', 'failed'] RETURN p.id AS id", of=plan_id,
            )  # fmt: skip
            return bool(rows)

        await world.until(undone)
    assert service.done == ["broken", "the thing"], "once, in its order, and on after a failure"
    service.done.clear()
    service.down = False
    fine = await world.run(step("a", name="fetch"), policy=both, tools=service.tools())
    assert await world.plan_status(fine) == "completed"
    assert service.done == []


@pytest.mark.req("CORE-45", "CORE-46")
async def test_the_strategy_of_a_project_holds_for_its_plans(world: World) -> None:
    service = Service()
    given = {"recovery": {"retryPolicy": {"maxRetries": 2, "baseDelay": 10}, "critical": False}}
    await set_project_policy(world.graph, world.project_id, given)
    plan_id = await world.run(step("a", name="fetch"), tools=service.tools())
    assert (await world.plan_status(plan_id), service.calls) == ("completed", 3)
    with pytest.raises(ValidationFailed, match="belongs to a plan"):
        await set_project_policy(world.graph, world.project_id, {"recovery": {"rollbackProcedure": [{"name": "x"}]}})
    with pytest.raises(ValidationFailed, match="unknown condition"):
        await set_project_policy(
            world.graph, world.project_id, {"recovery": {"escalationRules": [{"condition": "rain"}]}}
        )


@pytest.mark.req("CORE-47", "CORE-48")
async def test_a_step_that_fails_before_its_action_is_recovered_too(world: World) -> None:
    recovery = policy(critical=False, degraded_output="less", escalation_rules=[{"condition": "max_retries_exceeded"}])
    late = recovery.model_copy(update={"timeout": TimeoutSpec(total_ms=60)})
    plan_id = await world.run(
        step("a", name="fetch", params={"of": "{{nobody.output}}"}, policy=recovery),
        step("b", name="fetch", policy=late.model_copy(update={"retry": RetrySpec(max_retries=5, base_ms=50)})),
        tools=Service().tools(),
    )  # fmt: skip
    steps = await world.steps(plan_id)
    assert {(s["status"], s["output"]) for s in steps.values()} == {("completed", "less")}


async def test_nothing_stands_in_for_what_a_kill_switch_denies(world: World) -> None:
    service = Service()
    await set_kill_switch(world.graph, True, project_id=world.project_id)
    plan_id = await world.run(step("a", name="fetch", policy=policy(critical=False)), tools=service.tools())
    assert (await world.steps(plan_id))["a"]["error"]["code"] == "kill_switch_active"


@pytest.mark.req("CORE-44")
async def test_every_stored_error_has_a_category(world: World) -> None:
    async def odd() -> None:
        raise RuntimeError("odd")

    plan_id = await world.run(
        step("a", name="odd"), step("b", name="nobody"), step("c", type="confirm", params={"reason": 1}),
        tools=registry(odd=odd, nobody=Service().fetch),
    )  # fmt: skip
    errors = {k: s["error"]["category"] for k, s in (await world.steps(plan_id)).items()}
    assert errors == {"a": "module_error", "b": "module_error", "c": "validation_error"}
