"""What audit keeps of an event that retention removes: who asked for what and when, and a hash of all the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

import psg_cypher
from psg.audit.checkpoint import number
from psg.errors import ValidationFailed
from psg.events.projection import statuses
from psg.model.codec import opened
from psg.model.ids import check_id
from psg_neo4j.database import Database

Row = dict[str, Any]

COST_FAMILIES = frozenset(("cost_budget",))
"""Families whose events are kept whole: what was spent stays answerable."""
SAME = (
    "seq", "at", "event_id", "family", "type", "op", "entity_type", "entity", "plan", "actor", "command_id",
    "correlation_id",
)  # fmt: skip
PAGE_MOST = 1_000


def digest(before: str, event: Mapping[str, Any]) -> str:
    """Return the running SHA-256 over events: of the digest before and the canonical text of this one."""
    return hashlib.sha256(before.encode() + b"\n" + _canonical(event)).hexdigest()


def fact_of(event: Mapping[str, Any]) -> Row | None:
    """Return what is kept of an event, ``None`` where its node tells the same (what a run recorded step by step).

    Kept are the first event of every command, each change of a plan's status, and what was spent.
    """
    spent = event["family"] in COST_FAMILIES
    of_plan = event["family"] == "pipeline_stage" and event["entity_type"] == "Plan"
    if event.get("command_id") is None and not spent and not of_plan:
        return None
    before, after = statuses(event)
    fact = {name: event.get(name) for name in SAME}
    fact |= {
        "id": number(event["seq"]), "from_status": before, "to_status": after,
        "sha256": hashlib.sha256(_canonical(event)).hexdigest(), "details": event["changes"] if spent else None,
    }  # fmt: skip
    return fact


def _canonical(event: Mapping[str, Any]) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


async def facts(
    db: Database, project_id: str, *, plan_id: str | None = None, after: int = 0, limit: int = 100
) -> list[Row]:
    """Return up to ``limit`` facts about removed events behind number ``after``, of a project or of one plan.

    A fact has the number, time, family, type, actor and command of the event, what it was about, the statuses that it
    changed, and the SHA-256 of the whole event.
    """
    check_id(project_id, "project_id")
    if not 0 < limit <= PAGE_MOST:
        raise ValidationFailed(f"limit: {limit} is not from 1 to {PAGE_MOST}", field="limit")
    if plan_id is None:
        name, more = "retention_facts", {}
    else:
        name, more = "retention_facts_of_plan", {"plan_id": check_id(plan_id, "plan_id")}
    rows = await db.read(
        psg_cypher.statement(name), project_id=project_id, after=number(after), limit=limit, **more
    )
    return [_fact(row["fact"]) for row in rows]


def _fact(row: Mapping[str, Any]) -> Row:
    details = row.get("details")
    known = {name: row.get(name) for name in (*SAME, "from_status", "to_status", "sha256")}
    return known | {"details": None if details is None else opened(details)}
