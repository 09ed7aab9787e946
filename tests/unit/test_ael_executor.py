"""The layer's bounds and control steps: timeouts, sizes, capacities, waits, confirmations, loops, masking."""

from __future__ import annotations

import datetime
import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from psg.errors import (
    ActionFailed,
    ActionTimeout,
    CapabilityDenied,
    LeaseLost,
    OutputTooLarge,
    PsgError,
    UnknownCapability,
    ValidationFailed,
)
from psg.plan.spec import PlanSpec
from psg_runtime.ael import ActionResult, AdapterLayer, AelSettings, CapabilityRegistry, ConfirmRejected, Parked
from psg_runtime.ael.adapters.wait import WaitAdapter
from psg_runtime.ael.port import Action

pytestmark = pytest.mark.anyio


def layer(*, settings: dict[str, Any] | None = None, on_progress: Any = None, **tools: Any) -> AdapterLayer:
    registry = CapabilityRegistry()
    for name, function in tools.items():
        registry.register(name=name, type="tool", call=function)
    closed: dict[str, Any] = {"allow_process": (), "file_root": None, "llm_api_key": None}
    return AdapterLayer(registry, AelSettings(**(closed | (settings or {}))), on_progress=on_progress)


async def run(ael: AdapterLayer, name: str, params: dict[str, Any] | None = None, **keys: Any) -> Any:
    result = await ael.execute({"type": "tool_call", "name": name, "params": params or {}, **keys})
    assert isinstance(result, ActionResult)
    assert result.success
    return result.output


@pytest.mark.req("L3-26")
async def test_a_failing_tool_raises_a_structured_error() -> None:
    def broken() -> None:
        raise KeyError("nope")

    with pytest.raises(ActionFailed, match="KeyError: 'nope'") as caught:
        await run(layer(broken=broken), "broken")
    assert caught.value.details == {"error_type": "KeyError"}


@pytest.mark.req("ORCH-05")
async def test_an_async_action_that_takes_too_long_is_stopped() -> None:
    stopped: list[str] = []

    async def slow() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append("slow")

    with pytest.raises(ActionTimeout, match="`slow` did not end within 20 ms") as caught:
        await run(layer(slow=slow), "slow", timeout_ms=20)
    assert stopped == ["slow"]
    assert caught.value.retryable


@pytest.mark.req("ORCH-05", "DD-31")
async def test_a_thread_that_takes_too_long_is_left_and_told() -> None:
    entered, told = threading.Event(), threading.Event()

    def slow(ctx: Any) -> None:
        entered.set()
        while not ctx.cancelled:
            threading.Event().wait(0.005)
        told.set()

    ael = layer(slow=slow, settings={"max_execution_time": 0.05})
    with pytest.raises(ActionTimeout):
        await run(ael, "slow")
    assert entered.is_set()
    assert await anyio.to_thread.run_sync(told.wait, 5)


async def test_a_timeout_of_the_tool_itself_is_no_timeout_of_the_action() -> None:
    async def gives_up() -> None:
        raise TimeoutError("the printer")

    with pytest.raises(ActionFailed, match="TimeoutError: the printer") as caught:
        await run(layer(gives_up=gives_up), "gives_up")
    assert not isinstance(caught.value, ActionTimeout)


async def test_an_output_over_the_limit_is_refused() -> None:
    ael = layer(big=lambda n: "x" * n, settings={"max_output_bytes": 100})
    assert len(await run(ael, "big", {"n": 98})) == 98
    with pytest.raises(OutputTooLarge, match="101 bytes; the limit is 100"):
        await run(ael, "big", {"n": 99})


@pytest.mark.parametrize("value", [object(), {1, 2}, {1: 2}, 2**70, b"bytes"])
async def test_an_output_that_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ValidationFailed, match="output is not JSON"):
        await run(layer(odd=lambda: value), "odd")


@pytest.mark.req("EXEC-24")
async def test_errors_hold_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "marker-5f2b8c")

    def leaks() -> None:
        raise RuntimeError("refused marker-5f2b8c at https://u:pa55word@host/")

    def leaks_details() -> None:
        raise ActionFailed("no", header="Bearer marker-5f2b8c", nested={"password": "x"})

    ael = layer(leaks=leaks, leaks_details=leaks_details, settings={"llm_api_key": "sk-llm-marker-9"})
    for name in ("leaks", "leaks_details"):
        with pytest.raises(ActionFailed) as caught:
            await run(ael, name)
        error: BaseException | None = caught.value
        while error is not None:
            assert "marker" not in f"{error} {getattr(error, 'details', '')}"
            assert "pa55word" not in str(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


async def test_control_flow_passes_through() -> None:
    async def loses() -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        await run(layer(loses=loses), "loses")


async def test_control_flow_passes_through_a_loop() -> None:
    async def loses() -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        await foreach(layer(loses=loses), [1, 2, 3], {"name": "loses"})


async def test_a_tool_cannot_end_the_process() -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(ActionFailed, match=r"`leave` called sys.exit\(3\)"):
        await run(layer(leave=leave), "leave")


async def test_capacity_bounds_what_runs_at_the_same_time() -> None:
    running, most = 0, 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        running -= 1

    ael = layer(work=work, settings={"tool_capacity": 3})
    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(run, ael, "work")
    assert most == 3


async def test_progress_is_reported_from_threads_and_tasks() -> None:
    seen: list[tuple[str, Any]] = []

    def threaded(ctx: Any) -> None:
        ctx.report("half", fraction=0.5)

    async def tasked(ctx: Any) -> None:
        ctx.report("half", files=3)

    ael = layer(threaded=threaded, tasked=tasked, on_progress=lambda a, p: seen.append((a.step_key, p)))
    await run(ael, "threaded", step_key="a")
    await run(ael, "tasked", step_key="b")
    assert seen == [
        ("a", {"message": "half", "fraction": 0.5}),
        ("b", {"message": "half", "fraction": None, "files": 3}),
    ]


async def control(ael: AdapterLayer, name: str, params: dict[str, Any], **keys: Any) -> Any:
    return await ael.execute({"type": "custom_action", "name": name, "params": params, **keys})
async def test_a_wait_parks_and_ends_with_its_timer() -> None:
    ael = layer()
    assert await control(ael, "wait", {"duration_ms": 1500}) == Parked(due_in_ms=1500)
    result = await control(ael, "wait", {"duration_ms": 1500}, resumed={"reason": "timer"})
    assert result.output == {"waited": {"duration_ms": 1500}, "resumed_by": "timer"}


@pytest.mark.parametrize(
    ("until", "due"),
    [
        ("2026-01-01T00:00:10Z", 10_000),
        ("2026-01-01T02:00:00+02:00", 0),
        ("2025-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:01", 1000),
    ],
)
async def test_a_wait_until_a_time(until: str, due: int) -> None:
    adapter = WaitAdapter(now=lambda: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    parked = await adapter.run(Action("custom_action", "wait", params={"until": until}))
    assert parked == Parked(due_in_ms=due)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"duration_ms": 1, "until": "x"},
        {"duration_ms": -1},
        {"duration_ms": "5"},
        {"duration_ms": True},
        {"until": "tomorrow"},
        {"until": 5},
        {"duration_ms": 10**15},
    ],
)
async def test_a_wait_without_a_proper_end_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        await control(layer(), "wait", params)


async def test_a_confirmation_parks_and_ends_with_the_decision() -> None:
    ael = layer()
    parked = await control(ael, "confirm", {"reason": "Publish?"})
    assert parked == Parked(confirm={"reason": "Publish?", "requested_by_role": "orchestrator"})
    decision = {"status": "approved", "decided_by_role": "owner"}
    result = await control(ael, "confirm", {"reason": "Publish?"}, resumed={"reason": "confirm", "decision": decision})
    assert result.output == {"approved": True, "decision": decision}


@pytest.mark.parametrize("status", ["rejected", "cancelled", None])
async def test_a_confirmation_that_is_not_given_fails(status: str | None) -> None:
    decision = {"status": status, "decided_by_role": "owner", "reason": "too early"}
    with pytest.raises(ConfirmRejected, match="by owner: too early") as caught:
        await control(layer(), "confirm", {"reason": "?"}, resumed={"reason": "confirm", "decision": decision})
    assert (caught.value.code, caught.value.retryable) == ("confirm_rejected", False)


async def test_a_confirmation_needs_a_question() -> None:
    with pytest.raises(ValidationFailed, match="needs a `reason`"):
        await control(layer(), "confirm", {})


@pytest.mark.req("ORCH-30")
async def test_a_conditional_step_without_a_capability_gives_its_params() -> None:
    result = await control(layer(), "conditional", {"note": "big"})
    assert result.output == {"condition": True, "note": "big"}


async def test_a_custom_action_may_name_a_capability() -> None:
    assert (await control(layer(mine=lambda x: x + 1), "mine", {"x": 1})).output == 2
    with pytest.raises(UnknownCapability):
        await control(layer(), "theirs", {})


async def foreach(ael: AdapterLayer, items: Any, do: dict[str, Any], **params: Any) -> Any:
    action = {"type": "custom_action", "name": "foreach", "idempotency_key": "k"}
    inputs = {"steps": {"base": {"output": 100, "status": "completed"}}, "params": {"mul": 2}}
    return await ael.execute({**action, "params": {"items": items, "do": do, **params}, "inputs": inputs})


async def test_foreach_gives_outputs_in_the_order_of_the_items() -> None:
    async def late_first(value: int, index: int, ctx: Any) -> list[Any]:
        for _ in range(10 - index):
            await anyio.lowlevel.checkpoint()
        return [value, ctx.idempotency_key]

    do = {
        "name": "late_first",
        "params": {"value": "{{item.n * params.mul + base.output}}", "index": "{{index}}"},
    }
    result = await foreach(layer(late_first=late_first), [{"n": n} for n in range(4)], do)
    assert result.output == [[100, "k:0"], [102, "k:1"], [104, "k:2"], [106, "k:3"]]


async def test_foreach_over_nothing_gives_nothing() -> None:
    assert (await foreach(layer(), [], {"name": "whatever"})).output == []


async def test_foreach_is_bounded() -> None:
    running, most, done = 0, 0, 0

    async def work() -> int:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        running -= 1
        done += 1
        return done

    result = await foreach(layer(work=work), list(range(20)), {"name": "work"}, concurrency=4)
    assert len(result.output) == 20
    assert most == 4


async def test_one_failing_item_fails_the_step_and_stops_the_rest() -> None:
    seen: list[int] = []

    async def work(i: int) -> int:
        seen.append(i)
        await anyio.lowlevel.checkpoint()
        if i == 3:
            raise ValueError("bad file")
        return i

    with pytest.raises(PsgError, match="Item 3: ValueError: bad file") as caught:
        await foreach(layer(work=work), list(range(500)), {"name": "work", "params": {"i": "{{item}}"}}, concurrency=2)
    assert caught.value.details["index"] == 3
    assert caught.value.retryable
    assert len(seen) < 10


async def test_an_item_that_cannot_succeed_makes_the_step_not_worth_repeating() -> None:
    with pytest.raises(PsgError, match=r"Item 0: Expression `item.nope`: `item` has no `nope`") as caught:
        await foreach(layer(work=lambda i: i), [{}], {"name": "work", "params": {"i": "{{item.nope}}"}})
    assert caught.value.code == "item_failed"
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("items", "do", "params", "message"),
    [
        ("abc", {"name": "x"}, {}, "must be a list, not str"),
        (None, {"name": "x"}, {}, "must be a list"),
        ([0] * 10_001, {"name": "x"}, {}, "10001 items; the limit is 10000"),
        ([1], {}, {}, "needs `items` and `do`"),
        ([1], {"name": "wait", "type": "wait"}, {}, "`do.type` must be one of"),
        ([1], {"name": "foreach", "type": "foreach"}, {}, "`do` of type foreach needs `params`"),
        ([1], {"name": "x"}, {"concurrency": 0}, "`concurrency` must be from 1 to 64"),
        ([1], {"name": "x"}, {"concurrency": 65}, "`concurrency` must be from 1 to 64"),
    ],
)
async def test_a_wrong_foreach_is_refused(items: Any, do: Any, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationFailed, match=message):
        await foreach(layer(x=lambda: 1), items, do, **params)


async def test_items_cannot_park() -> None:
    with pytest.raises(PsgError, match="cannot wait"):
        await foreach(layer(x=lambda: Parked(due_in_ms=1)), [1], {"name": "x"})


async def test_a_language_model_without_a_key_is_unavailable() -> None:
    ael = layer()
    assert ael.unavailable_reason("llm") == "no LLM key is configured (PSG_LLM_API_KEY)"
    assert ael.unavailable_reason("tool", "x") is None
    with pytest.raises(CapabilityDenied, match="PSG_LLM_API_KEY"):
        await ael.execute({"type": "llm_call", "params": {"prompt": "hi"}})


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"key": "a", "name": "nope"}, "Step `a`: No capability named `nope`"),
        ({"key": "a", "type": "agent", "agent_role": "nope"}, "Step `a`: No capability named `nope`"),
        ({"key": "a", "name": "process.run", "params": {"argv": ["git"]}}, "`git` is not allowed here"),
        ({"key": "a", "name": "file.write"}, "PSG_FILE_ROOT"),
        ({"key": "a", "type": "wait"}, "needs either"),
        ({"key": "a", "type": "foreach", "params": {"items": [], "do": {"name": "nope"}}}, "`nope`"),
        (
            {"key": "a", "type": "foreach", "params": {"items": [], "do": {"name": "file.read"}}},
            "PSG_FILE_ROOT",
        ),
    ],
)
async def test_a_plan_is_checked_against_what_this_process_can_do(step: dict[str, Any], message: str) -> None:
    with pytest.raises(PsgError, match=message):
        layer().check_plan(PlanSpec(title="t", objective="o", steps=[step]))


async def test_a_plan_that_can_be_done_passes_the_check() -> None:
    steps = [
        {"key": "a", "name": "x"},
        {"key": "b", "type": "llm", "params": {"prompt": "p"}},
        {"key": "c", "type": "conditional", "condition": "true"},
        {"key": "d", "type": "foreach", "params": {"items": "{{a.output}}", "do": {"name": "x"}}},
    ]
    layer(x=lambda: 1).check_plan(PlanSpec(title="t", objective="o", steps=steps))


async def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSG_ALLOW_PROCESS", "git, python3")
    monkeypatch.setenv("MAX_EXECUTION_TIME", "12s")
    monkeypatch.setenv("PSG_LLM_API_KEY", "sk-123456789")
    settings = AelSettings()
    assert settings.allow_process == ("git", "python3")
    assert settings.max_execution_time == 12.0
    assert "sk-123456789" not in repr(settings)
