"""``PostgresVSL``: values in a table of PostgreSQL (extra ``postgres``), with its transactions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import asyncpg

from psg.errors import ValidationFailed
from psg.model.ids import new_id
from psg_runtime.vsl.errors import (
    TransactionConflict,
    TransactionUnknown,
    ValueStoreError,
    ValueStoreFull,
    ValueStoreUnavailable,
)
from psg_runtime.vsl.json_text import check_key, from_text, to_text
from psg_runtime.vsl.port import Json, TransactionHandle, ValueStore

T = TypeVar("T")

_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_LOCK = 7_403_112_205_198_331
_LOST = (
    asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError, ConnectionError,
)  # fmt: skip
_GONE = (*_LOST, asyncpg.TooManyConnectionsError, OSError, TimeoutError)
_CONFLICT = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_FULL = (asyncpg.InsufficientResourcesError,)


@dataclass(slots=True)
class _Open:
    connection: Any
    transaction: Any


class PostgresVSL(ValueStore):
    """Values of one table, made when it is not there; ACID, with serialisable transactions (L3-22).

    ``dsn`` is ``postgresql://user:password@host:port/database``; ``connections`` the most at once, of which each open
    transaction holds one; ``timeout_s`` bounds each statement.
    """

    name = "PostgreSQL"
    offers = frozenset(("values", "transactions"))

    def __init__(self, dsn: str, *, table: str = "psg_values", connections: int = 10, timeout_s: float = 5.0) -> None:
        if not _TABLE.fullmatch(table):
            raise ValidationFailed(f"table: {table!r} is no plain table name in lower case", field="table")
        self._dsn, self._table, self._timeout_s = dsn, table, timeout_s
        where = urlsplit(dsn)
        self._place = f"postgresql://{where.hostname}:{where.port or 5432}{where.path}"
        self._connections = connections
        self._pool: Any = None
        self._opening = anyio.Lock()
        self._open: dict[TransactionHandle, _Open] = {}

    async def __aenter__(self) -> PostgresVSL:
        async with self._mapped():
            await self._opened()
        return self

    async def aclose(self) -> None:
        """Roll back what is open and close all connections."""
        for handle in list(self._open):
            await self._forget(handle)
        if self._pool is not None:
            with anyio.move_on_after(self._timeout_s) as within:
                await self._pool.close()
            if within.cancelled_caught:
                self._pool.terminate()
            self._pool = None

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``."""
        check_key(key)
        text = await self._on(tx, lambda c: c.fetchval(f'SELECT value FROM "{self._table}" WHERE key = $1', key))
        return from_text(text, key)

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``; outside a transaction it is committed when this returns."""
        check_key(key)
        text = to_text(value)
        statement = (
            f'INSERT INTO "{self._table}" (key, value) VALUES ($1, $2) '
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        )
        await self._on(tx, lambda c: c.execute(statement, key, text))

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""
        check_key(key)
        await self._on(tx, lambda c: c.execute(f'DELETE FROM "{self._table}" WHERE key = $1', key))

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        statement = f'SELECT key FROM "{self._table}" WHERE starts_with(key, $1)'
        rows = await self._on(None, lambda c: c.fetch(statement, prefix))
        return sorted(row["key"] for row in rows)

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a serialisable transaction on a connection of its own."""

        async def begin() -> _Open:
            pool = await self._opened()
            connection = await pool.acquire(timeout=self._timeout_s)
            try:
                transaction = connection.transaction(isolation="serializable")
                await transaction.start()
            except BaseException:
                await _give_back(pool, connection)
                raise
            return _Open(connection, transaction)

        handle = TransactionHandle(new_id())
        async with self._mapped():
            self._open[handle] = await self._once_more(begin)
        return handle

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Commit; raises ``TransactionConflict`` when PostgreSQL finds that it could not have run alone."""
        tx = self._transaction(handle)
        committed = False
        try:
            async with self._mapped():
                await tx.transaction.commit()
            committed = True
        finally:
            await self._forget(handle, roll_back=not committed)

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Roll back; a lost connection has done so already, and a transaction that is over is no error."""
        if handle in self._open:
            await self._forget(handle)

    async def _forget(self, handle: TransactionHandle, *, roll_back: bool = True) -> None:
        tx = self._open.pop(handle)
        with anyio.CancelScope(shield=True):
            if roll_back:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    await tx.transaction.rollback()
            await _give_back(self._pool, tx.connection)

    def _transaction(self, handle: TransactionHandle) -> _Open:
        found = self._open.get(handle)
        if found is None:
            raise TransactionUnknown(f"no transaction {handle} is open in this store", handle=handle)
        return found

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                pool = await asyncpg.create_pool(
                    self._dsn, min_size=0, max_size=self._connections, timeout=self._timeout_s,
                    command_timeout=self._timeout_s,
                )  # fmt: skip
                async with pool.acquire(timeout=self._timeout_s) as connection, connection.transaction():
                    # Two who make the same table at once get in each other's way without this.
                    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                    await connection.execute(
                        f'CREATE TABLE IF NOT EXISTS "{self._table}" '
                        '(key text COLLATE "C" PRIMARY KEY, value text NOT NULL)'
                    )
                self._pool = pool
        return self._pool

    async def _on(self, tx: TransactionHandle | None, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run one statement, on the connection of a transaction or on any."""
        if tx is not None:
            async with self._mapped():
                return await work(self._transaction(tx).connection)

        async def attempt() -> T:
            pool = await self._opened()
            async with pool.acquire(timeout=self._timeout_s) as connection:
                return await work(connection)

        async with self._mapped():
            return await self._once_more(attempt)

    async def _once_more(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try again on a new connection when one was lost: it may be from before a restart. Twice is as once."""
        try:
            return await attempt()
        except _LOST:
            if self._pool is not None:
                await self._pool.expire_connections()
            return await attempt()

    @asynccontextmanager
    async def _mapped(self) -> AsyncIterator[None]:
        try:
            yield
        except _GONE as error:
            raise self._gone(error) from error
        except _CONFLICT as error:
            raise TransactionConflict(f"PostgreSQL: {error}; nothing was written. Begin anew") from error
        except _FULL as error:
            raise ValueStoreFull(f"PostgreSQL at {self._place}: {error}", place=self._place) from error
        except asyncpg.InterfaceError as error:
            if "closed" in str(error):
                raise self._gone(error) from error
            raise ValueStoreError(f"PostgreSQL at {self._place}: {error}", place=self._place) from error
        except asyncpg.PostgresError as error:
            raise ValueStoreError(f"PostgreSQL at {self._place}: {error}", place=self._place) from error

    def _gone(self, error: BaseException) -> ValueStoreUnavailable:
        reason = str(error) or type(error).__name__
        return ValueStoreUnavailable(
            f"PostgreSQL at {self._place} cannot be reached or was lost: {reason}; what was not committed is undone. "
            "Start it and try again",
            place=self._place,
        )


# A server that dies while a rollback is under way leaves the driver in a state of its own (InternalClientError).
_COMPLAINTS = (
    asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.exceptions.InternalClientError, OSError, TimeoutError,
)  # fmt: skip


async def _give_back(pool: Any, connection: Any) -> None:
    """Give a connection back; one that is lost is dropped by the pool, which complains."""
    with anyio.CancelScope(shield=True), suppress(*_COMPLAINTS):
        await pool.release(connection)
