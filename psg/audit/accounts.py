"""Accounts: nothing is granted that cannot be, tokens have a hash and a scope that is one, the trail is numbered."""

from __future__ import annotations

import psg_cypher
from psg.accounts.model import GRANTABLE
from psg.accounts.trail import LOCK as TRAIL_LOCK
from psg.audit.report import Report, Violation
from psg_neo4j.database import Database, Row, Transaction

LOCK_SECONDS = 5.0


async def audit_accounts(db: Database, report: Report) -> None:
    """Judge grants, tokens and audit records behind the lock of the trail."""

    async def work(transaction: Transaction) -> list[Row]:
        await transaction.run(psg_cypher.statement("platform_lock"), lock_id=TRAIL_LOCK)
        return await transaction.run(psg_cypher.statement("audit_accounts"), roles=list(GRANTABLE))

    for row in await db.in_transaction(work, timeout=LOCK_SECONDS):
        report.violations.append(Violation("account", row["project_id"], row["id"], f"{row['id']}: {row['what']}"))
