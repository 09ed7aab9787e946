"""The platform's door to Neo4j: named statements in, rows out, one retry loop, one error tree (DESIGN §3)."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, LiteralString, Self, TypeVar
from urllib.parse import urlsplit

import anyio
import neo4j
from neo4j import exceptions as driver_exceptions

import psg_cypher
from psg_cypher import Statement
from psg_neo4j import faults
from psg_neo4j.driver_errors import mapped, place, sent
from psg_neo4j.errors import DatabaseFailed, OutcomeUnknown
from psg_neo4j.plans import QueryPlan, query_plan
from psg_neo4j.retry import RetryPolicy, repeated

T = TypeVar("T")
Row = dict[str, Any]

_WARM_SECONDS = 60.0
_DRIVER_ERRORS = (driver_exceptions.DriverError, driver_exceptions.Neo4jError, OSError)
_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_CONNECTION_LOST = (driver_exceptions.ServiceUnavailable, driver_exceptions.SessionExpired, OSError)

# Notifications are asked for by explain() only, which returns them as data.
logging.getLogger("neo4j.notifications").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What answers at the other end: product version ("5.26.20") and edition ("community")."""

    version: str
    edition: str


class Transaction:
    """An open explicit transaction; made by :meth:`Database.transaction`."""

    def __init__(self, database: Database, transaction: neo4j.AsyncTransaction) -> None:
        self._database = database
        self._transaction = transaction

    async def run(self, statement: Statement, /, **params: Any) -> list[Row]:
        """Run ``statement`` inside the transaction and return its rows. Raises a DatabaseError."""
        try:
            return await _rows(await self._transaction.run(statement.text, params))
        except _DRIVER_ERRORS as error:
            raise mapped(error, self._database.uri, statement.name) from error


class Database:
    """One pooled connection to one Neo4j database; one per process and event loop.

    Use as ``async with Database.connect(uri, user, password) as db``. All methods take a
    :class:`psg_cypher.Statement` and raise errors of :mod:`psg_neo4j.errors` only.
    """

    def __init__(
        self,
        driver: neo4j.AsyncDriver,
        uri: str,
        database: str,
        pool_size: int,
        policy: RetryPolicy,
        verify: bool,
        user: str,
    ) -> None:
        self.user = user
        self._driver = driver
        self._name = database
        self._policy = policy
        self._verify = verify
        # In front of the pool: waiting here is fair and has no acquisition time-out of its own.
        self._slots = anyio.Semaphore(pool_size, fast_acquire=True)
        # A single server needs no bookmarks; in a cluster they make a read see the write before it.
        routed = uri.startswith("neo4j")
        self._bookmarks = driver.execute_query_bookmark_manager if routed else None
        self._idle: dict[str, list[neo4j.AsyncSession]] = {"read": [], "write": []}
        self.uri = place(uri)
        # Told what was committed and how many seconds it took, for metrics; never asked, so it may not raise.
        self.on_commit: Callable[[str, float], object] | None = None

    @classmethod
    def connect(
        cls,
        uri: str,
        user: str,
        password: str,
        database: str = "neo4j",
        *,
        pool_size: int = 64,
        retry_deadline: float = 30.0,
        connection_timeout: float = 3.0,
        verify: bool = True,
    ) -> Self:
        """Describe a connection; it is opened by ``async with``.

        ``pool_size`` is the most connections at once, ``retry_deadline`` the seconds one call may take with
        all its repeats, ``connection_timeout`` the seconds to dial. With ``verify`` entering the block asks
        the server once, so that a wrong address or password is told at the start: DatabaseUnavailable,
        DatabaseAuthFailed.
        """
        if urlsplit(uri).scheme not in _SCHEMES:
            raise DatabaseFailed(f"{place(uri)}: the address of Neo4j begins with one of {', '.join(_SCHEMES)}")
        try:
            made = neo4j.AsyncGraphDatabase.driver(
                uri,
                auth=(user, password),
                max_connection_pool_size=pool_size,
                connection_timeout=connection_timeout,
                connection_acquisition_timeout=connection_timeout + 2.0,
                liveness_check_timeout=30.0,
                notifications_min_severity=neo4j.NotificationMinimumSeverity.OFF,
                warn_notification_severity=neo4j.NotificationMinimumSeverity.OFF,
                telemetry_disabled=True,
                user_agent="psg-platform",
            )
        except (ValueError, *_DRIVER_ERRORS) as error:
            raise mapped(error, uri) from error
        return cls(made, uri, database, pool_size, RetryPolicy(deadline=retry_deadline), verify, user)

    async def __aenter__(self) -> Self:
        if self._verify:
            try:
                await self._attempt(psg_cypher.statement("server_ping"), {})
            except BaseException:
                await self.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; also done by leaving the ``async with`` block."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(5.0):
            await self._drop_idle()
            await self._driver.close()

    async def read(self, statement: Statement, /, **params: Any) -> list[Row]:
        """Run a reading statement in READ access mode, repeated while the server is in trouble; all rows."""
        return await repeated(lambda: self._attempt(statement, params), self._policy, writes=False)

    async def read_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """The first row of a reading statement, or None when there is none."""
        rows = await self.read(statement, **params)
        return rows[0] if rows else None

    async def write(self, statement: Statement, /, *, idempotent: bool = True, **params: Any) -> list[Row]:
        """Run ONE auto-commit statement and return its rows: when this returns, they are committed.

        A deadlock, a transient error and a lost connection are answered by running it again. After a lost
        connection nobody knows whether it was committed, so THE CALLER GUARANTEES that running it twice does
        no harm: it stores a command id and answers a known one with the first answer. With ``idempotent``
        False such a case raises OutcomeUnknown instead. Never repeated: TransactionTooLarge (split the
        batch), DatabaseTimeout.
        """
        return await repeated(lambda: self._attempt(statement, params), self._policy, idempotent=idempotent)

    async def write_within(self, seconds: float, statement: Statement, /, **params: Any) -> list[Row]:
        """As :meth:`write`, for the rare statement (a constraint on a full store) that may take ``seconds``."""
        policy = replace(self._policy, deadline=seconds + self._policy.deadline)
        return await repeated(lambda: self._attempt(statement, params, seconds), policy)

    async def _attempt(self, statement: Statement, params: dict[str, Any], seconds: float | None = None) -> list[Row]:
        """One auto-commit run of ``statement``, without repeats; ``seconds`` overrides the server's limit."""
        query = statement.text if seconds is None else neo4j.Query(statement.text, timeout=seconds)
        writes = statement.mode == "write"
        began = time.perf_counter()
        try:
            async with self._slots, _Lent(self, statement.mode) as session:
                if writes:
                    faults.at("before_commit", statement.name)
                rows = await _rows(await session.run(query, params))
                if writes:
                    faults.at("after_commit", statement.name)
                    if self.on_commit is not None:
                        self.on_commit(statement.name, time.perf_counter() - began)
                return rows
        except _CONNECTION_LOST as error:
            # What is idle may be bound to a server that is gone, and to what that one had committed.
            await self._drop_idle()
            if writes and sent(error):
                raise OutcomeUnknown(statement=statement.name, uri=self.uri) from error
            raise mapped(error, self.uri, statement.name) from error
        except _DRIVER_ERRORS as error:
            raise mapped(error, self.uri, statement.name) from error

    def _session(self, mode: str, **more: Any) -> neo4j.AsyncSession:
        return self._driver.session(
            database=self._name,
            default_access_mode=neo4j.READ_ACCESS if mode == "read" else neo4j.WRITE_ACCESS,
            bookmark_manager=self._bookmarks,
            # All rows are collected anyway: one pull, so that no lock is held for another round trip.
            fetch_size=-1,
            **more,
        )

    async def _drop_idle(self) -> None:
        for idle in self._idle.values():
            while idle:
                await idle.pop().close()

    @asynccontextmanager
    async def transaction(self, *, timeout: float | None = None) -> AsyncIterator[Transaction]:
        """An explicit transaction: committed at the end of the block, rolled back by an exception.

        ``timeout`` in seconds bounds it on the server (None: the server's own limit). Nothing is repeated
        here; a connection lost during the commit raises OutcomeUnknown. Prefer :meth:`write`: this holds its
        locks for a round trip per statement.
        """
        began = time.perf_counter()
        async with self._slots, self._session("write") as session:
            try:
                opened = await session.begin_transaction(timeout=timeout)
            except _DRIVER_ERRORS as error:
                raise mapped(error, self.uri) from error
            async with opened:
                yield Transaction(self, opened)
                faults.at("before_commit")
                try:
                    await opened.commit()
                except _CONNECTION_LOST as error:
                    raise OutcomeUnknown(uri=self.uri) from error
                except _DRIVER_ERRORS as error:
                    raise mapped(error, self.uri) from error
            faults.at("after_commit")
            if self.on_commit is not None:
                self.on_commit("transaction", time.perf_counter() - began)

    async def in_transaction(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        idempotent: bool = True,
        timeout: float | None = None,
    ) -> T:
        """Run ``work`` in a transaction, again from the start after a deadlock or another transient error.

        ``work`` may run more than once, so it only talks to its transaction; ``idempotent`` as for
        :meth:`write`.
        """

        async def attempt() -> T:
            async with self.transaction(timeout=timeout) as transaction:
                return await work(transaction)

        return await repeated(attempt, self._policy, idempotent=idempotent)

    async def server_info(self) -> ServerInfo:
        """Version and edition of the server."""
        row = await self.read_one(psg_cypher.statement("server_components"))
        assert row is not None
        return ServerInfo(version=row["versions"][0], edition=row["edition"])

    async def explain(self, statement: Statement, params: Mapping[str, Any] | None = None) -> QueryPlan:
        """The plan the server would use: its operators and notifications; nothing is run or written."""
        explained: LiteralString = "EXPLAIN " + statement.text
        try:
            async with (
                self._slots,
                self._session(
                    statement.mode, notifications_min_severity=neo4j.NotificationMinimumSeverity.INFORMATION
                ) as session,
            ):
                # Planning on a server that has just booted may take longer than the server's own limit.
                query = neo4j.Query(explained, timeout=_WARM_SECONDS)
                result = await session.run(query, dict(params or {}))
                return query_plan(await result.consume())
        except _DRIVER_ERRORS as error:
            raise mapped(error, self.uri, statement.name) from error

    async def warm(self, statements: Iterable[Statement | tuple[Statement, Mapping[str, Any]]]) -> None:
        """Have the server plan ``statements`` now: a first plan costs up to 150 ms, better paid at start.

        A statement alone is explained, which readies the planner but not the plan: EXPLAIN has cache entries
        of its own. With parameters it is run in a transaction that is rolled back; then the plan is cached
        for parameters of the same types *and orders of magnitude of size* (a list of 1, of up to 10, of up to
        100 … each have their own plan), so name each size that matters. Choose parameters that match nothing.
        """
        for item in statements:
            if isinstance(item, Statement):
                await self.explain(item)
            else:
                await self._rehearse(*item)

    async def _rehearse(self, statement: Statement, params: Mapping[str, Any]) -> None:
        """Run ``statement`` and take it back."""
        try:
            async with (
                self._slots,
                self._session(statement.mode) as session,
                # Longer than the server's own limit: planning on a server that has just booted takes its time.
                await session.begin_transaction(timeout=_WARM_SECONDS) as rehearsal,
            ):
                await _rows(await rehearsal.run(statement.text, dict(params)))
                await rehearsal.rollback()
        except _DRIVER_ERRORS as error:
            raise mapped(error, self.uri, statement.name) from error


class _Lent:
    """A session for one statement: one that is idle, or a new one. Kept for the next only if nothing went wrong."""

    def __init__(self, database: Database, mode: str) -> None:
        self._new, self._mode, self._idle = database._session, mode, database._idle[mode]
        self._session: neo4j.AsyncSession

    async def __aenter__(self) -> neo4j.AsyncSession:
        self._session = self._idle.pop() if self._idle else self._new(self._mode)
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._idle.append(self._session)
        else:
            await self._session.__aexit__(kind, error, trace)


async def _rows(result: neo4j.AsyncResult) -> list[Row]:
    keys = result.keys()
    return [dict(zip(keys, record, strict=True)) async for record in result]
