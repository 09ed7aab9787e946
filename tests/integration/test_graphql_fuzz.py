"""Operations made from the schema at random: answered or refused, never a crash, and the graph stays whole."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql_api import running_api
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import mutations, nodes, queries

from psg.audit import verify
from psg_graphql.export import schema_text
from psg_graphql.global_id import parse_global_id
from psg_graphql.policy import ROOT_FIELDS
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
SCALARS: dict[str, Any] = {
    "JSON": st.one_of(
        st.text(max_size=20).map(nodes.String), st.integers(-(2**63), 2**63).map(nodes.Int), st.just(nodes.Null)
    ),
    "Long": st.integers(-(2**54), 2**54).map(nodes.Int),
    "Timestamp": st.sampled_from(["2026-01-01T00:00:00Z", "yesterday", ""]).map(nodes.String),
    "UUID": st.uuids(version=4).map(lambda u: nodes.String(str(u))),
}
# What is of one project, as only ours is there to be changed.
OF_PROJECTS = [
    name.partition(".")[2] for name, rule in ROOT_FIELDS.items()
    if name.startswith("Mutation.") and {"input.project_id", "input.id", "input.plan_id"} & {*rule.paths}
]  # fmt: skip
TAKEN_OUT = {"Query.cypher"}  # has a corpus of its own
READ = [name.partition(".")[2] for name in ROOT_FIELDS if name.startswith("Query.") and name not in TAKEN_OUT]


def drawn(strategy: st.SearchStrategy[str], examples: int) -> list[str]:
    """The same examples in every run."""
    found: list[str] = []

    @settings(
        max_examples=examples, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


def pointed(text: str, number: int, project_id: str, plan_id: str) -> str:
    """Two of three operations are about things that exist."""
    if number % 3:
        text = re.sub(r'projectId: "(?:[^"\\]|\\.)*"', f'projectId: "{project_id}"', text)
        text = re.sub(r'\b(id|planId): "(?:[^"\\]|\\.)*"', rf'\1: "{plan_id}"', text)
    return text


@pytest.mark.parametrize("examples", [20, pytest.param(250, marks=pytest.mark.long)])
async def test_whatever_the_schema_allows_is_answered_or_refused(db: Database, examples: int) -> None:
    schema = schema_text()
    texts = drawn(queries(schema, fields=READ, custom_scalars=SCALARS), examples)
    texts += drawn(mutations(schema, fields=OF_PROJECTS, custom_scalars=SCALARS), examples)
    assert len(texts) >= examples
    codes: dict[str, int] = {}
    async with running_api(db) as api:
        project_id, plan_id, _ = await api.running_plan({"a": [], "b": ["a"]})
        for number, text in enumerate(texts):
            text = pointed(text, number, project_id, plan_id)
            answer = await api.post(text, accept="application/graphql-response+json")
            assert answer.status_code in (200, 400, 413), (text, answer.text)
            for error in answer.json().get("errors") or ():
                code = error["extensions"]["code"]
                codes[code] = codes.get(code, 0) + 1
                assert code not in ("unexpected_error", "database_error", "statement_rejected"), (text, error)
            if answer.json().get("errors") is None:
                codes["ok"] = codes.get("ok", 0) + 1
        assert codes.get("ok", 0) > examples // 4, codes
        assert (await verify(db, parse_global_id(project_id).project_id)).violations == []
