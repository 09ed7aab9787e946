"""The registry in depth: JSON Schemas, versions, functions' own types, what is off or only declared."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from psg.errors import CapabilityDenied, UnknownCapability, ValidationFailed
from psg.plan.spec import PlanSpec
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry, Parked
from psg_runtime.ael.versions import parse_version

SEARCH = {
    "name": "web_search",
    "type": "tool",
    "description": "Search the web for information",
    "inputSchema": {
        "type": "object",
        "properties": {"query": {"type": "string"}, "maxResults": {"type": "number", "default": 5}},
        "required": ["query"],
    },
    "outputSchema": {
        "type": "object",
        "properties": {"results": {"type": "array", "items": {"type": "object", "required": ["title", "url"]}}},
        "required": ["results"],
    },
    "enabled": True,
}


class Report(BaseModel):
    title: str
    words: int


@dataclass
class Point:
    x: int
    y: int


async def call(registry: CapabilityRegistry, name: str, params: dict[str, Any], kind: str = "tool_call") -> Any:
    result = await AdapterLayer(registry, AelSettings()).execute({"type": kind, "name": name, "params": params})
    return result.output


def one(name: str = "x", **fields: Any) -> CapabilityRegistry:
    registry = CapabilityRegistry()
    registry.register(name=name, type=fields.pop("type", "tool"), **fields)
    return registry


@pytest.mark.anyio
@pytest.mark.req("ORCH-10", "ORCH-12")
async def test_the_tool_of_the_specification_takes_json_schemas() -> None:
    calls: list[Any] = []

    async def search(query: str, maxResults: int) -> Any:
        calls.append((query, maxResults))
        return {"results": [{"title": query, "url": "https://example.org"}] * maxResults}

    registry = CapabilityRegistry()
    registry.register(SEARCH, call=search)
    assert len((await call(registry, "web_search", {"query": "q"}))["results"]) == 5
    for wrong in ({}, {"query": 7}, {"query": "q", "maxResults": "5"}, {"query": None}):
        with pytest.raises(ValidationFailed, match="params of `web_search` are not valid"):
            await call(registry, "web_search", wrong)
    assert calls == [("q", 5)]
    (described,) = registry.describe()
    assert described["input_schema"] == SEARCH["inputSchema"]
    assert described["output_schema"] == SEARCH["outputSchema"]


@pytest.mark.anyio
@pytest.mark.req("ORCH-13")
async def test_the_service_of_the_specification_enforces_e_mail_addresses() -> None:
    sent: list[str] = []

    def send(to: str, subject: str, body: str) -> Any:
        sent.append(to)
        return {"messageId": "1", "sent": subject != "lie" or "yes"}

    text = {"type": "string"}
    registry = one(
        "email_service", type="service", call=send,
        input_schema={"type": "object", "properties": {"to": {"type": "string", "format": "email"}, "subject": text,
                      "body": text}, "required": ["to", "subject", "body"]},
        output_schema={"type": "object", "properties": {"messageId": text, "sent": {"type": "boolean"}},
                       "required": ["messageId", "sent"]},
    )  # fmt: skip
    good = {"to": "a@example.org", "subject": "s", "body": "b"}
    assert await call(registry, "email_service", good) == {"messageId": "1", "sent": True}
    with pytest.raises(ValidationFailed, match=r"params of `email_service`.*to: "):
        await call(registry, "email_service", good | {"to": "not an address"})
    assert sent == ["a@example.org"]
    with pytest.raises(ValidationFailed, match=r"outputs of `email_service`.*sent: "):
        await call(registry, "email_service", good | {"subject": "lie"})


@pytest.mark.req("ORCH-10")
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_schema": {"type": "string"}, "call": len}, "must describe an object"),
        ({"input_schema": {"type": "nothing"}, "call": lambda: 1}, "no usable JSON Schema"),
        ({"input_schema": "string", "call": lambda: 1}, "is no schema"),
        ({"output_schema": True, "call": lambda: 1}, "is no schema"),
        ({"input_schema": {"properties": {"a": {}}}, "call": lambda: 1}, "no parameter for a of the input schema"),
        ({"call": "print"}, "`call` is a function"),
        ({}, "needs an input schema"),
        ({"call": lambda: 1, "enabled": "yes"}, "`enabled` is true or false"),
        ({"call": lambda: 1, "metadata": 3}, "`metadata` is a mapping"),
        ({"call": lambda: 1, "version": "1.2"}, "no semantic version"),
        ({"call": lambda: 1, "version": "01.2.3"}, "no semantic version"),
        ({"call": lambda: 1, "cost": 3}, "cannot be registered: .*cost"),
        ({"call": dict.fromkeys}, "usable by name|cannot be read"),
    ],
)
def test_wrong_registrations_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationFailed, match=message):
        CapabilityRegistry().register(name="x", type="tool", **fields)


@pytest.mark.parametrize("name", ["", " x", "x@1.0.0", "a{{b}}", "a\nb", "x" * 201, None, 7])
def test_wrong_names_are_refused(name: Any) -> None:
    with pytest.raises(ValidationFailed, match="is no name of a capability"):
        CapabilityRegistry().register(name=name, type="tool", call=lambda: 1)
    with pytest.raises(ValidationFailed, match="cannot be registered"):
        CapabilityRegistry().register(type="tool", call=lambda: 1)


@pytest.mark.anyio
@pytest.mark.req("ORCH-14")
async def test_what_is_only_declared_is_known_and_cannot_be_executed() -> None:
    registry = CapabilityRegistry()
    registry.register(SEARCH)
    assert registry.describe()[0]["enabled"] is True
    assert registry.names() == []
    with pytest.raises(CapabilityDenied, match="declared only"):
        await call(registry, "web_search", {"query": "q"})
    spec = PlanSpec(title="t", objective="o", steps=[{"key": "a", "name": "web_search"}])
    with pytest.raises(CapabilityDenied, match=r"Step `a`: .*declared only"):
        AdapterLayer(registry, AelSettings()).check_plan(spec)


def versions_of(*versions: str | None, **off: str) -> CapabilityRegistry:
    registry = CapabilityRegistry()
    for version in versions:
        registry.register(name="x", type="tool", version=version, call=lambda version=version: version)
    return registry


@pytest.mark.anyio
@pytest.mark.req("ORCH-10")
async def test_the_newest_version_is_taken_unless_the_step_names_one() -> None:
    registry = versions_of("1.9.0", "1.10.0", "1.10.0-rc.1", None, "0.1.0")
    assert await call(registry, "x", {}) == "1.10.0"
    assert await call(registry, "x@1.9.0", {}) == "1.9.0"
    assert [c.version and c.version.text for c in registry.versions("x")] == [
        "1.10.0", "1.10.0-rc.1", "1.9.0", "0.1.0", None
    ]  # fmt: skip
    assert registry.names() == ["x", "x@0.1.0", "x@1.10.0", "x@1.10.0-rc.1", "x@1.9.0"]
    with pytest.raises(UnknownCapability, match=r"`x` has no version '2.0.0' here: known are x@1.10.0, x@"):
        await call(registry, "x@2.0.0", {})
    with pytest.raises(UnknownCapability, match=r"No capability named `y@1.0.0`"):
        await call(registry, "y@1.0.0", {})
    with pytest.raises(ValidationFailed, match=r"`x@1.9.0` exists already"):
        registry.register(name="x", type="tool", version="1.9.0", call=lambda: 1)
    with pytest.raises(ValidationFailed, match="all versions are of one type"):
        registry.register(name="x", type="agent", version="3.0.0", call=lambda: 1)


@pytest.mark.anyio
@pytest.mark.req("ORCH-14")
async def test_a_disabled_version_is_passed_over_and_refused_by_name() -> None:
    registry = versions_of("1.0.0", "2.0.0")
    registry.disable("x@2.0.0", "it loses letters")
    assert await call(registry, "x", {}) == "1.0.0"
    assert registry.names() == ["x", "x@1.0.0"]
    with pytest.raises(CapabilityDenied, match=r"`x@2.0.0` is disabled: it loses letters"):
        await call(registry, "x@2.0.0", {})
    registry.disable("x", "all of it")
    with pytest.raises(CapabilityDenied, match="all of it"):
        await call(registry, "x", {})
    registry.enable("x")
    assert await call(registry, "x", {}) == "2.0.0"
    registry.remove("x@2.0.0")
    assert await call(registry, "x", {}) == "1.0.0"
    registry.remove("x")
    for change in (registry.enable, lambda name: registry.disable(name, "why")):
        with pytest.raises(UnknownCapability):
            change("x")


@pytest.mark.anyio
@pytest.mark.req("ORCH-14")
async def test_a_disabled_agent_is_told_as_disabled() -> None:
    registry = one("writer", type="agent", call=lambda: 1, version="1.0.0")
    assert await call(registry, "writer@1.0.0", {}, kind="agent_handoff") == 1
    assert registry.roles() == ["writer", "writer@1.0.0"]
    registry.disable("writer", "on holiday")
    assert registry.roles() == []
    for kind in ("agent_handoff", "custom_action"):
        with pytest.raises(CapabilityDenied, match="on holiday"):
            await call(registry, "writer", {}, kind=kind)


def test_a_version_may_stand_in_the_metadata_as_in_the_specification() -> None:
    registry = one(call=lambda: 1, metadata={"version": "1.0.0", "owner": "marketing-team"})
    assert registry.describe()[0]["version"] == "1.0.0"
    assert one(call=lambda: 1, metadata={"version": "spring"}).describe()[0]["version"] is None


def test_versions_are_ordered_as_semantic_versioning_says() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
               "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.11.0", "2.0.0"]  # fmt: skip
    parsed = [parse_version(text) for text in reversed(ordered)]
    assert [v.text for v in sorted(v for v in parsed if v)] == ordered
    assert [parse_version(t) for t in ("1", "v1.0.0", "1.0.0-", "1.0.0-01", "", None, 1.0, "1.0.0\n")] == [None] * 8


@pytest.mark.anyio
@pytest.mark.req("ORCH-13")
async def test_models_in_the_return_annotation_are_the_output_schema() -> None:
    def report(title: str) -> Report:
        return Report(title=title, words=3)

    def reports() -> list[Report]:
        return [Report(title="a", words=1)]

    def lies() -> Report:
        return {"title": "a", "words": "many"}  # type: ignore[return-value]

    async def point() -> Point | None:
        return Point(1, 2)

    def parks() -> Parked | Report:
        return Parked(due_in_ms=1)

    registry = CapabilityRegistry()
    for function in (report, reports, lies, point, parks):
        registry.register(name=function.__name__, type="tool", call=function)
    assert await call(registry, "report", {"title": "t"}) == {"title": "t", "words": 3}
    assert await call(registry, "reports", {}) == [{"title": "a", "words": 1}]
    assert await call(registry, "point", {}) == {"x": 1, "y": 2}
    with pytest.raises(ValidationFailed, match="outputs of `lies`"):
        await call(registry, "lies", {})
    assert registry.get("report").describe()["output_schema"]["properties"]["words"] == {
        "title": "Words", "type": "integer"
    }  # fmt: skip
    assert registry.get("parks").output is None


@pytest.mark.anyio
async def test_a_model_that_nobody_can_check_is_no_output_schema() -> None:
    @dataclass
    class Held:
        handle: Nowhere | None  # type: ignore[name-defined] # noqa: F821 - a name that nobody can look up
        n: int = 1

    def hold() -> Held:
        return Held(None)

    hold.__annotations__["return"] = Held
    assert await call(one(call=hold), "x", {}) == Held(None)
    with pytest.raises(ValidationFailed, match="is no schema"):
        one(call=hold, output_schema=Held)


@pytest.mark.anyio
@pytest.mark.req("ORCH-13")
async def test_models_pass_an_output_given_as_json_schema() -> None:
    shape = {"type": "object", "properties": {"words": {"maximum": 3}, "lang": {"default": "en"}}}
    registry = one(call=lambda words: Report(title="t", words=words), output_schema=shape)
    assert await call(registry, "x", {"words": 3}) == {"title": "t", "words": 3, "lang": "en"}
    with pytest.raises(ValidationFailed, match=r"outputs of `x`.*words: "):
        await call(registry, "x", {"words": 4})
    with pytest.raises(ValidationFailed, match="outputs of `x` are not JSON"):
        await call(one(call=lambda: object(), output_schema=shape), "x", {})


@pytest.mark.anyio
@pytest.mark.req("ORCH-12")
async def test_what_the_schema_lets_through_and_the_function_cannot_take_is_refused_before_the_call() -> None:
    calls: list[Any] = []

    def narrow(a: int, b: int) -> None:
        calls.append((a, b))

    registry = one(call=narrow, input_schema={"type": "object", "properties": {"a": {"type": "integer"}}})
    with pytest.raises(ValidationFailed, match="b: the function needs it; c: the function does not take it"):
        await call(registry, "x", {"a": 1, "c": 2})
    await call(registry, "x", {"a": 1, "b": 2})
    assert calls == [(1, 2)]


@pytest.mark.anyio
async def test_types_and_adapters_are_schemas_too() -> None:
    registry = one(call=lambda **params: params, input_schema=TypeAdapter(dict[str, int]))
    assert await call(registry, "x", {"a": "1"}) == {"a": 1}
    partial = one(call=functools.partial(lambda a, b: a + b, b=2))
    assert await call(partial, "x", {"a": 1}) == 3


def test_what_json_schema_has_no_words_for_is_left_out() -> None:
    class Handle:
        pass

    class Odd(BaseModel):
        a: int = 1
        handle: Any = Handle()

    def hold(handle: Handle, n: int = 1) -> None:
        del handle, n

    hold.__annotations__["handle"] = Handle
    assert one(call=hold).describe()[0]["input_schema"] == {}
    (odd,) = one(call=lambda a, handle: a, input_schema=Odd).describe()
    assert odd["input_schema"]["properties"]["a"]["default"] == 1
    assert "default" not in odd["input_schema"]["properties"]["handle"]


def test_the_hash_of_the_schemas_is_that_of_what_they_say() -> None:
    def hashed(**schema: Any) -> str:
        return one(call=lambda **_: 1, input_schema=schema).get("x").schema_hash

    def given(**schema: Any) -> str:
        return hashed(properties={"title": {"type": "string", **schema}})

    assert hashed(type="object", required=["a"]) == hashed(required=["a"], type="object")
    assert hashed(type="object", required=["a"]) != hashed(type="object", required=["b"])
    assert given(description="the title") == given(title="T", examples=["x"]) == given()
    assert given(default="x") != given()
    assert given(const={"title": 1}) != given(const={"title": 2})
    assert hashed(properties={"title": {}}) != hashed(properties={"description": {}})
