"""The health of the past, in the graph: bounded in number and in age."""

from __future__ import annotations

from collections.abc import Iterable

import psg_cypher
from psg.model.codec import dumps, loads
from psg_neo4j.database import Database, Row
from psg_neo4j.errors import OutcomeUnknown
from psg_runtime.monitoring.model import HealthHistory, HealthRecord, ModuleHealth, TimeRange

PAGE = 1_000
PRUNED_AT_ONCE = 5_000


async def record(db: Database, found: Iterable[ModuleHealth], source: str) -> None:
    """Note what was found, with the database's time; ``source`` says which process looked."""
    rows = [
        {
            "component": health.module_id, "status": health.status, "details": dumps(health.details),
            "response_time_ms": health.response_time_ms, "source": source,
        }
        for health in found
    ]  # fmt: skip
    try:
        await db.write(psg_cypher.statement("health_append"), idempotent=False, batch={"rows": rows})
    except OutcomeUnknown:
        return  # rather one finding less than one twice


async def history(db: Database, span: TimeRange, component: str | None = None, limit: int = PAGE) -> HealthHistory:
    """What was found within ``span``, in order; of more than ``limit`` records the latest."""
    rows = await db.read(
        psg_cypher.statement("health_history"),
        **{"from": span.start, "to": span.end, "component": component, "limit": limit + 1},
    )
    kept = [_record(row["record"]) for row in rows[:limit]]
    return HealthHistory(range=span, records=kept[::-1], truncated=len(rows) > limit)


async def prune(db: Database, now_ms: int, keep_ms: int, keep_records: int) -> int:
    """Remove what is older than ``keep_ms`` and, of what is left, what ``keep_records`` do not cover."""
    statement = psg_cypher.statement("health_prune")
    (row,) = await db.write(statement, before=now_ms - keep_ms, limit=PRUNED_AT_ONCE)
    removed = row["removed"]
    counted = await db.read_one(psg_cypher.statement("health_count"))
    over = (counted["count"] if counted else 0) - keep_records
    if over > 0:
        (row,) = await db.write(statement, before=now_ms + 1, limit=min(over, PRUNED_AT_ONCE))
        removed += row["removed"]
    return int(removed)


def _record(row: Row) -> HealthRecord:
    return HealthRecord(
        component=row["component"], status=row["status"], at=row["at"], details=loads(row["details"]) or {},
        response_time_ms=row["response_time_ms"], source=row["source"],
    )  # fmt: skip
