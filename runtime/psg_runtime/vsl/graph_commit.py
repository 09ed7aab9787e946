"""Several commands in one commit: what a transaction of the value state layer on the graph comes to (L3-22, DD-17)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import psg_cypher
from psg.commands.plan_load import PlanLoad
from psg.errors import NotFound
from psg.graph import Graph
from psg.model.ids import new_id
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import LOCK_SECONDS, Committable, Locked, answer_of
from psg_neo4j.database import Transaction
from psg_neo4j.errors import DatabaseTimeout
from psg_runtime.vsl.errors import TransactionConflict

T = TypeVar("T")
TRANSACTION_SECONDS = 3 * LOCK_SECONDS


class Decide(Protocol):
    """Makes the change of one operation from what it reads under the lock; ``None`` when nothing is to be changed."""

    async def __call__(self, locked: Locked, command: Command) -> Change | PlanLoad | None: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One command of a batch: ``kind`` and ``payload`` make its fingerprint; ``after`` runs once it is committed."""

    kind: str
    payload: Any
    decide: Decide
    after: Callable[[], Awaitable[object]] | None = None


@dataclass(slots=True)
class Batch:
    """What goes into one commit, and what it relies on.

    ``nodes`` are revisions by id as they were read, ``values`` id and revision by key; ``None`` means that there was
    none. A commit is refused when one of them is different by then.
    """

    id: str = field(default_factory=new_id)
    operations: list[Operation] = field(default_factory=list)
    nodes: dict[str, int | None] = field(default_factory=dict)
    values: dict[str, tuple[str, int] | None] = field(default_factory=dict)


async def commit_batch(graph: Graph, project_id: str, batch: Batch, actor: str) -> None:
    """Commit all operations of ``batch`` in their order, or none of them.

    Each sees what those before it did. A batch that was committed already (its first command is in the log) is not
    applied again, so that a lost answer does no harm. Raises ``TransactionConflict`` and whatever a command is refused
    with.
    """
    last = 0

    async def work(transaction: Transaction) -> int:
        return await _Application(transaction, project_id, batch, actor).run()

    seconds = LOCK_SECONDS if len(batch.operations) == 1 else TRANSACTION_SECONDS
    try:
        last = await graph.db.in_transaction(work, timeout=seconds)
    except DatabaseTimeout:  # whoever held the lock for as long as it could is gone by now
        last = await graph.db.in_transaction(work, timeout=seconds)
    if last:
        graph.signals.notify(project_id, last)
    for operation in batch.operations:
        if operation.after is not None:
            await operation.after()


class _Application:
    """One attempt to apply a batch inside a database transaction."""

    def __init__(self, transaction: Transaction, project_id: str, batch: Batch, actor: str) -> None:
        self._transaction = transaction
        self._project_id = project_id
        self._batch = batch
        self._actor = actor
        self._last_seq = 0
        self._applied = 0

    async def run(self) -> int:
        """Apply everything and return the number of the last event, 0 when there is none."""
        lock = psg_cypher.statement("project_lock")
        found = await self._transaction.run(lock, project_id=self._project_id, command_id=self._batch.id)
        if not found:
            raise NotFound(f"project {self._project_id} does not exist", project_id=self._project_id)
        if found[0]["seq"] is not None:
            return 0
        self._last_seq, now = found[0]["head_seq"], found[0]["now"]
        begun = self._last_seq
        await self._compare(Locked(self._transaction, self._project_id, self._last_seq, now))
        for operation in self._batch.operations:
            locked = Locked(self._transaction, self._project_id, self._last_seq, now)
            change = await operation.decide(locked, self._command(operation))
            if isinstance(change, PlanLoad):
                await self._load(change)
            elif change is not None:
                await self._apply("command_apply", change)
        return self._last_seq if self._last_seq > begun else 0

    def _command(self, operation: Operation) -> Command:
        """The first that changes something has the batch's own id, so that a repeat finds it."""
        command_id = self._batch.id if not self._applied else f"{self._batch.id}:{self._applied}"
        return Command(operation.kind, operation.payload, self._actor, command_id)

    async def _compare(self, locked: Locked) -> None:
        if self._batch.nodes:
            rows = await locked.read("graph_revisions", batch={"ids": list(self._batch.nodes)})
            for row in rows:
                if row["revision"] != self._batch.nodes[row["id"]]:
                    raise _conflict(f"node {row['id']}")
        for key, seen in self._batch.values.items():
            if value_seen(await locked.read("value_state", key=key)) != seen:
                raise _conflict(f"key {key!r}")

    async def _load(self, plan: PlanLoad) -> None:
        for chunk in plan.chunks:
            await self._apply("plan_load", chunk)
        if plan.seal is not None:
            await self._apply("command_apply", plan.seal)

    async def _apply(self, statement: str, change: Committable) -> None:
        rows = await self._transaction.run(
            psg_cypher.statement(statement), project_id=self._project_id,
            batch={"rows": [change.row(self._project_id)]},
        )  # fmt: skip
        row = rows[0]["answers"][0]
        answer_of(self._project_id, change, row)
        self._last_seq = row["last_seq"] or self._last_seq
        self._applied += 1


def living(rows: list[dict[str, Any]]) -> Mapping[str, Any] | None:
    """The one row of ``value_state`` that is alive, whether it has a value or not."""
    return next((row for row in rows if not row["deleted"]), None)


def value_seen(rows: list[dict[str, Any]]) -> tuple[str, int] | None:
    """What a transaction remembers of a key that it has read."""
    row = living(rows)
    return None if row is None else (row["id"], row["revision"])


def _conflict(what: str) -> TransactionConflict:
    return TransactionConflict(f"{what} was changed by somebody else; nothing was written. Begin anew")
