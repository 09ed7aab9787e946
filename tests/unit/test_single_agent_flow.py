"""The single-agent flow in memory: context, registry, ticks, events, results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

import psg_runtime
from psg.errors import LeaseLost, ValidationFailed
from psg_runtime import (
    InMemoryAEL,
    InMemoryVSL,
    RuntimeContext,
    RuntimeModuleRegistry,
    RuntimeResult,
    run_single_agent_flow,
)
from psg_runtime.bus import InMemoryEventBus
from psg_runtime.single_agent import ModuleOutput, RunSingleAgentFlowOptions, RuntimeLoop
from psg_runtime.single_agent.loop import run_key

pytestmark = pytest.mark.anyio


def event(name: str) -> dict[str, Any]:
    return {"event_type": name, "event_family": "intent", "payload": {}}


def module(output: Any, *events: Any, seen: list[Any] | None = None) -> Any:
    async def run(*, ctx: dict[str, Any]) -> dict[str, Any]:
        if seen is not None:
            seen.append(ctx)
        return {"output": output, "events": list(events)}

    return run


class Sink:
    """Takes events and remembers how many were left in the queue behind each."""

    def __init__(self, context: RuntimeContext | None = None) -> None:
        self.context, self.taken, self.behind = context, [], []

    async def publish(self, taken: Any) -> None:
        await anyio.lowlevel.checkpoint()
        self.taken.append(taken)
        if self.context is not None:
            self.behind.append(len(self.context.events))


@pytest.mark.req("L3-39")
async def test_the_entry_the_specification_names_is_public() -> None:
    from psg_runtime import InMemoryAEL, InMemoryVSL, run_single_agent_flow

    assert {"run_single_agent_flow", "InMemoryVSL", "InMemoryAEL"} <= set(psg_runtime.__all__)
    ael, vsl = InMemoryAEL(), InMemoryVSL()

    async def plan(args: dict[str, Any]) -> dict[str, Any]:
        await vsl.set("planned", True)
        return {"output": await ael.execute({"type": "tool_call"}), "events": []}

    result = await run_single_agent_flow(
        {"flow": {}, "runtimeContext": {"ids": {"runId": "run-123"}}, "modules": {"plan": plan}, "vsl": vsl}
    )
    assert result.output["plan"] == {"status": "executed", "action": {"type": "tool_call"}}
    assert result.run_id == "run-123" and await vsl.get("planned") is True


@pytest.mark.req("L3-31")
async def test_a_context_has_the_run_id_twice_and_refuses_two_different_ones() -> None:
    made = RuntimeContext.new({"turn": 1})
    assert made.ids.run_id == made.coordination.ids.run_id == made.run_id
    assert made.to_dict() == {
        "ids": {"runId": made.run_id},
        "coordination": {"ids": {"runId": made.run_id}, "metadata": {"turn": 1}},
        "events": [],
    }
    given = {"ids": {"runId": "a"}, "coordination": {"ids": {"run_id": "a"}, "metadata": {"k": 2}}, "events": [1]}
    parsed = RuntimeContext.of(given)
    assert parsed.events is given["events"] and parsed.coordination.metadata == {"k": 2}
    assert RuntimeContext.of(parsed.to_dict()) == parsed
    assert made["coordination"]["ids"]["runId"] == made["ids"]["run_id"] == made.run_id
    with pytest.raises(KeyError):
        made["__class__"]
    plain = RuntimeContext({"run_id": "b"}, {"ids": {"runId": "b"}, "metadata": {}})  # type: ignore[arg-type]
    assert plain == RuntimeContext.new(run_id="b")
    with pytest.raises(ValidationFailed, match="another run"):
        RuntimeContext.of({"ids": {"runId": "a"}, "coordination": {"ids": {"runId": "b"}}})


@pytest.mark.parametrize(
    "given",
    [
        {}, {"ids": {}}, {"ids": {"runId": ""}}, {"ids": {"runId": 5}}, {"ids": {"runId": "a\n"}}, {"ids": "a"}, "a",
        {"ids": {"runId": "x" * 201}}, {"ids": {"runId": "a"}, "events": "e"},
        {"ids": {"runId": "a"}, "coordination": 1},
        {"ids": {"runId": "a"}, "coordination": {"ids": {"runId": "a"}, "metadata": []}},
    ],
)  # fmt: skip
async def test_a_context_of_another_shape_is_refused_before_anything_runs(given: Any) -> None:
    seen: list[Any] = []
    with pytest.raises(ValidationFailed):
        await run_single_agent_flow(flow={}, runtime_context=given, modules={"context": module(1, seen=seen)})
    assert seen == []


@pytest.mark.req("L3-32")
async def test_no_two_runs_have_the_same_id() -> None:
    assert len({RuntimeContext.new().run_id for _ in range(500)}) == 500
    vsl, context = InMemoryVSL(), RuntimeContext.new(run_id="mine")
    inside: list[str] = []

    async def note(*, ctx: dict[str, Any]) -> ModuleOutput:
        inside.append(ctx["runtime"].run_id)
        return ModuleOutput()

    first = await run_single_agent_flow(flow={}, runtime_context=context, modules={"context": note}, vsl=vsl)
    again = await run_single_agent_flow(flow={}, runtime_context=context, modules={"context": note}, vsl=vsl)
    assert first.run_id == "mine" != again.run_id == context.run_id == context.coordination.ids.run_id
    assert inside == [first.run_id, again.run_id]
    assert (await vsl.get(run_key("mine")))["status"] == "completed"


@pytest.mark.req("L3-32")
async def test_runs_at_the_same_time_from_one_context_keep_apart() -> None:
    vsl, context, results = InMemoryVSL(), RuntimeContext.new(), []

    async def slow(*, ctx: dict[str, Any]) -> dict[str, Any]:
        await anyio.lowlevel.checkpoint()
        return {"output": ctx["runtime"].run_id, "events": []}

    async def run() -> None:
        results.append(await run_single_agent_flow(flow={}, runtime_context=context, modules={"plan": slow}, vsl=vsl))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(run)
    assert len({result.run_id for result in results}) == 20
    assert all(result.output["plan"] == result.run_id for result in results)


@pytest.mark.req("L3-33")
async def test_events_of_a_tick_are_out_in_order_and_the_queue_empty_before_the_next() -> None:
    context = RuntimeContext.new()
    sink, queued = Sink(context), []

    async def first(*, ctx: dict[str, Any]) -> dict[str, Any]:
        ctx["runtime"].events.append("own 1")
        ctx["runtime"].events.append("own 2")
        return {"output": 1, "events": ["returned 1", "returned 2"]}

    async def second(*, ctx: dict[str, Any]) -> dict[str, Any]:
        queued.append((list(ctx["runtime"].events), list(sink.taken)))
        return {"output": 2, "events": ["last"]}

    result = await run_single_agent_flow(
        flow={}, runtime_context=context, modules={"context": first, "plan": second}, vsl=InMemoryVSL(), bus=sink
    )
    before = ["own 1", "own 2", "returned 1", "returned 2"]
    assert queued == [([], before)]
    assert sink.taken == result.events == [*before, "last"]
    assert sink.behind == [4, 3, 2, 1, 1] and context.events == []


@pytest.mark.req("L3-33", "L3-35")
async def test_returned_events_reach_the_consumers_of_an_event_bus_whole_and_in_order() -> None:
    taken: list[Any] = []

    async def consume(given: Any) -> None:
        taken.append(given)

    async with InMemoryEventBus.running() as bus:
        bus.subscribe(consume, families=["intent"])
        modules = {"context": module(1, event("a"), event("b")), "plan": module(2, event("c"))}
        result = await run_single_agent_flow(flow={}, modules=modules, vsl=InMemoryVSL(), bus=bus)
        await bus.drained()
    assert [e["event_type"] for e in taken] == ["a", "b", "c"] and taken == result.events
    assert len({e["event_id"] for e in taken}) == 3 and {e["project_id"] for e in taken} == {result.run_id}


async def test_an_event_that_the_bus_refuses_fails_the_run_and_stays_in_the_queue() -> None:
    context, taken = RuntimeContext.new(), []

    async def consume(given: Any) -> None:
        taken.append(given["event_type"])

    async with InMemoryEventBus.running() as bus:
        bus.subscribe(consume)
        bad = {"event_type": "x", "event_family": "of nobody"}
        modules = {"context": module(1, event("a"), bad, event("b")), "plan": module(2)}
        result = await run_single_agent_flow(flow={}, runtime_context=context, modules=modules, bus=bus)
        await bus.drained()
    assert not result.success and result.error is not None and result.error["details"]["module"] == "context"
    assert taken == ["a"] and context.events == [bad, event("b")]


@pytest.mark.req("L3-34")
async def test_metadata_synchronises_agents_of_a_run_across_ticks_and_an_interruption() -> None:
    """Two agents take turns by what they share; killed in the middle, the run goes on under its id where it was."""
    vsl, said = InMemoryVSL(), []

    def agent(name: str, other: str, die_at: int | None = None) -> Any:
        async def turn(*, ctx: dict[str, Any]) -> dict[str, Any]:
            shared = ctx["runtime"].coordination.metadata
            said.append((name, shared.get("turn", 0), shared.get("by")))
            if shared.get("turn", 0) == die_at:
                raise LeaseLost
            shared.update(turn=shared.get("turn", 0) + 1, by=name)
            return {"output": shared["turn"], "events": []}

        return turn

    flow = {"modules": ["a", "b", "c"]}
    first = {"a": agent("a", "b"), "b": agent("b", "a"), "c": agent("c", "a", die_at=2)}
    with pytest.raises(LeaseLost):
        await run_single_agent_flow(flow=flow, runtime_context=RuntimeContext.new(run_id="r"), modules=first, vsl=vsl)
    result = await run_single_agent_flow(
        flow={"modules": ["c"]}, runtime_context={"ids": {"runId": "r"}}, modules={"c": agent("c", "a")}, vsl=vsl
    )
    assert said == [("a", 0, None), ("b", 1, "a"), ("c", 2, "b"), ("c", 2, "b")]
    assert result.run_id == "r" and result.output["c"] == 3
    assert (await vsl.get(run_key("r")))["metadata"] == {"turn": 3, "by": "c"}


@pytest.mark.req("L3-35")
@pytest.mark.parametrize("form", ["keyword", "mapping", "output", "anything"])
async def test_modules_are_called_with_ctx_and_return_output_and_events(form: str) -> None:
    async def keyword(*, ctx: dict[str, Any]) -> Any:
        return {"output": ctx["flow"]["n"], "events": ["e"]}

    async def mapping(args: dict[str, Any]) -> Any:
        return {"output": args["ctx"]["flow"]["n"], "events": ["e"]}

    async def output(ctx: dict[str, Any]) -> ModuleOutput:
        return ModuleOutput(ctx["flow"]["n"], ["e"])

    async def anything(**given: Any) -> Any:
        return {"output": given["ctx"]["flow"]["n"], "events": ("e",)}

    modules = RuntimeModuleRegistry({"plan": locals()[form]})
    result = await run_single_agent_flow(flow={"n": 7}, modules=modules, vsl=InMemoryVSL())
    assert result.success and result.output["plan"] == 7 and result.events == ["e"]


@pytest.mark.parametrize("answer", [None, 5, {"events": []}, {"output": 1, "events": "x"}, {"output": 1, "events": {}}])
async def test_a_module_that_returns_another_shape_fails_the_run(answer: Any) -> None:
    async def bad(*, ctx: dict[str, Any]) -> Any:
        return answer

    result = await run_single_agent_flow(flow={}, modules={"context": bad, "plan": module(1)})
    assert not result.success and result.error is not None
    assert result.error["code"] == "validation_failed" and result.error["details"]["module"] == "context"


@pytest.mark.req("L3-36")
async def test_modules_are_loaded_and_unloaded_while_runs_use_only_those_that_are_loaded() -> None:
    seen: list[Any] = []
    modules = RuntimeModuleRegistry(context=module("c"))
    result = await run_single_agent_flow(flow={}, modules=modules)
    assert result.output == {"context": "c", "plan": None}

    modules.load("plan", module("p", seen=seen))
    assert (await run_single_agent_flow(flow={}, modules=modules)).output == {"context": "c", "plan": "p"}
    assert modules.loaded() == ["context", "plan"]

    async def unloads(*, ctx: dict[str, Any]) -> dict[str, Any]:
        assert modules.unload("plan") and not modules.unload("plan")
        return {"output": "c2", "events": []}

    modules.load("context", unloads)
    assert (await run_single_agent_flow(flow={}, modules=modules)).output == {"context": "c2", "plan": None}
    assert len(seen) == 1

    async def loads(*, ctx: dict[str, Any]) -> dict[str, Any]:
        modules["plan"] = module("loaded in the run")
        return {"output": "c3", "events": []}

    modules["context"] = loads
    assert (await run_single_agent_flow(flow={}, modules=modules)).output["plan"] == "loaded in the run"


async def test_a_module_is_loaded_from_where_it_is_and_what_is_no_module_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "async def context(*, ctx):\n    return {'output': {'title': 'imported'}, 'events': []}\n"
    (tmp_path / "single_agent_module.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    modules = RuntimeModuleRegistry()
    modules.load("context", "single_agent_module:context")
    assert (await run_single_agent_flow(flow={}, modules=modules)).output["context"] == {"title": "imported"}
    for bad in ("single_agent_module", "single_agent_module:nothing", "no_such_package:x", 5, None):
        with pytest.raises(ValidationFailed):
            modules.load("plan", bad)  # type: ignore[arg-type]
    with pytest.raises(ValidationFailed):
        modules.load("", module(1))
    assert modules.loaded() == ["context"]


@pytest.mark.req("L3-37", "L3-38")
async def test_the_context_module_runs_before_the_plan_module_which_sees_its_output() -> None:
    seen: list[Any] = []
    modules = {"plan": module({"plan_id": 2}, seen=seen), "context": module({"title": "t"}, seen=seen)}
    options = RunSingleAgentFlowOptions(flow={"x": 1}, modules=modules, vsl=InMemoryVSL())
    result = await run_single_agent_flow(options)
    assert result == RuntimeResult(
        True, {"context": {"title": "t"}, "plan": {"plan_id": 2}}, None, [], result.run_id, 2
    )
    assert "context" not in seen[0] and seen[1]["context"] == {"title": "t"} and seen[1]["flow"] == {"x": 1}


@pytest.mark.req("L3-37")
@pytest.mark.parametrize("loaded", [[], ["context"], ["plan"]])
async def test_a_missing_module_is_skipped(loaded: list[str]) -> None:
    result = await run_single_agent_flow(flow={}, modules={name: module(name) for name in loaded}, vsl=InMemoryVSL())
    assert result.success and result.error is None
    assert {name for name, output in result.output.items() if output is not None} == set(loaded)


@pytest.mark.req("L3-38")
@pytest.mark.parametrize("failing", ["context", "plan"])
async def test_an_error_of_a_module_is_the_error_of_the_run(failing: str) -> None:
    sink, ran = Sink(), []

    async def raises(*, ctx: dict[str, Any]) -> Any:
        ctx["runtime"].events.append("before the error")
        raise RuntimeError("boom")

    async def works(*, ctx: dict[str, Any]) -> Any:
        ran.append(1)
        return {"output": 1, "events": ["ok"]}

    modules = {"context": works, "plan": works, failing: raises}
    vsl, context = InMemoryVSL(), RuntimeContext.new()
    result = await run_single_agent_flow(flow={}, runtime_context=context, modules=modules, vsl=vsl, bus=sink)
    assert result.success is False and result.error is not None
    assert "boom" in result.error["message"] and result.error["details"]["module"] == failing
    assert result.error["category"] == "module_error" and result.output[failing] is None
    assert ran == ([] if failing == "context" else [1])
    assert sink.taken[-1] == "before the error" and context.events == []
    assert (await vsl.get(run_key(result.run_id)))["status"] == "failed"
    assert result.to_dict()["success"] is False


@pytest.mark.req("L3-30")
async def test_an_agent_acts_tick_by_tick_until_it_is_done() -> None:
    sink, context = Sink(), RuntimeContext.new()
    states: list[Any] = []
    vsl = InMemoryVSL()

    async def agent(*, ctx: dict[str, Any]) -> dict[str, Any]:
        states.append((ctx["previous"], list(sink.taken), (await vsl.get(run_key(context.run_id)))["tick"]))
        n = (ctx["previous"] or 0) + 1
        return {"output": n, "events": [f"acted {n}"], "done": n == 3}

    modules = {"plan": agent}
    result = await run_single_agent_flow(flow={}, runtime_context=context, modules=modules, vsl=vsl, bus=sink)
    assert result.output["plan"] == 3 and result.ticks == 3
    assert states == [(None, [], 1), (1, ["acted 1"], 2), (2, ["acted 1", "acted 2"], 3)]


@pytest.mark.req("L3-30")
async def test_a_loop_that_is_never_done_ends_as_an_error() -> None:
    async def never(*, ctx: dict[str, Any]) -> dict[str, Any]:
        return {"output": 1, "events": [], "done": False}

    loop = RuntimeLoop(RuntimeContext.new(), {"plan": never}, InMemoryVSL(), max_ticks=50)
    with pytest.raises(Exception, match="plan") as raised:
        await loop.drive("plan", {})
    assert raised.value.error.code == "too_many_ticks" and loop.ticks == 50


async def test_a_store_that_fails_is_told_and_no_silent_success() -> None:
    class Broken(InMemoryVSL):
        async def set(self, key: str, value: Any, tx: Any = None) -> None:
            raise OSError("disk full")

    result = await run_single_agent_flow(flow={}, modules={"context": module(1)}, vsl=Broken())
    assert not result.success and result.error is not None and "disk full" in result.error["message"]


async def test_options_of_another_shape_are_refused() -> None:
    for given in ({"flows": 1}, {"modules": [1]}, {"flow": {"modules": "x"}}):
        with pytest.raises(ValidationFailed):
            await run_single_agent_flow(given)
    with pytest.raises(ValidationFailed, match="not both"):
        await run_single_agent_flow(RunSingleAgentFlowOptions(), flow={})


async def test_an_action_layer_of_memory_serves_a_flow() -> None:
    async def plan(*, ctx: dict[str, Any]) -> dict[str, Any]:
        done = await ctx["ael"].execute({"type": "llm_call", "title": ctx["context"]["title"]})
        await ctx["vsl"].set("plan", done)
        return {"output": done, "events": []}

    vsl = InMemoryVSL()
    modules = {"context": module({"title": "t"}), "plan": plan}
    result = await run_single_agent_flow(flow={}, modules=modules, vsl=vsl, ael=InMemoryAEL())
    assert await vsl.get("plan") == result.output["plan"]
