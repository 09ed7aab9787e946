"""The ten modules on a real graph: the documented operations, limits and caches, and modules of other processes."""

from __future__ import annotations

import uuid
from typing import Any

import anyio
import pytest
from world import World, statement

from psg.approvals.errors import NotEntitled
from psg.audit import verify
from psg.errors import (
    ActionTimeout,
    CommandReused,
    InvalidId,
    NotFound,
    PlanInvalid,
    ReferenceMissing,
    Refused,
    StillReferenced,
    UnknownCapability,
    ValidationFailed,
)
from psg.graph import Graph
from psg_neo4j import Database
from psg_runtime.ael.failures import SubplanFailed
from psg_runtime.modules import (
    MODULE_TYPES,
    ModuleLimitReached,
    ModuleManager,
    ModuleNotRunning,
    ModuleRegistration,
    ModuleSettings,
    OperationNotAllowed,
    ProjectModules,
)

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> Any:
    made = await World.create(db)
    yield made
    assert (await verify(db, made.project_id)).violations == []


async def managing(world: World, *kinds: str, **settings: Any) -> ModuleManager:
    """A manager of the test's project with some modules running; they are in the shared graph until closed."""
    made = ModuleManager(Graph(world.db), world.project_id, ModuleSettings(**settings))
    for kind in kinds:
        await made.initialize_module(kind)
    return made


async def gone(db: Database, *managers: ModuleManager) -> None:
    for manager in managers:
        ids = list(manager._ended) + [m.id for m in await manager.list_modules()]
        await manager.close()
        await db.write(statement("MATCH (m:ModuleInstance) WHERE m.id IN $ids DELETE m", "write"), ids=ids)


@pytest.mark.req("CORE-01", "CORE-13")
async def test_context_plan_execute_as_the_documents_have_it(world: World) -> None:
    m = await managing(world)
    assert [x.status for x in await m.initialize_all()] == ["running"] * 10
    assert {x.module_type for x in await m.list_modules()} == set(MODULE_TYPES)
    context = await m.invoke("context", "createContext", {
        "name": "agent-collaboration", "type": "multi-agent", "goals": ["ship"]
    })  # fmt: skip
    plan = await m.invoke("plan", "createPlan", {"contextId": context["contextId"]})
    async with world.running():
        done = await m.invoke("core", "executePlan", {"planId": plan["planId"]})
        again = await m.invoke("core", "executePlan", {"planId": plan["planId"]})
    assert (done["status"], done["planId"]) == ("completed", plan["planId"]) and done == again
    stored = (await m.invoke("context", "getContext", {"contextId": context["contextId"]}))["context"]
    assert stored["title"] == "agent-collaboration" and stored["root"]["domain"] == "multi-agent"
    assert stored["root"]["goals"] == ["ship"] and stored["status"] == "active"
    told = await m.invoke("plan", "contextUpdated", {"contextId": context["contextId"], "changes": ["goals"]})
    assert told["plans"] == [] and told["changes"] == ["goals"]
    await gone(world.db, m)


@pytest.mark.req("CORE-14")
async def test_an_approval_counts_valid_approvers_only(world: World) -> None:
    m = await managing(world, "role", "confirm", "plan")
    for name, capabilities in (("lead", ["release:approve"]), ("owner", ["*"]), ("guest", ["release:read"])):
        await m.invoke("role", "createRole", {"name": name, "capabilities": capabilities})
    plan_id = await world.draft(
        *_one_step(), approval={"quorum": 2, "roles": ["lead", "owner"], "approvers": ["ann", "bob", "eve"]}
    )
    await world.graph.propose_plan(world.project_id, plan_id)
    (asked,) = (await m.invoke("confirm", "query", {"status": "pending"}))["confirms"]
    request = {"requestId": asked["confirmId"]}
    assert (await m.invoke("confirm", "validateRequest", request))["valid"]
    approvers = [{"actor": "ann", "role": "lead"}, {"actor": "eve", "role": "guest"}, "nobody", {"role": 7}, "owner"]
    checked = await m.invoke("role", "checkPermissions", {"approvers": approvers, "resource": "release"})
    assert checked["validApprovers"] == [{"actor": "ann", "role": "lead"}, "owner"]
    assert [r["approver"] for r in checked["invalidApprovers"]] == [approvers[1], "nobody", {"role": 7}]
    first = await m.invoke("confirm", "processApproval", {**request, "approvers": checked["validApprovers"][:1]})
    assert (first["status"], first["approvals"], first["quorum"]) == ("pending", 1, 2)
    done = await m.invoke("confirm", "processApproval", {**request, "approvers": checked["validApprovers"]})
    assert done["approved"] and [d["approver"] for d in done["decisions"]] == ["ann", "owner"]
    assert [r["approver"] for r in done["refused"]] == ["ann"]
    for operation in ("validateRequest", "processApproval"):
        more = {"approvers": ["owner"]} if operation == "processApproval" else {}
        with pytest.raises(Refused, match="approved already"):
            await m.invoke("confirm", operation, {**request, **more})
    with pytest.raises(NotFound):
        await m.invoke("confirm", "validateRequest", {"requestId": str(uuid.uuid4())})
    await gone(world.db, m)


def _one_step() -> list[Any]:
    from world import step

    return [step("a")]


@pytest.mark.req("CORE-14")
async def test_nobody_valid_decides_nothing(world: World) -> None:
    m = await managing(world, "confirm")
    asked = await m.invoke("confirm", "requestApproval", {"targetId": world.context_id, "targetType": "context"})
    request = {"requestId": asked["confirmId"]}
    for wrong in ([], ["a", "a"]):
        with pytest.raises(NotEntitled, match=r"needs (1|2)"):
            await m.invoke("confirm", "processApproval", {**request, "approvers": wrong, "quorum": len(wrong) or 1})
    for wrong in ("lead", 7, [7]):
        with pytest.raises(ValidationFailed, match="approvers"):
            await m.invoke("confirm", "processApproval", {**request, "approvers": wrong})
    with pytest.raises(ValidationFailed, match="decision"):
        await m.invoke("confirm", "processApproval", {**request, "approvers": ["a"], "decision": "maybe"})
    # Repeated as one invocation it has one effect and the same answer.
    key = {"idempotency_key": "stage-3"}
    rejected = {**request, "approvers": ["a", "b"], "decision": "rejected", "quorum": 2}
    done = await m.invoke("confirm", "processApproval", rejected, **key)
    assert (done["status"], done["approved"], len(done["decisions"])) == ("rejected", False, 1)
    assert await m.invoke("confirm", "processApproval", rejected, **key) == done
    await gone(world.db, m)


async def test_a_plan_that_needs_approvals_is_not_approved_by_executing_it(world: World) -> None:
    m = await managing(world, "core")
    plan_id = await world.draft(*_one_step(), approval={"quorum": 1})
    with pytest.raises(Refused, match="waits for its approvals"):
        await m.invoke("core", "executePlan", {"planId": plan_id})
    assert await world.plan_status(plan_id) == "proposed"
    await gone(world.db, m)


async def test_executing_tells_failures_time_limits_and_what_nobody_can_do(world: World) -> None:
    from world import registry, step

    def broken() -> None:
        raise ValueError("no")

    m = await managing(world, "core", "plan")
    with pytest.raises(UnknownCapability):
        await m.invoke("core", "executePlan", {"planId": await world.draft(step("a", name=f"t{uuid.uuid4().hex}"))})
    slow = await m.invoke("plan", "create", {
        "contextId": world.context_id, "steps": [{"key": "w", "type": "wait", "params": {"duration_ms": 60_000}}]
    })  # fmt: skip
    with pytest.raises(ActionTimeout, match="after 50 ms"):
        await m.invoke("core", "executePlan", {"planId": slow["planId"], "timeoutMs": 50})
    async with world.running(registry(broken=broken)):
        failing = await world.draft(step("a", name="broken"))
        with pytest.raises(SubplanFailed, match="a: ValueError: no"):
            await m.invoke("core", "executePlan", {"planId": failing})
        begun = await m.invoke("core", "executePlan", {"planId": await world.draft(step("a")), "wait": False})
        assert begun["status"] in ("in_progress", "completed")
        assert (await m.invoke("core", "pausePlan", {"planId": slow["planId"]}))["paused"]
        await m.invoke("core", "resumePlan", {"planId": slow["planId"]})
        await m.invoke("core", "cancelPlan", {"planId": slow["planId"]})
        await world.finished(begun["planId"], slow["planId"])
    await gone(world.db, m)


@pytest.mark.req("CORE-24", "CORE-25")
async def test_the_limit_of_contexts_holds_also_when_many_ask_at_once(world: World) -> None:
    m = await managing(world)
    await m.initialize_module("context", {"maxContexts": 4})
    made: list[str] = []

    async def create(n: int) -> None:
        try:
            made.append((await m.invoke("context", "create", {"title": f"c{n}"}))["contextId"])
        except ModuleLimitReached as error:
            assert error.category == "resource_error" and "may have 4" in str(error)

    async with anyio.create_task_group() as tasks:
        for n in range(8):
            tasks.start_soon(create, n)
    assert len(made) == 3  # and the one that the project has
    await m.invoke("context", "deleteContext", {"contextId": made[0]})
    await create(9)
    assert len(made) == 4
    await gone(world.db, m)


@pytest.mark.req("CORE-25")
async def test_queries_are_cached_for_their_time_and_never_older_than_the_graph(world: World) -> None:
    m, plain = await managing(world), await managing(world)
    made = await m.initialize_module("context", {"defaultTtl": 3600})
    await plain.initialize_module("context", {"enableCaching": False})

    async def title(manager: ModuleManager = m) -> str:
        return (await manager.invoke("context", "query", {"contextId": world.context_id}))["context"]["title"]

    async def hits() -> int:
        return (await m.get_module_health(made.id)).details["cacheHits"]

    assert await title() == await title() == await title() == "a context" and await hits() == 2
    # Another process writes: the next answer is the new one.
    await plain.invoke("context", "updateContext", {"contextId": world.context_id, "changes": {"title": "new"}})
    assert await title() == "new" == await title() and await hits() == 3
    assert await title(plain) == await title(plain) == "new"
    assert plain._modules["context"].health.details["cacheHits"] == 0
    assert (await plain.get_module_health(plain._modules["context"].id)).details["cacheMisses"] == 0
    # What is handed out is not what is kept.
    (await m.invoke("context", "query", {"contextId": world.context_id}))["context"]["title"] = "spoilt"
    assert await title() == "new"
    await m.shutdown_module(made.id)
    short = await m.initialize_module("context", {"defaultTtl": 0.001})
    assert await title() == await title() == "new"
    await anyio.sleep(0.01)
    assert await title() == "new" and (await m.get_module_health(short.id)).details["cacheHits"] <= 1
    await gone(world.db, m, plain)


@pytest.mark.req("CORE-24")
async def test_the_documented_registration_narrows_the_context_module(world: World) -> None:
    async def healthy() -> dict[str, Any]:
        return {"status": "healthy", "details": {}}

    m = await managing(world)
    documented = ModuleRegistration.model_validate({
        "moduleType": "context", "version": "1.0.0-alpha", "capabilities": ["context.create", "context.query"],
        "dependencies": [{"moduleType": "role", "version": "^1.0.0"}, {"moduleType": "trace", "version": "^1.0.0"}],
        "configuration": {"maxContexts": 1000, "defaultTtl": 3600, "enableCaching": True}, "healthCheck": healthy,
    })  # fmt: skip
    await m.register(documented)
    await m.initialize_module("context")
    created = await m.invoke("context", "createContext", {"name": "x"})
    for operation in ("deleteContext", "context.update"):
        with pytest.raises(OperationNotAllowed):
            await m.invoke("context", operation, created)
    assert (await m.invoke("context", "query", {"contextId": created["contextId"]}))["title"] == "x"
    await gone(world.db, m)


async def test_every_module_makes_finds_changes_and_deletes_its_documents(world: World) -> None:
    m = await managing(world)
    await m.initialize_all()
    context = {"contextId": world.context_id}
    role = await m.invoke("role", "create", {"name": "coder"})
    person = {"participantId": "p1", "roleId": role["roleId"]}
    made = {
        "extension": await m.invoke("extension", "registerExtension", {**context, "name": "linter"}),
        "dialog": await m.invoke("dialog", "startDialog", context),
        "collab": await m.invoke("collab", "create", {
            **context, "name": "pairing", "purpose": "to work", "participants": [
                {"participant_id": "p0", "role_id": role["roleId"], "kind": "agent"}
            ],
        }),
        "network": await m.invoke("network", "create", {**context, "name": "net"}),
        "core": await m.invoke("core", "create", {}),
        "trace": await m.invoke("trace", "startTrace", context),
        "role": role,
    }  # fmt: skip
    await m.invoke("dialog", "sendMessage", {**_key(made, "dialog"), "message": {"content": "hello"}})
    await m.invoke("collab", "addParticipant", {**_key(made, "collab"), "participant": person})
    node = await m.invoke("network", "addNode", {**_key(made, "network"), "name": "n1"})
    assert node["networkNodeId"]
    for kind, answer in made.items():
        found = await m.invoke(kind, "query", _key(made, kind))
        assert found[kind][f"{kind}_id"] == answer[f"{kind}Id"], kind
        listed = await m.invoke(kind, "query", {"limit": 1})
        assert listed["next"] == listed[f"{kind}s"][0][f"{kind}Id"]
        assert (await m.invoke(kind, "query", {"after": listed["next"]}))[f"{kind}s"] == []
    assert (await m.invoke("dialog", "query", _key(made, "dialog")))["dialog"]["messages"][0]["content"] == "hello"
    activated = await m.invoke("extension", "update", {**_key(made, "extension"), "status": "active"})
    assert activated["status"] == "active"
    with pytest.raises(StillReferenced):
        await m.invoke("role", "delete", _key(made, "role"))
    for kind in ("network", "collab", "dialog", "extension", "core"):
        assert (await m.invoke(kind, "delete", _key(made, kind)))["deleted"]
        with pytest.raises(NotFound):
            await m.invoke(kind, "query", _key(made, kind))
    await gone(world.db, m)


def _key(made: dict[str, Any], kind: str) -> dict[str, Any]:
    return {f"{kind}Id": made[kind][f"{kind}Id"]}


async def test_bad_inputs_are_told_by_name(world: World) -> None:
    m = await managing(world, "plan", "role", "extension")
    bad: list[tuple[str, str, dict[str, Any], type[Exception], str]] = [
        ("plan", "create", {}, InvalidId, "context_id"),
        ("plan", "create", {"contextId": str(uuid.uuid4())}, ReferenceMissing, "context_id"),
        ("plan", "create", {"contextId": world.context_id, "steps": "x"}, ValidationFailed, "steps"),
        ("plan", "create", {"contextId": world.context_id, "steps": [{"key": "1"}]}, PlanInvalid, "key"),
        ("plan", "create", {"contextId": world.context_id, "wrong": 1}, PlanInvalid, "wrong"),
        ("plan", "addStep", {"planId": world.context_id, "step": 7}, ValidationFailed, "step"),
        ("plan", "propose", {"planId": world.context_id, "x": 1}, ValidationFailed, "no input x"),
        ("context", "query", {"limit": 0}, ValidationFailed, "limit"),
        ("context", "query", {"limit": True}, ValidationFailed, "limit"),
        ("context", "query", {"contextId": 1}, InvalidId, "context_id"),
        ("context", "update", {"contextId": world.context_id}, ValidationFailed, "changes"),
        ("context", "create", {"status": "happy", "title": "x"}, ValidationFailed, "status"),
        ("context", "create", {"projectId": str(uuid.uuid4())}, ValidationFailed, "about project"),
        ("context", "create", [("title", "x")], ValidationFailed, "mapping"),  # type: ignore[list-item]
        ("role", "query", {"status": "active"}, ValidationFailed, "status"),
        ("role", "check", {"approvers": "lead", "resource": "r"}, ValidationFailed, "approvers"),
        ("role", "check", {"approvers": []}, ValidationFailed, "resource"),
        ("role", "create", {"name": "x", "power": 9}, ValidationFailed, "power"),
        ("extension", "create", {"document": 7}, ValidationFailed, "document"),
    ]
    for kind, operation, inputs, error, told in bad:
        with pytest.raises(error, match=told):
            await m.invoke(kind, operation, inputs)
    await gone(world.db, m)


async def test_an_invocation_that_is_repeated_has_one_effect(world: World) -> None:
    m = await managing(world, "plan", "collab", "role")
    for kind, operation, inputs in (
        ("context", "create", {"name": "once"}),
        ("role", "create", {"name": "once"}),
        ("plan", "create", {"contextId": world.context_id}),
        ("collab", "create", {
            "contextId": world.context_id, "title": "t", "purpose": "p",
            "participants": [{"participant_id": "p", "kind": "agent"}],
        }),
    ):  # fmt: skip
        first, second = [await m.invoke(kind, operation, inputs, idempotency_key="k1") for _ in range(2)]
        assert first == second, kind
        other = await m.invoke(kind, operation, inputs, idempotency_key="k2")
        assert other[f"{kind}Id"] != first[f"{kind}Id"]
    with pytest.raises(CommandReused):
        await m.invoke("plan", "create", {"contextId": world.context_id, "title": "other"}, idempotency_key="k1")
    await gone(world.db, m)


async def test_projects_share_the_modules_of_a_process(world: World) -> None:
    m, other = ModuleManager(Graph(world.db)), await World.create(world.db)
    mine, theirs = (ProjectModules(m, w.project_id) for w in (world, other))
    assert (await mine.ensure_module("context")).id == (await theirs.ensure_module("context")).id
    made = await mine.invoke("context", "create", {"name": "here"})
    assert (await mine.invoke("context", "query", {"contextId": made["contextId"]}))["title"] == "here"
    with pytest.raises(NotFound):
        await theirs.invoke("context", "query", {"contextId": made["contextId"]})
    for module in await mine.list_modules():
        await theirs.shutdown_module(module.id)
    with pytest.raises(ModuleNotRunning):
        await mine.invoke("context", "query")
    await gone(world.db, m)


@pytest.mark.req("CORE-19", "CORE-20", "CORE-21")
async def test_modules_of_other_processes_are_seen_stopped_and_gone_with_their_lease(world: World) -> None:
    kind, calls = f"m{uuid.uuid4().hex}", list[int]()
    registration = {
        "module_type": kind, "version": "1.0.0", "capabilities": [f"{kind}.count"],
        "configuration": {"limit": 1, "api_key": "sk-abcdef1234567890"}, "operations": {"count": calls.append},
    }  # fmt: skip
    one, two = await managing(world, lease_ms=500), await managing(world)
    await one.register(registration)
    made = await one.initialize_module(kind)
    (seen,) = [m for m in await two.list_modules(everywhere=True) if m.module_type == kind]
    assert (seen.id, seen.status, seen.local, seen.version) == (made.id, "running", False, "1.0.0")
    assert seen.configuration["limit"] == 1 and "abcdef" not in str(seen)
    assert (await two.get_module_health(made.id)).status == "healthy"
    await one.invoke(kind, "count", {"a": 1})
    # Stopped by the other process: not one more operation arrives.
    await two.shutdown_module(made.id)
    with pytest.raises(ModuleNotRunning):
        await one.invoke(kind, "count", {"a": 1})
    assert len(calls) == 1 and (await two.get_module(made.id)).status == "stopped"
    with pytest.raises(ModuleNotRunning):
        await two.shutdown_module(made.id)
    # A process that is gone: its modules are, with its lease.
    again = await one.initialize_module(kind)
    await world.db.write(statement("MATCH (m:ModuleInstance {id: $id}) SET m.lease_until = 1", "write"), id=again.id)
    assert (await two.get_module(again.id)).status == "stopped"
    assert kind not in {m.module_type for m in await two.list_modules(everywhere=True)}
    # It was not gone, only late: it lives again, and is watched on.
    async with one:
        with anyio.fail_after(20):
            while (await two.get_module(again.id)).status != "running":  # noqa: ASYNC110 - seen in the graph only
                await anyio.sleep(0.02)
        await two.shutdown_module(again.id)
        with anyio.fail_after(20):
            while await one.list_modules():  # noqa: ASYNC110
                await anyio.sleep(0.02)
    await gone(world.db, one, two)
