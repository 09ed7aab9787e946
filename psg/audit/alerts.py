"""Alerts of the platform: one open at most for each rule, numbered, and to be told of where messages wait."""

from __future__ import annotations

import psg_cypher
from psg.audit.report import Report, Violation
from psg_neo4j.database import Database, Transaction

LOCK_SECONDS = 5.0


async def audit_alerts(db: Database, report: Report) -> None:
    """Judge all alerts and rules behind their lock, so that nothing is between two states."""

    async def work(transaction: Transaction) -> list[Violation]:
        (lock,) = await transaction.run(psg_cypher.statement("platform_lock"), lock_id="alerts")
        found = []
        for row in await transaction.run(psg_cypher.statement("audit_alerts"), last=lock["seq"] or 0):
            found += [_violation(row, f"alert {row['id']}: {fault}") for fault in row["faults"]]
        for row in await transaction.run(psg_cypher.statement("audit_alert_rules")):
            state = row["status"] or "missing"
            said = f"rule {row['id']}: its open alert {row['alert']} is {state} or another rule's"
            found.append(_violation(row, said))
        for row in await transaction.run(psg_cypher.statement("audit_alert_doubles")):
            found.append(_violation(row, f"rule {row['id']} has {row['open']} alerts that are not over"))
        return found

    report.violations += await db.in_transaction(work, timeout=LOCK_SECONDS)


def _violation(row: dict[str, str | None], message: str) -> Violation:
    return Violation("alert", row["project_id"] or "", row["id"] or "", message)
