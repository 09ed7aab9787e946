"""The coalescing writer: commands that arrive while a commit is in flight go together in the next one (DESIGN §5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

import psg_cypher
from psg import tracing
from psg.errors import NotFound, PsgError
from psg.model.codec import loads, timestamp
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.refusals import refusal
from psg.write.signals import Signals
from psg_neo4j import faults
from psg_neo4j.database import Database, Transaction
from psg_neo4j.errors import DatabaseError, DatabaseTimeout

T = TypeVar("T")
Row = dict[str, Any]

BATCH_ROWS = 500
BATCH_WEIGHT = 5_000
# What a client that stops in the middle can block, at most, also on a server that has no limit of its own.
LOCK_SECONDS = 5.0


class Committable(Protocol):
    """What a writer takes: a ``Change``, or another maker of rows for the writer's statement."""

    @property
    def command(self) -> Command:
        """Who asks for what."""

    @property
    def weight(self) -> int:
        """Number of elements written."""

    @property
    def guards(self) -> Sequence[Mapping[str, Any]]:
        """What is demanded, in the order in which the statement counts faults."""

    @property
    def fields(self) -> Sequence[str]:
        """The field that each guard is about."""

    def row(self, project_id: str) -> Row:
        """The parameter row of the statement."""


class _Entry:
    """One change that waits for its commit; ``done`` is set when it has a result or is asked to lead."""

    __slots__ = ("change", "done", "leads", "result", "row")

    def __init__(self, change: Committable, row: Row) -> None:
        self.change = change
        self.row = row
        self.done = anyio.Event()
        self.leads = False
        self.result: Row | BaseException | None = None


class ProjectWriter:
    """Writes the changes of one project, in as few transactions as their arrival allows.

    There is no background task: the first to arrive leads and commits; who arrives meanwhile is in the next batch, and
    one of them leads that. An idle writer never waits to fill a batch.
    """

    def __init__(self, db: Database, signals: Signals, project_id: str, statement: str = "command_apply") -> None:
        self._db = db
        self._signals = signals
        self.project_id = project_id
        self._queue: deque[_Entry] = deque()
        self._busy = False
        self._apply = psg_cypher.statement(statement)

    @property
    def busy(self) -> bool:
        """Whether a commit is under way or waited for."""
        return self._busy or bool(self._queue)

    async def submit(self, change: Committable) -> Answer:
        """Commit ``change`` and return its answer; raises the refusal that its guards or its command id met.

        A repeat of a command (same id, same request) is answered with the first answer.
        """
        with tracing.span("commit", psg__project_id=self.project_id, psg__command=change.command.kind):
            return await self._submit(change)

    async def _submit(self, change: Committable) -> Answer:
        # The row is made before it stands in the queue: what cannot be written down fails alone.
        entry = _Entry(change, change.row(self.project_id))
        self._queue.append(entry)
        if self._busy:
            await self._wait(entry)
            if entry.result is not None:
                return self._answer(entry)
        self._busy = True
        with anyio.CancelScope(shield=True):  # others wait for this commit too
            # Callers that the last commit answered go on in this very turn of the loop: their next commands come along.
            await cancel_shielded_checkpoint()
            await self._commit(self._take(entry))
            self._hand_over()
        await checkpoint_if_cancelled()
        return self._answer(entry)

    async def _wait(self, entry: _Entry) -> None:
        try:
            await entry.done.wait()
        except BaseException:
            # Cancelled: leave the queue, and do not take the leadership along.
            if entry.result is None and entry in self._queue:
                self._queue.remove(entry)
                if entry.leads:
                    self._hand_over()
            raise

    def _take(self, leader: _Entry) -> list[_Entry]:
        """The next batch; the leader's own entry is always in it, since it is at the head of the queue."""
        batch: list[_Entry] = []
        weight = 0
        while self._queue and len(batch) < BATCH_ROWS:
            weight += self._queue[0].change.weight
            if batch and weight > BATCH_WEIGHT:
                break
            batch.append(self._queue.popleft())
        assert leader in batch
        return batch

    def _hand_over(self) -> None:
        """Let the first of those that wait lead the next batch."""
        if self._queue:
            self._queue[0].leads = True
            self._queue[0].done.set()
        else:
            self._busy = False

    async def _commit(self, batch: list[_Entry]) -> None:
        try:
            rows = await self._run([e.row for e in batch])
        except BaseException as error:
            if len(batch) > 1 and _of_one_row(error):
                await self._apart(batch)
            else:
                self._settle(batch, [error] * len(batch))
            return
        self._settle(batch, rows)

    async def _apart(self, batch: list[_Entry]) -> None:
        """The net under the batch: halve it, so that one bad or large row leaves its neighbours alone."""
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])

    @staticmethod
    def _settle(batch: Sequence[_Entry], results: Sequence[Row | BaseException]) -> None:
        for entry, result in zip(batch, results, strict=True):
            entry.result = result
            entry.done.set()

    async def _run(self, rows: list[Row]) -> list[Row]:
        faults.at("before_apply", self.project_id)
        applied = await _once_more(
            lambda: self._db.write(self._apply, project_id=self.project_id, batch={"rows": rows})
        )
        answers: list[Row] = applied[0]["answers"]
        if not answers:
            raise NotFound(f"project {self.project_id} does not exist", project_id=self.project_id)
        last = max((a["last_seq"] or 0 for a in answers), default=0)
        if last:
            self._signals.notify(self.project_id, last)
        return answers

    def _answer(self, entry: _Entry) -> Answer:
        if isinstance(entry.result, PsgError):
            raise type(entry.result)(entry.result.args[0], **entry.result.details) from entry.result
        if isinstance(entry.result, BaseException):
            raise entry.result
        assert entry.result is not None
        return answer_of(self.project_id, entry.change, entry.result)


async def _once_more(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again after a time-out: whoever stopped and held the lock for as long as it could is gone by then."""
    try:
        return await attempt()
    except DatabaseTimeout:
        return await attempt()


def _of_one_row(error: BaseException) -> bool:
    """Whether a smaller batch may fare better: not when the project is missing or the server is in trouble."""
    if isinstance(error, PsgError):
        return isinstance(error, DatabaseError) and not error.retryable
    return isinstance(error, Exception)  # for example a value that the driver cannot send


def answer_of(project_id: str, change: Committable, row: Row) -> Answer:
    """Return the answer that ``row`` of ``command_apply`` gives to ``change``, or raise its refusal."""
    verdict = row["verdict"]
    if verdict not in ("ok", "replay"):
        raise refusal(verdict, row["fault"], change.guards, change.fields, change.command.command_id)
    return Answer(
        project_id=project_id, command_id=change.command.command_id, seq=row["seq"],
        ids=loads(row["answer"]), replayed=verdict == "replay",
    )  # fmt: skip


Decide = Callable[["Locked"], Awaitable[Change]]


class Locked:
    """The inside of a locked unit of work: reads see what no other writer of the project can change meanwhile."""

    def __init__(self, transaction: Transaction, project_id: str, head_seq: int, now_ms: int) -> None:
        self._transaction = transaction
        self.project_id = project_id
        self.head_seq = head_seq
        self.now_ms = now_ms

    @property
    def now(self) -> str:
        """The database's time after the lock, as the protocol writes timestamps."""
        return timestamp(self.now_ms)

    async def read(self, name: str, **params: Any) -> list[Row]:
        """Run the named statement inside the lock, with ``project_id`` given, and return its rows."""
        statement = psg_cypher.statement(name)
        return await self._transaction.run(statement, project_id=self.project_id, **params)

    async def read_one(self, name: str, **params: Any) -> Row | None:
        """Run the named statement inside the lock and return its first row."""
        rows = await self.read(name, **params)
        return rows[0] if rows else None


async def commit_locked(
    db: Database,
    signals: Signals,
    project_id: str,
    command: Command,
    decide: Decide,
    *,
    seconds: float = LOCK_SECONDS,
) -> Answer:
    """Lock the project, let ``decide`` read and make its change, and commit it: for what guards cannot express.

    It holds the lock for a few round trips, so it serves rare structural edits; everything frequent goes through
    ``ProjectWriter``. A repeated command is answered before ``decide`` is asked. ``seconds`` bound how long the lock
    can be held.
    """

    async def work(transaction: Transaction) -> Answer:
        found = await transaction.run(
            psg_cypher.statement("project_lock"), project_id=project_id, command_id=command.command_id
        )
        if not found:
            raise NotFound(f"project {project_id} does not exist", project_id=project_id)
        if found[0]["seq"] is not None:
            return _repeated(project_id, command, found[0])
        change = await decide(Locked(transaction, project_id, found[0]["head_seq"], found[0]["now"]))
        rows = await transaction.run(
            psg_cypher.statement("command_apply"), project_id=project_id,
            batch={"rows": [change.row(project_id)]},
        )
        row = rows[0]["answers"][0]
        answer = answer_of(project_id, change, row)
        last[0] = row["last_seq"] or 0
        return answer

    last = [0]
    with tracing.span("commit", psg__project_id=project_id, psg__command=command.kind):
        answer = await _once_more(lambda: db.in_transaction(work, timeout=seconds))
    signals.notify(project_id, max(last[0], answer.seq))
    return answer


def _repeated(project_id: str, command: Command, found: Row) -> Answer:
    if found["command_hash"] != command.fingerprint:
        raise refusal("reused", None, (), (), command.command_id)
    return Answer(project_id, command.command_id, found["seq"], loads(found["answer"]), replayed=True)
