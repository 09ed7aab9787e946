"""Every reading statement goes by an index, whatever the store holds."""

from __future__ import annotations

import pytest

import psg_cypher
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
SCANS = {"AllNodesScan", "NodeByLabelScan", "CartesianProduct", "VarLengthExpand(All)", "DirectedAllRelationshipsScan"}
OURS = sorted(n for n, s in psg_cypher.statements().items() if s.file in ("read.cypher", "events.cypher"))
PARAMS = {
    "project_id": "p", "plan_id": "x", "context_id": "x", "trace_id": "x", "after": "", "limit": 10, "status": None,
    "name": "n", "batch": {"keys": [["p", "x"]], "project_ids": ["p"]}, "span": 10, "upto": 5,
    "filter": {"families": None, "plan_id": None},
}  # fmt: skip
# Pages that come out of the index in their order: nothing but the rows of the page is ever sorted.
ORDERED = {
    "step_page", "segment_page", "frontier", "context_page", "plan_page", "trace_page", "confirm_page", "role_page",
    "project_page", "log_of_plan",
}  # fmt: skip


@pytest.mark.parametrize("name", OURS)
async def test_reads_go_by_index(db: Database, name: str) -> None:
    statement = psg_cypher.statement(name)
    after = 0 if name in ("step_page", "segment_page", "log_window", "log_of_plan") else ""
    plan = await db.explain(statement, PARAMS | {"after": after})
    assert not plan.names & SCANS, plan.names
    assert not [n for n in plan.notifications if n["severity"] == "WARNING" and n["gql_status"] == "03N90"]
    if name in ORDERED:
        assert not plan.names & {"Top", "PartialTop", "PartialSort"}, plan.names
