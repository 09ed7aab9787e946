"""Registering and calling capabilities."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from psg.errors import CapabilityDenied, UnknownCapability, ValidationFailed
from psg_runtime.ael import ActionContext, AdapterLayer, AelSettings, CapabilityRegistry, agent, service, tool


class SearchInput(BaseModel):
    query: str
    max_results: int = 5


class EmailOutput(BaseModel):
    message_id: str
    kind: Literal["blog", "email", "social"] = Field()


async def call(registry: CapabilityRegistry, name: str, params: dict[str, Any], kind: str = "tool_call") -> Any:
    result = await AdapterLayer(registry, AelSettings()).execute({"type": kind, "name": name, "params": params})
    return result.output


@pytest.mark.req("ORCH-10", "ORCH-11")
def test_register_takes_the_fields_of_the_specification() -> None:
    registry = CapabilityRegistry()
    registry.register(
        {
            "name": "web_search",
            "type": "tool",
            "description": "Search the web",
            "inputSchema": SearchInput,
            "outputSchema": list[str],
            "enabled": True,
            "metadata": {"version": "1.0.0"},
            "call": lambda query, max_results: [query] * max_results,
        }
    )
    (described,) = registry.describe()
    assert described["name"] == "web_search"
    assert described["input_schema"]["properties"]["max_results"]["default"] == 5
    assert described["metadata"] == {"version": "1.0.0"}
    with pytest.raises(ValidationFailed, match="type `robot` is not one of tool, agent, service"):
        registry.register(name="x", type="robot", call=print)


@pytest.mark.anyio
@pytest.mark.req("ORCH-12")
async def test_inputs_are_validated_and_defaults_applied() -> None:
    calls: list[Any] = []

    def search(query: str, max_results: int) -> list[str]:
        calls.append((query, max_results))
        return []

    registry = CapabilityRegistry()
    registry.register(name="web_search", type="tool", input_schema=SearchInput, call=search)
    await call(registry, "web_search", {"query": "q"})
    assert calls == [("q", 5)]
    with pytest.raises(ValidationFailed, match="query: Field required"):
        await call(registry, "web_search", {"max_results": 1})
    assert len(calls) == 1


@pytest.mark.anyio
@pytest.mark.req("ORCH-12")
async def test_the_signature_is_the_schema_when_none_is_given() -> None:
    def measure(path: Path, limit: int = 10, *, json: bool = False) -> dict[str, Any]:
        return {"path": path.name, "limit": limit, "json": json}

    registry = CapabilityRegistry()
    registry.register(name="measure", type="tool", call=measure)
    assert await call(registry, "measure", {"path": "a/b.txt"}) == {"path": "b.txt", "limit": 10, "json": False}
    assert (await call(registry, "measure", {"path": "x", "limit": "7", "json": True}))["limit"] == 7
    with pytest.raises(ValidationFailed, match=r"params of `measure`.*limt"):
        await call(registry, "measure", {"path": "x", "limt": 1})
    with pytest.raises(ValidationFailed, match="path: Field required"):
        await call(registry, "measure", {})


@pytest.mark.anyio
async def test_a_function_with_open_keywords_takes_everything() -> None:
    registry = CapabilityRegistry()
    registry.register(name="echo", type="tool", call=lambda **params: params)
    assert await call(registry, "echo", {"a": 1, "schema": [2]}) == {"a": 1, "schema": [2]}


@pytest.mark.anyio
@pytest.mark.req("ORCH-13")
async def test_outputs_are_validated() -> None:
    registry = CapabilityRegistry()
    registry.register(
        name="email", type="service", output_schema=EmailOutput, call=lambda kind: {"message_id": "1", "kind": kind}
    )
    assert await call(registry, "email", {"kind": "blog"}) == {"message_id": "1", "kind": "blog"}
    with pytest.raises(ValidationFailed, match=r"outputs of `email`.*kind"):
        await call(registry, "email", {"kind": "fax"})


@pytest.mark.anyio
@pytest.mark.req("ORCH-14")
async def test_unknown_and_disabled_capabilities_do_not_run() -> None:
    calls: list[int] = []
    registry = CapabilityRegistry()
    registry.register(name="format_code", type="tool", enabled=False, call=lambda: calls.append(1))
    with pytest.raises(CapabilityDenied, match="disabled"):
        await call(registry, "format_code", {})
    with pytest.raises(UnknownCapability, match="did you mean `format_code`"):
        await call(registry, "fromat_code", {})
    with pytest.raises(UnknownCapability, match="is of type tool"):
        await call(registry, "format_code", {}, kind="agent_handoff")
    assert calls == []


def test_names_are_unique_and_built_in_ones_reserved() -> None:
    registry = CapabilityRegistry()
    registry.register(name="a", type="tool", call=lambda: None)
    for name in ("a", "process.run", "wait"):
        with pytest.raises(ValidationFailed, match="exists already"):
            registry.register(name=name, type="tool", call=lambda: None)


def test_a_function_that_cannot_be_called_by_name_is_refused() -> None:
    def positional(x: int, /) -> int:
        return x

    with pytest.raises(ValidationFailed, match="usable by name"):
        CapabilityRegistry().register(name="p", type="tool", call=positional)


@tool("demo.add")
def add(a: int, b: int = 1) -> int:
    return a + b


@agent("writer")
async def write(topic: str, ctx: ActionContext) -> dict[str, Any]:
    return {"topic": topic, "key": ctx.idempotency_key, "role": ctx.agent_role, "attempt": ctx.attempt}


@service("demo.send")
def send(to: str) -> str:
    return to


def install(registry: CapabilityRegistry) -> None:
    registry.register(name="installed", type="tool", call=lambda: 1)


@pytest.fixture
def demo_module(monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("psg_demo_module")
    vars(module).update({"add": add, "write": write, "send": send, "install": install, "other": 3})
    vars(module)["both"] = [add, send]
    monkeypatch.setitem(sys.modules, "psg_demo_module", module)
    return "psg_demo_module"


def test_loading_a_module(demo_module: str) -> None:
    registry = CapabilityRegistry()
    assert registry.load(demo_module) == ["demo.add", "demo.send", "writer"]
    assert registry.roles() == ["writer"]


@pytest.mark.parametrize(
    ("attribute", "names"),
    [("add", ["demo.add"]), ("both", ["demo.add", "demo.send"]), ("install", ["installed"])],
)
def test_loading_an_attribute(demo_module: str, attribute: str, names: list[str]) -> None:
    assert CapabilityRegistry().load(f"{demo_module}:{attribute}") == names


@pytest.mark.parametrize("reference", ["psg_no_such_module", "psg_demo_module:nope", "psg_demo_module:other", "json"])
def test_what_cannot_be_loaded_is_named(demo_module: str, reference: str) -> None:
    with pytest.raises(UnknownCapability, match=reference):
        CapabilityRegistry().load(reference)


@pytest.mark.anyio
@pytest.mark.req("DD-42")
async def test_a_step_bound_to_a_role_goes_to_its_agent(demo_module: str) -> None:
    registry = CapabilityRegistry()
    registry.load(demo_module)
    layer = AdapterLayer(registry, AelSettings())
    result = await layer.execute(
        {
            "type": "step_execution",
            "step_id": "s",
            "agent_role": "writer",
            "params": {"topic": "t"},
            "idempotency_key": "k1",
            "attempt": 2,
        }
    )
    assert result.success
    assert result.output == {"topic": "t", "key": "k1", "role": "writer", "attempt": 2}
    with pytest.raises(UnknownCapability, match="No capability named `editor`"):
        await layer.execute({"type": "step_execution", "step_id": "s", "agent_role": "editor"})


@pytest.mark.anyio
async def test_ctx_is_no_parameter_of_a_plan(demo_module: str) -> None:
    registry = CapabilityRegistry()
    registry.load(demo_module)
    with pytest.raises(ValidationFailed, match="`ctx` is no parameter"):
        await call(registry, "writer", {"topic": "t", "ctx": {}}, kind="agent_handoff")
