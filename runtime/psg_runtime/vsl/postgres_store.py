"""``PostgresVSL``: values in a table of PostgreSQL (extra ``postgres``), with its transactions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
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

_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_LOCK = 7_403_112_205_198_331
_GONE = (
    asyncpg.PostgresConnectionError, asyncpg.ConnectionDoesNotExistError, asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.TooManyConnectionsError, OSError, TimeoutError,
)  # fmt: skip
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
        async with self._mapped(), self._connection(tx) as connection:
            text = await connection.fetchval(f'SELECT value FROM "{self._table}" WHERE key = $1', key)
        return from_text(text, key)

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``; outside a transaction it is committed when this returns."""
        check_key(key)
        text = to_text(value)
        async with self._mapped(), self._connection(tx) as connection:
            await connection.execute(
                f'INSERT INTO "{self._table}" (key, value) VALUES ($1, $2) '
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                key, text,
            )  # fmt: skip

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""
        check_key(key)
        async with self._mapped(), self._connection(tx) as connection:
            await connection.execute(f'DELETE FROM "{self._table}" WHERE key = $1', key)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        async with self._mapped(), self._connection(None) as connection:
            rows = await connection.fetch(f'SELECT key FROM "{self._table}" WHERE starts_with(key, $1)', prefix)
        return sorted(row["key"] for row in rows)

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a serialisable transaction on a connection of its own."""
        async with self._mapped():
            pool = await self._opened()
            connection = await pool.acquire(timeout=self._timeout_s)
            try:
                transaction = connection.transaction(isolation="serializable")
                await transaction.start()
            except BaseException:
                await _give_back(pool, connection)
                raise
        handle = TransactionHandle(new_id())
        self._open[handle] = _Open(connection, transaction)
        return handle

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Commit; raises ``TransactionConflict`` when PostgreSQL finds that it could not have run alone."""
        tx = self._transaction(handle)
        try:
            async with self._mapped():
                await tx.transaction.commit()
        finally:
            await self._forget(handle)

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Roll back; a lost connection has done so already, and a transaction that is over is no error."""
        if handle in self._open:
            await self._forget(handle)

    async def _forget(self, handle: TransactionHandle) -> None:
        # A connection that goes back to the pool is reset, which ends a transaction that is still open.
        tx = self._open.pop(handle)
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

    @asynccontextmanager
    async def _connection(self, tx: TransactionHandle | None) -> AsyncIterator[Any]:
        if tx is not None:
            yield self._transaction(tx).connection
            return
        pool = await self._opened()
        async with pool.acquire(timeout=self._timeout_s) as connection:
            yield connection

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


async def _give_back(pool: Any, connection: Any) -> None:
    with anyio.CancelScope(shield=True):
        try:
            await pool.release(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            connection.terminate()
