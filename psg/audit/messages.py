"""Messages between modules: each stands where its state says, and the log tells how it got there (CORE-27, CORE-31)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psg_cypher
from psg.audit.report import Report, Violation
from psg.messages import COMPLETED, EXPIRED, FAILED, OVER, PENDING, answering_command, sending_command
from psg_neo4j.database import Database, Row, Transaction

PAGE = 500
LOCK_SECONDS = 5.0
Read = Callable[..., Awaitable[list[Row]]]


async def audit_messages(db: Database, project_id: str, report: Report) -> None:
    """Judge the messages of a project; what looks wrong is judged again where no writer can be between two reads."""

    async def read(name: str, **params: Any) -> list[Row]:
        return await db.read(psg_cypher.statement(name), project_id=project_id, **params)

    after = ""
    while ids := [row["id"] for row in await read("audit_hub_page", after=after, limit=PAGE)]:
        suspects = sorted(await _judged(read, ids))
        if suspects:
            for message_id, faults in (await _locked(db, project_id, suspects)).items():
                report.violations += [Violation("message", project_id, message_id, fault) for fault in faults]
        after = ids[-1]


async def _locked(db: Database, project_id: str, ids: list[str]) -> dict[str, list[str]]:
    async def work(transaction: Transaction) -> dict[str, list[str]]:
        async def read(name: str, **params: Any) -> list[Row]:
            return await transaction.run(psg_cypher.statement(name), project_id=project_id, **params)

        await read("audit_lock")
        return await _judged(read, ids)

    return await db.in_transaction(work, timeout=LOCK_SECONDS)


async def _judged(read: Read, ids: list[str]) -> dict[str, list[str]]:
    rows = await read("audit_hub_messages", batch={"ids": ids})
    commands = {command: row["id"] for row in rows for command in _commands(row)}
    told = {r["command_id"] for r in await read("audit_hub_commands", batch={"ids": list(commands)})}
    cut = rows[0]["earliest"] > 1 if rows else False
    missing = set() if cut else {commands[command] for command in commands.keys() - told}
    found = {row["id"]: [*_faults(row), *_untold(row["id"] in missing)] for row in rows}
    return {message_id: faults for message_id, faults in found.items() if faults}


def _commands(row: Row) -> Iterator[str]:
    """The commands that the log has to know of a message; who gives up waiting does so by a command of his own."""
    yield sending_command(row["id"])
    if row["status"] in OVER - {EXPIRED}:
        yield answering_command(row["id"], row["fence"], row["status"])


def _untold(missing: bool) -> Iterator[str]:
    if missing:
        yield "the log does not tell how it came to this state"


def _faults(row: Row) -> Iterator[str]:
    status = row["status"]
    if status == PENDING:
        if row["target"] != row["target_module"] or (row["position"] or -1) < 0:
            yield "it waits for its module, but does not stand in its queue"
        if row["done_ms"] is not None or row["answered"]:
            yield "it waits for its module, but has an answer"
    elif status in OVER:
        if row["target"] != "" or row["done_ms"] is None or row["owner"] is not None:
            yield "it is over, but still stands in a queue or is held"
        if (status == COMPLETED and row["error"]) or (status == FAILED and not row["error"]):
            yield f"it is {status}, which its error contradicts"
    else:
        yield f"its status {status!r} is none of a message"
