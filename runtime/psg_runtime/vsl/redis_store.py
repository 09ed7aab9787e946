"""``RedisVSL``: values in Redis (extra ``redis``); every client of one server sees one value per key (L3-21)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

from redis import asyncio as redis
from redis import exceptions as refused
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from psg.model.ids import new_id
from psg_runtime.vsl.errors import TransactionUnknown, ValueStoreError, ValueStoreFull, ValueStoreUnavailable
from psg_runtime.vsl.json_text import check_key, from_text, to_text
from psg_runtime.vsl.port import Json, TransactionHandle, ValueStore

_GLOB = re.compile(r"([*?\[\]\\^-])")
_GONE = (refused.ConnectionError, refused.TimeoutError, refused.BusyLoadingError, OSError)


class RedisVSL(ValueStore):
    """Values of one Redis server under ``prefix``; the last write of a key wins, on all clients.

    A transaction keeps its writes here and sends them as one ``MULTI … EXEC`` when it is committed: all or none of them
    are seen, and in it ``get`` sees its own. It does not notice what others write meanwhile. ``timeout_s`` bounds each
    call. What a crash of Redis may lose is up to its own persistence settings (``appendfsync``).
    """

    name = "Redis"
    offers = frozenset(("values", "transactions"))

    def __init__(self, url: str, *, prefix: str = "psg:", timeout_s: float = 5.0) -> None:
        self._prefix = prefix
        where = urlsplit(url)
        self._place = f"{where.scheme}://{where.hostname}:{where.port or 6379}"
        self._redis = redis.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s,
            # Once more at once: a connection of the pool may be from before a restart. Every call may be repeated.
            retry=Retry(ConstantBackoff(0.05), 1), decode_responses=False,
        )  # fmt: skip
        self._open: dict[TransactionHandle, dict[str, str | None]] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``."""
        check_key(key)
        if tx is not None and key in (written := self._transaction(tx)):
            return from_text(written[key], key)
        async with self._mapped():
            raw = cast("bytes | None", await self._redis.get(self._prefix + key))
        return from_text(raw, key)

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``."""
        check_key(key)
        await self._write({key: to_text(value)}, tx)

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""
        await self._write({check_key(key): None}, tx)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        found: set[str] = set()
        pattern = _GLOB.sub(r"\\\1", self._prefix + prefix) + "*"
        async with self._mapped():
            async for raw in self._redis.scan_iter(match=pattern, count=1_000):
                found.add(cast("bytes", raw).decode().removeprefix(self._prefix))
        return sorted(found)

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a transaction."""
        handle = TransactionHandle(new_id())
        self._open[handle] = {}
        return handle

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Send all writes of a transaction as one; after a lost connection the transaction is over either way."""
        writes = self._transaction(handle)
        del self._open[handle]
        await self._write(writes, None)

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Forget a transaction; one that is over is no error."""
        self._open.pop(handle, None)

    def _transaction(self, handle: TransactionHandle) -> dict[str, str | None]:
        found = self._open.get(handle)
        if found is None:
            raise TransactionUnknown(f"no transaction {handle} is open in this store", handle=handle)
        return found

    async def _write(self, writes: dict[str, str | None], tx: TransactionHandle | None) -> None:
        if tx is not None:
            self._transaction(tx).update(writes)
            return
        if not writes:
            return
        async with self._mapped(), self._redis.pipeline(transaction=True) as pipe:
            for key, text in writes.items():
                if text is None:
                    pipe.delete(self._prefix + key)
                else:
                    pipe.set(self._prefix + key, text)
            await pipe.execute()

    @asynccontextmanager
    async def _mapped(self) -> AsyncIterator[None]:
        try:
            yield
        except _GONE as error:
            raise ValueStoreUnavailable(
                f"Redis at {self._place} cannot be reached or was lost: {error}; a write may have been done or not. "
                "Start it and try again",
                place=self._place,
            ) from error
        except refused.OutOfMemoryError as error:
            raise ValueStoreFull(f"Redis at {self._place}: {error}", place=self._place) from error
        except refused.RedisError as error:
            raise ValueStoreError(f"Redis at {self._place}: {error}", place=self._place) from error
