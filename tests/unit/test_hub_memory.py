"""The communication hub inside one process: targets, sources, priority, limits, time, events."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from psg.errors import CommandReused, ValidationFailed
from psg_runtime.hub import (
    CommunicationError,
    CommunicationHub,
    ForeignSource,
    HubNotRunning,
    InterModuleMessage,
    MessageTimeout,
    QueueFull,
    SystemEvent,
    UnknownTarget,
)

pytestmark = pytest.mark.anyio


async def echo(message: InterModuleMessage) -> Any:
    return {"operation": message.operation, **message.payload}


def message(**fields: Any) -> dict[str, Any]:
    return {"sourceModule": "context", "targetModule": "plan", "operation": "contextUpdated", **fields}


async def hub_with(**handlers: Any) -> CommunicationHub:
    settings = handlers.pop("settings", {})
    hub = CommunicationHub(**settings)
    for module, handler in {"context": echo, "plan": echo, **handlers}.items():
        await hub.register(module, handler)
    return hub


@pytest.mark.req("CORE-30")
def test_a_message_has_the_fields_of_the_specification_in_both_spellings() -> None:
    given = {
        "id": "m-1", "sourceModule": "context", "targetModule": "plan", "operation": "contextUpdated",
        "payload": {"contextId": "ctx-001", "changes": ["participants", "goals"]}, "correlationId": "workflow-123",
        "timestamp": "2026-01-31T12:00:00Z", "priority": "normal",
    }  # fmt: skip
    parsed = InterModuleMessage.parse(given)
    assert parsed.timestamp == datetime(2026, 1, 31, 12, tzinfo=UTC) and parsed.priority == "normal"
    assert InterModuleMessage.parse(parsed.to_dict()) == parsed
    assert parsed.to_dict().keys() == given.keys()
    made = InterModuleMessage(source_module="context", target_module="plan", operation="x", priority="high")
    assert made.id != InterModuleMessage(source_module="context", target_module="plan", operation="x").id
    assert made.payload == {} and made.timestamp.tzinfo is not None and made.correlation_id


@pytest.mark.req("CORE-30")
@pytest.mark.parametrize(
    "wrong",
    [
        {"operation": ""}, {"targetModule": None}, {"sourceModule": 5}, {"payload": [1]},
        {"payload": {"x": float("nan")}},
        {"priority": "whenever"}, {"timestamp": "yesterday"}, {"id": ""}, {"unknown": 1}, {"id": "x" * 201},
        {"payload": {"x": "y" * 262_200}}, {"correlationId": 7},
    ],
)  # fmt: skip
async def test_what_is_no_message_is_refused_and_reaches_nobody(wrong: dict[str, Any]) -> None:
    taken: list[Any] = []

    async def plan(given: InterModuleMessage) -> None:
        taken.append(given)

    hub = await hub_with(plan=plan)
    with pytest.raises(ValidationFailed):
        await hub.route_message(message(**wrong))
    assert taken == []


@pytest.mark.req("CORE-27", "CORE-31")
async def test_a_message_goes_to_its_target_only_and_its_correlation_id_comes_back() -> None:
    taken: list[str] = []

    def taker(name: str) -> Any:
        async def take(given: InterModuleMessage) -> str:
            taken.append(f"{name} {given.correlation_id}")
            return name

        return take

    hub = await hub_with(plan=taker("plan"), role=taker("role"), context=taker("context"))
    result = await hub.route_message(message(correlationId="workflow-123", id="m-1"))
    assert taken == ["plan workflow-123"]
    assert result.success and result.output == "plan" and result.correlation_id == "workflow-123"
    assert result.to_dict() == {
        "messageId": "m-1", "correlationId": "workflow-123", "sourceModule": "context", "targetModule": "plan",
        "operation": "contextUpdated", "status": "completed", "success": True, "output": "plan", "deliveries": 1,
        "durationMs": result.duration_ms,
    }  # fmt: skip


@pytest.mark.req("CORE-27")
async def test_an_unknown_target_is_a_communication_error() -> None:
    hub = await hub_with()
    with pytest.raises(UnknownTarget, match="'planer'") as refused:
        await hub.route_message(message(targetModule="planer", correlationId="w"))
    assert refused.value.category == "communication_error" and refused.value.details["correlation_id"] == "w"
    await hub.unregister("plan")
    with pytest.raises(CommunicationError):
        await hub.route_message(message())


@pytest.mark.req("CORE-32")
async def test_a_message_in_another_name_is_refused() -> None:
    taken: list[Any] = []

    async def impostor(given: InterModuleMessage) -> Any:
        return (await hub.route_message(message(sourceModule="context", targetModule="role"))).output

    async def honest(given: InterModuleMessage) -> Any:
        return (await hub.route_message(message(sourceModule="confirm", targetModule="role"))).output

    async def role(given: InterModuleMessage) -> str:
        taken.append(given.source_module)
        return "done"

    hub = await hub_with(plan=impostor, confirm=honest, role=role)
    with pytest.raises(ForeignSource, match="is registered") as refused:
        await hub.route_message(message(sourceModule="stranger"))
    assert refused.value.category == "communication_error"
    told = await hub.route_message(message(targetModule="plan"))
    assert not told.success and told.error is not None and told.error["code"] == "foreign_source" and taken == []
    assert (await hub.route_message(message(targetModule="confirm"))).output == "done" and taken == ["confirm"]
    with pytest.raises(ForeignSource):
        await hub.door("plan").route_message(message(sourceModule="context"))
    assert (await hub.door("context").send("role", "x")).success
    with pytest.raises(ForeignSource):
        await hub.broadcast({"type": "x", "sourceModule": "stranger"})


async def test_a_module_that_fails_gives_a_result_that_says_so() -> None:
    async def fails(given: InterModuleMessage) -> None:
        raise RuntimeError("no plan today")

    async def no_json(given: InterModuleMessage) -> Any:
        return object()

    async def huge(given: InterModuleMessage) -> Any:
        return "x" * 300_000

    hub = await hub_with(plan=fails, role=no_json, trace=huge)
    result = await hub.route_message(message(correlationId="w"))
    assert (result.success, result.status, result.output, result.correlation_id) == (False, "failed", None, "w")
    assert result.error is not None and "no plan today" in result.error["message"]
    for target in ("role", "trace"):
        told = await hub.route_message(message(targetModule=target))
        assert told.error is not None and told.error["code"] == "validation_failed"


@pytest.mark.req("CORE-54")
async def test_a_message_over_a_full_queue_is_refused_and_the_queue_takes_again_when_it_has_room() -> None:
    release, refused, done = anyio.Event(), [], []

    async def plan(given: InterModuleMessage) -> None:
        await release.wait()

    hub = await hub_with(plan=plan, settings={"queue_size": 3})

    async def send() -> None:
        try:
            done.append(await hub.route_message(message()))
        except QueueFull as error:
            refused.append(error)
            if len(refused) == 2:
                release.set()

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(send)
    assert len(done) == 3 and len(refused) == 2
    assert refused[0].category == "communication_error" and refused[0].retryable and refused[0].details["limit"] == 3
    assert (await hub.route_message(message())).success
    assert (await hub.route_message(message(targetModule="context"))).success


@pytest.mark.req("CORE-54")
async def test_an_answer_that_comes_too_late_is_a_communication_error_and_frees_the_place() -> None:
    ended: list[str] = []

    async def plan(given: InterModuleMessage) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(given.id)

    hub = await hub_with(plan=plan, settings={"timeout_ms": 30, "queue_size": 1})
    for name in ("m-1", "m-2"):
        with pytest.raises(MessageTimeout, match="30 ms") as late:
            await hub.route_message(message(id=name, correlationId="w"))
        assert late.value.category == "communication_error" and late.value.details["correlation_id"] == "w"
    assert ended == ["m-1", "m-2"]
    with pytest.raises(MessageTimeout, match="10 ms"):
        await hub.route_message(message(), timeout_ms=10)


@pytest.mark.req("CORE-54")
async def test_an_answer_after_the_time_is_not_taken_even_if_the_module_never_paused() -> None:
    async def plan(given: InterModuleMessage) -> str:
        time.sleep(0.03)  # noqa: ASYNC251 - a module that blocks
        return "late"

    hub = await hub_with(plan=plan, settings={"timeout_ms": 10})
    with pytest.raises(MessageTimeout):
        await hub.route_message(message())


@pytest.mark.req("CORE-30")
async def test_of_messages_that_wait_the_most_urgent_is_taken_first_and_of_equals_the_first() -> None:
    gate, order = anyio.Event(), []

    async def plan(given: InterModuleMessage) -> None:
        order.append(given.id)
        await gate.wait()

    hub = await hub_with(plan=plan, settings={"concurrency": 1})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.route_message, message(id="first"))
        while not order:
            await anyio.lowlevel.checkpoint()
        for name in ("low 1", "normal 1", "high 1", "critical 1", "normal 2", "high 2", "low 2"):
            tasks.start_soon(hub.route_message, message(id=name, priority=name.split()[0]))
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert order == ["first", "critical 1", "high 1", "high 2", "normal 1", "normal 2", "low 1", "low 2"]


async def test_a_sender_that_is_cancelled_gives_its_place_back() -> None:
    gate, taken = anyio.Event(), []

    async def plan(given: InterModuleMessage) -> None:
        taken.append(given.id)
        await gate.wait()

    hub = await hub_with(plan=plan, settings={"concurrency": 1, "queue_size": 3})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hub.route_message, message(id="a"))
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.01):
            await hub.route_message(message(id="b"))
        tasks.start_soon(hub.route_message, message(id="c"))
        tasks.start_soon(hub.route_message, message(id="d"))
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert taken == ["a", "c", "d"]
    assert (await hub.route_message(message(id="b"))).success


async def test_the_same_message_twice_is_taken_once_and_another_under_its_id_is_refused() -> None:
    gate, taken, results = anyio.Event(), [], []

    async def plan(given: InterModuleMessage) -> int:
        taken.append(given.id)
        await gate.wait()
        return len(taken)

    hub = await hub_with(plan=plan)
    given = message(id="m", correlationId="w")

    async def send() -> None:
        results.append(await hub.route_message(given))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    results.append(await hub.route_message(given))
    assert taken == ["m"] and [r.output for r in results] == [1, 1, 1]
    with pytest.raises(CommandReused):
        await hub.route_message({**given, "payload": {"other": 1}})


async def test_a_thousand_messages_at_once_lose_none() -> None:
    hub, outputs = await hub_with(), []

    async def send(n: int) -> None:
        outputs.append((await hub.door("context").send("plan", "op", {"n": n})).output["n"])

    async with anyio.create_task_group() as tasks:
        for n in range(1_000):
            tasks.start_soon(send, n)
    assert sorted(outputs) == list(range(1_000))


@pytest.mark.req("CORE-28", "CORE-29")
async def test_an_event_reaches_all_subscribers_of_its_type_and_none_after_they_left() -> None:
    hub, taken = await hub_with(), []

    async def one(event: SystemEvent) -> None:
        taken.append(("one", event.type, event.payload))

    def two(event: SystemEvent) -> None:
        taken.append(("two", event.type, event.payload))

    hub.subscribe("plan_ready", one)
    hub.subscribe("plan_ready", one)
    hub.subscribe("plan_ready", two)
    hub.subscribe("other", two)
    await hub.broadcast({"type": "plan_ready", "payload": {"n": 1}, "sourceModule": "plan"})
    assert sorted(taken) == [("one", "plan_ready", {"n": 1}), ("two", "plan_ready", {"n": 1})]
    hub.unsubscribe("plan_ready", one)
    hub.unsubscribe("plan_ready", one)
    hub.unsubscribe("nothing", one)
    await hub.broadcast(SystemEvent(type="plan_ready", payload={"n": 2}))
    await hub.broadcast({"eventType": "other"})
    await hub.broadcast({"type": "for nobody"})
    assert taken[2:] == [("two", "plan_ready", {"n": 2}), ("two", "other", {})]


@pytest.mark.req("CORE-28")
async def test_a_subscriber_that_raises_or_hangs_harms_no_other_and_may_speak_as_itself() -> None:
    taken: list[Any] = []

    async def raises(event: SystemEvent) -> None:
        raise RuntimeError("no")

    async def hangs(event: SystemEvent) -> None:
        await anyio.sleep_forever()

    async def works(event: SystemEvent) -> None:
        taken.append((await hub.route_message(message(sourceModule="context"))).success)

    async def leaves(event: SystemEvent) -> None:
        hub.unsubscribe("x", leaves)
        taken.append("left")

    async def plan(given: InterModuleMessage) -> str:
        if given.operation == "tell":
            await hub.broadcast({"type": "x", "sourceModule": "plan"})
        return "told"

    hub = await hub_with(plan=plan, settings={"timeout_ms": 400})
    for handler in (raises, hangs, works, leaves):
        hub.subscribe("x", handler)
    await hub.broadcast({"type": "x"})
    assert taken == ["left", True] or taken == [True, "left"]
    hub.unsubscribe("x", hangs)
    assert (await hub.route_message(message(operation="tell"))).success and taken[2:] == [True]


def test_fields_of_an_event_that_the_hub_does_not_know_are_its_payload() -> None:
    event = SystemEvent.parse({"type": "x", "planId": "p-1", "payload": {"n": 1}, "correlationId": "w"})
    assert event.payload == {"planId": "p-1", "n": 1} and event.correlation_id == "w"
    assert SystemEvent.parse(event.to_dict()) == event
    with pytest.raises(ValidationFailed):
        SystemEvent.parse({"type": "x", "payload": {"x": "y" * 61_440}})
    with pytest.raises(ValidationFailed):
        SystemEvent.parse({"payload": {}})


async def test_secrets_of_the_environment_are_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2-and-more")

    async def plan(given: InterModuleMessage) -> None:
        raise RuntimeError("refused: hunter2-and-more")

    result = await (await hub_with(plan=plan)).route_message(message())
    assert "hunter2" not in str(result.to_dict()) and "refused" in str(result.error)


@pytest.mark.parametrize(
    "settings", [{"queue_size": 0}, {"timeout_ms": -1}, {"timeout_ms": 1.5}, {"queue_size": True}, {"speed": 1}]
)
def test_settings_that_are_none_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        CommunicationHub(**settings)


async def test_what_only_the_graph_can_do_is_refused_in_memory() -> None:
    async with await hub_with() as hub:
        with pytest.raises(HubNotRunning):
            await hub.enqueue(message())
        with pytest.raises(HubNotRunning):
            await hub.result("m")
        with pytest.raises(ValidationFailed):
            await hub.route_message(message(), timeout_ms=0)
        with pytest.raises(ValidationFailed):
            hub.subscribe("x", None)  # type: ignore[arg-type]
        with pytest.raises(ValidationFailed):
            await hub.register("", echo)


class Directory:
    """Modules as a module manager has them."""

    class Module:
        def __init__(self, module_type: str, status: str) -> None:
            self.module_type, self.status = module_type, status

    def __init__(self, **modules: str) -> None:
        self.modules, self.invoked = modules, []

    async def list_modules(self) -> list[Any]:
        return [self.Module(name, status) for name, status in self.modules.items()]

    async def invoke(
        self, module_type: str, operation: str, inputs: dict[str, Any], *, correlation_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Any:  # fmt: skip
        self.invoked.append((module_type, operation, inputs, correlation_id, idempotency_key is not None))
        return {"by": module_type}


@pytest.mark.req("CORE-27", "CORE-32")
async def test_modules_of_a_manager_send_and_get_messages_for_as_long_as_they_run() -> None:
    directory = Directory(context="running", plan="running", role="stopped")
    hub = CommunicationHub(modules=directory)
    result = await hub.route_message(message(correlationId="w", payload={"a": 1}))
    assert result.output == {"by": "plan"}
    assert directory.invoked == [("plan", "contextUpdated", {"a": 1}, "w", True)]
    for wrong in ({"targetModule": "role"}, {"sourceModule": "role"}):
        with pytest.raises(CommunicationError):
            await hub.route_message(message(**wrong))
    directory.modules["plan"] = "stopped"
    with pytest.raises(UnknownTarget):
        await hub.route_message(message())
