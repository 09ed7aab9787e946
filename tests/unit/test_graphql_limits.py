"""Operations beyond the limits are refused before they run, and judging them is cheap."""

from __future__ import annotations

import time
from typing import Any

import pytest
from graphql import get_introspection_query

from psg_graphql.schema import make_schema
from psg_graphql.settings import ApiSettings

pytestmark = pytest.mark.anyio
SCHEMA = make_schema(ApiSettings())


async def limit_of(query: str) -> str | None:
    """Which limit refuses the query; None when another error or none does."""
    result = await SCHEMA.execute(query, context_value=None)
    codes = [e.extensions.get("limit") for e in result.errors or () if (e.extensions or {}).get("limit")]
    return codes[0] if codes else None


def bomb(levels: int) -> str:
    parts = [f"fragment F{i} on Plan {{ ...F{i + 1} ...F{i + 1} }}" for i in range(levels)]
    return "query($i: ID!) { plan(id: $i) { ...F0 } } " + " ".join(parts) + f" fragment F{levels} on Plan {{ id }}"


@pytest.mark.parametrize("levels", [18, 60])
async def test_nested_doubled_fragments_are_refused_in_no_time(levels: int) -> None:
    await SCHEMA.execute("{ __typename }")
    began = time.perf_counter()
    assert await limit_of(bomb(levels)) == "fields"
    assert time.perf_counter() - began < 0.5  # unmemoised it takes 2^levels steps; the work itself is a few ms


def nested(times: int, last: str) -> str:
    """``last`` within plans of contexts, each time three fields deeper."""
    return "context { plans { nodes { " * times + last + " } } }" * times


async def test_depth_is_bounded_also_through_fragments() -> None:
    assert await limit_of(f"{{ plan(id: 1) {{ {nested(4, 'id')} }} }}") == "depth"
    halves = f"{{ plan(id: 1) {{ {nested(2, '...R')} }} }} fragment R on Plan {{ {nested(2, 'id')} }}"
    assert await limit_of(halves) == "depth"
    assert await limit_of(f"{{ plan(id: 1) {{ {nested(2, 'id')} }} }}") is None


@pytest.mark.parametrize("levels", [140, 400])
async def test_absurd_nesting_is_an_answer_not_a_crash(levels: int) -> None:
    result = await SCHEMA.execute(f"{{ plan(id: 1) {{ {nested(levels, 'id')} }} }}")
    assert result.errors
    assert result.errors[0].extensions["code"] in ("limit_exceeded", "request_invalid", "unexpected_error")


async def test_aliases_are_bounded() -> None:
    assert await limit_of("{ " + " ".join(f"a{i}: health {{ status }}" for i in range(31)) + " }") == "aliases"
    assert await limit_of("{ " + " ".join(f"a{i}: __typename" for i in range(30)) + " }") is None


async def test_fields_are_bounded() -> None:
    assert await limit_of("{ health { " + "status " * 600 + "} }") == "fields"


@pytest.mark.parametrize(
    "query",
    [
        "{ plans(projectId: 1, first: 100) { nodes { steps(first: 100) { nodes { dependencies { id } } } } } }",
        "query($n: Int!) { plans(projectId: 1, first: $n) { nodes { steps(first: $n) { nodes { plan { id } } } } } }",
        "{ nodes(ids: [1]) { ... on Plan { steps(first: 100) { nodes { plan { id } } } } } }",
    ],
)
async def test_cost_multiplies_page_sizes(query: str) -> None:
    assert await limit_of(query) == "cost"


async def test_what_the_platform_itself_asks_is_within_the_limits() -> None:
    nested = "{ plan(id: 1) { id steps(first: 100) { edges { node { key status dependencies { id key } } } } } }"
    assert await limit_of(nested) is None
    result = await SCHEMA.execute(get_introspection_query())
    assert result.errors is None


async def test_tokens_are_bounded() -> None:
    result = await SCHEMA.execute("{ " + "__typename " * 2100 + "}")
    assert result.errors
    assert "token" in result.errors[0].message


async def test_errors_suggest_no_field_names() -> None:
    result = await SCHEMA.execute("{ helth { status } }")
    assert result.errors
    assert "health" not in result.errors[0].message.lower()


async def test_introspection_can_be_switched_off() -> None:
    result: Any = await make_schema(ApiSettings(introspection=False)).execute("{ __schema { types { name } } }")
    assert result.errors
    assert result.data is None
