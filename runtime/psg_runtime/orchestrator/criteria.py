"""Success criteria: CEL over what a plan came to, judged once, at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psg_cypher
from psg.errors import PsgError
from psg.model.codec import loads
from psg_neo4j.database import Database
from psg_runtime.expressions import default_engine

NAMESPACES = frozenset(("params", "item", "index", "steps", "secrets"))


async def judge(
    db: Database, project_id: str, plan_id: str, texts: Sequence[str], params: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return {text, met, error} of each criterion; one that cannot be evaluated is not met, and says why."""
    keys = sorted(set().union(*(_references(text) for text in texts)) - NAMESPACES)
    rows = await db.read(
        psg_cypher.statement("step_inputs"), project_id=project_id, plan_id=plan_id, keys=keys
    )
    steps = {r["key"]: {"status": r["status"], "output": loads(r["output"])} for r in rows}
    return [judged(text, {"steps": steps, "params": params or {}}) for text in texts]


def judged(text: str, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return {text, met, error} of one criterion over ``{"steps": …, "params": …}``."""
    try:
        return {"text": text, "met": default_engine().compile_condition(text).evaluate(scope), "error": None}
    except PsgError as error:
        return {"text": text, "met": False, "error": error.message}


def _references(text: str) -> frozenset[str]:
    try:
        return default_engine().compile_condition(text).references
    except PsgError:
        return frozenset()
