"""Query plans as plain data, for the test that looks for scans (DESIGN §3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import neo4j


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What EXPLAIN said.

    ``operators`` from the root downwards, each with operator ("NodeUniqueIndexSeek"), details, identifiers,
    estimated_rows, depth and the index of its parent in the list (None for the root). ``notifications`` each
    with gql_status ("01N50"), severity, classification and description.
    """

    operators: list[dict[str, Any]]
    notifications: list[dict[str, Any]]

    @property
    def names(self) -> set[str]:
        """The names of all operators."""
        return {operator["operator"] for operator in self.operators}


def query_plan(summary: neo4j.ResultSummary) -> QueryPlan:
    """Read the plan and the notifications of ``summary``."""
    operators: list[dict[str, Any]] = []
    if summary.plan:
        _walk(summary.plan, 0, None, operators)
    return QueryPlan(operators, list(_notifications(summary)))


def _walk(node: Mapping[str, Any], depth: int, parent: int | None, found: list[dict[str, Any]]) -> None:
    arguments = node.get("args") or {}
    here = len(found)
    found.append(
        {
            "operator": node["operatorType"].partition("@")[0],
            "details": arguments.get("Details", ""),
            "identifiers": list(node.get("identifiers") or ()),
            "estimated_rows": arguments.get("EstimatedRows"),
            "depth": depth,
            "parent": parent,
        }
    )
    for child in node.get("children") or ():
        _walk(child, depth + 1, here, found)


def _notifications(summary: neo4j.ResultSummary) -> Iterator[dict[str, Any]]:
    for status in summary.gql_status_objects:
        if status.is_notification:
            yield {
                "gql_status": status.gql_status,
                "severity": status.raw_severity,
                "classification": status.raw_classification,
                "description": status.status_description,
            }
