"""Resources of the installation: no more of a pool is held than may be, and allocations are whole (CORE-35)."""

from __future__ import annotations

import psg_cypher
from psg.audit.report import Report, Violation
from psg_neo4j.database import Database, Row, Transaction

LOCK_SECONDS = 5.0


async def audit_resources(db: Database, report: Report) -> None:
    """Judge all pools behind the lock of all resources, so that nothing is between two states."""

    async def work(transaction: Transaction) -> list[Row]:
        await transaction.run(psg_cypher.statement("resource_lock"))
        return await transaction.run(psg_cypher.statement("audit_resources"))

    for row in await db.in_transaction(work, timeout=LOCK_SECONDS):
        report.violations += [Violation("resources", "", row["name"], message) for message in _faults(row)]


def _faults(row: Row) -> list[str]:
    found = []
    if row["limit"] is None:
        found.append(f"shares of the pool {row['name']!r} are held or waited for, which does not exist")
    elif row["used"] > row["limit"]:
        found.append(f"{row['used']} thousandths of the pool {row['name']!r} are held, {row['limit']} may be")
    return found + [f"allocation {torn} does not have all its shares in one state" for torn in row["torn"]]
