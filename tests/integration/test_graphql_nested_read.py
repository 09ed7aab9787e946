"""A plan read together with its steps tells what a plan and its steps tell when they are read one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql_api import Api, running_api

from psg_graphql.lookahead import SHORT_STEP
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
PLAN = {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["c", "a"], "e": []}
STEP = "id uuid projectId planId key type status position ready attempt urgency waitsFor revision recordedAt changedAt"
DEPENDENCIES = "dependencyIds dependencies { id key status dependencies { key description } }"


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def both(api: Api, plan_id: str, fields: str, page: str = "") -> tuple[Any, Any]:
    """The plan's steps by ``plan``, and by ``node``, which reads no step ahead."""
    ahead = await api.ask(f"query ($id: ID!) {{ plan(id: $id) {{ title steps{page} {fields} }} }}", id=plan_id)
    plain = await api.ask(
        f"query ($id: ID!) {{ node(id: $id) {{ ... on Plan {{ title steps{page} {fields} }} }} }}", id=plan_id
    )
    return ahead["plan"], plain["node"]


@pytest.mark.parametrize(
    ("fields", "page"),
    [
        (f"{{ nodes {{ {STEP} dependencies {{ id key }} }} }}", ""),
        (f"{{ nodes {{ {STEP} {DEPENDENCIES} description output params }} }}", ""),
        ("{ nodes { key } pageInfo { hasNextPage endCursor } totalCount }", "(first: 2)"),
        ("{ edges { cursor node { key dependencies { key } } } }", "(first: 3)"),
        ("{ nodes { ... on Step { key description } } }", ""),
        ("{ nodes { key } }", "(status: pending)"),
    ],
)
async def test_both_ways_tell_the_same(api: Api, fields: str, page: str) -> None:
    _, plan_id, _ = await api.plan(PLAN)
    ahead, plain = await both(api, plan_id, fields, page)
    assert ahead == plain
    rows = ahead["steps"].get("nodes") or ahead["steps"]["edges"]
    assert rows


async def test_short_rows_of_one_page_are_no_answer_for_another(api: Api) -> None:
    _, plan_id, _ = await api.plan(PLAN)
    both = """query ($id: ID!) {
      short: plan(id: $id) { steps { nodes { key } } }
      long: plan(id: $id) { steps { nodes { key description dependencies { key description params } } } }
      node(id: $id) { ... on Plan { steps { nodes { description } } } }
    }"""
    found = await api.ask(both, id=plan_id)
    assert [n["key"] for n in found["short"]["steps"]["nodes"]] == list(PLAN)
    third = found["long"]["steps"]["nodes"][2]
    assert [d["key"] for d in third["dependencies"]] == ["a", "b"]
    assert all(d["description"] is not None for d in third["dependencies"])


async def test_a_page_that_ends_before_a_dependency_reads_it(api: Api) -> None:
    _, plan_id, _ = await api.plan({**{f"x{n}": [] for n in range(3)}, "last": ["x0", "x2"]})
    page = "query ($id: ID!, $after: String) { plan(id: $id) { steps(first: 3, after: $after) { nodes { key \
      dependencies { key description } } pageInfo { endCursor } } } }"
    first = await api.ask(page, id=plan_id)
    after = first["plan"]["steps"]["pageInfo"]["endCursor"]
    (last,) = (await api.ask(page, id=plan_id, after=after))["plan"]["steps"]["nodes"]
    assert [d["key"] for d in last["dependencies"]] == ["x0", "x2"]


async def test_a_wrong_page_size_is_refused_by_its_field(api: Api) -> None:
    _, plan_id, _ = await api.plan()
    error = await api.refused("query ($id: ID!) { plan(id: $id) { steps(first: 101) { nodes { key } } } }", id=plan_id)
    assert error["path"] == ["plan", "steps"]


async def test_short_rows_tell_every_field_that_they_stand_for(api: Api) -> None:
    """What lookahead calls short is what the statement returns, field by field."""
    _, plan_id, _ = await api.plan(PLAN)
    every = " ".join(sorted(SHORT_STEP - {"dependencies"}))
    ahead, plain = await both(api, plan_id, f"{{ nodes {{ {every} dependencies {{ {every} }} }} }}")
    assert ahead == plain
