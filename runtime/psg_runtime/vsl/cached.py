"""``CachedVSL``: reads of any backend kept for a minute (DD-22, DD-23)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from psg_runtime.vsl.json_text import check_key, from_text, to_text
from psg_runtime.vsl.port import GraphQuery, Json, Node, TransactionHandle, ValueStore

TTL_MS = 60_000
ENTRIES = 10_000


class CachedVSL(ValueStore):
    """Serves ``get`` from memory for ``ttl_ms`` after a read or write; writes go to the backend first.

    What others write to the backend is seen after ``ttl_ms`` at the latest; what is written, committed, rolled back or
    restored through this wrapper is never served stale, also while calls overlap. Reads inside a transaction are the
    backend's. ``entries`` bounds the memory (the oldest goes), ``clock`` gives seconds that do not go back.
    """

    name = "cached"

    def __init__(
        self,
        backend: ValueStore,
        *,
        ttl_ms: int = TTL_MS,
        entries: int = ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._ttl_s = ttl_ms / 1000
        self._entries = entries
        self._clock = clock
        self._cache: OrderedDict[str, tuple[str, float]] = OrderedDict()
        # Who of those under way may fill a key: the last that began, and none that a write has overtaken.
        self._filler: dict[str, object] = {}
        self.offers = backend.offers
        self.keeps_dependents = backend.keeps_dependents

    async def __aenter__(self) -> CachedVSL:
        await self._backend.__aenter__()
        return self

    async def aclose(self) -> None:
        """Forget everything and close the backend."""
        self.clear()
        await self._backend.aclose()

    def clear(self) -> None:
        """Forget everything that is kept, also what is being read just now."""
        self._cache.clear()
        self._filler.clear()

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key`` as it was at most ``ttl_ms`` ago."""
        if tx is not None:
            return await self._backend.get(key, tx)
        kept = self._cache.get(key)
        if kept is not None and self._clock() - kept[1] < self._ttl_s:
            return from_text(kept[0], key)
        turn = self._turn(key)
        try:
            value = await self._backend.get(key)
            self._fill(key, value, turn)
        finally:
            self._over(key, turn)
        return value

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Write through to the backend, then keep the value."""
        if tx is not None:
            await self._backend.set(key, value, tx)
            return
        turn = self._turn(check_key(key))
        try:
            await self._backend.set(key, value)
        except BaseException:
            self._drop(key)  # nobody knows what the backend has now
            raise
        if self._filler.get(key) is turn:
            self._fill(key, value, turn)
            self._over(key, turn)
        else:
            self._drop(key)  # others overlapped: who came last at the backend is not known here

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""
        await self._through(key, tx, lambda: self._backend.delete(key, tx))

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the backend's keys that begin with ``prefix``, sorted."""
        return await self._backend.keys(prefix)

    async def read_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> Node | None:
        """Return a node of the backend, or ``None``; nodes are not kept."""
        return await self._backend.read_node(type, id, tx)

    async def write_node(self, type: str, id: str, data: Node, tx: TransactionHandle | None = None) -> None:
        """Write a node; keys may be views of nodes, so everything that is kept goes."""
        await self._through(None, tx, lambda: self._backend.write_node(type, id, data, tx))

    async def update_node(self, type: str, id: str, fields: Node, tx: TransactionHandle | None = None) -> None:
        """Set fields of a node."""
        await self._through(None, tx, lambda: self._backend.update_node(type, id, fields, tx))

    async def delete_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> None:
        """Remove a node."""
        await self._through(None, tx, lambda: self._backend.delete_node(type, id, tx))

    async def query_graph(self, query: GraphQuery, tx: TransactionHandle | None = None) -> list[Node]:
        """Return the backend's nodes that match."""
        return await self._backend.query_graph(query, tx)

    async def create_snapshot(self) -> str:
        """Have the backend remember this state."""
        return await self._backend.create_snapshot()

    async def restore_snapshot(self, snapshot_id: str) -> None:
        """Have the backend go back; nothing that is kept survives it."""
        await self._through(None, None, lambda: self._backend.restore_snapshot(snapshot_id))

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a transaction of the backend."""
        return await self._backend.begin_transaction()

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Commit; what is kept goes."""
        await self._through(None, None, lambda: self._backend.commit_transaction(handle))

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Roll back; what is kept goes."""
        await self._through(None, None, lambda: self._backend.rollback_transaction(handle))

    async def _through(self, key: str | None, tx: TransactionHandle | None, work: Callable[[], object]) -> None:
        """Run a change of the backend and forget ``key`` (``None``: all) after it, whatever came of it."""
        try:
            await work()  # type: ignore[misc]
        finally:
            if tx is None and key is not None:
                self._drop(key)
            elif tx is None:
                self.clear()

    def _turn(self, key: str) -> object:
        turn = self._filler[key] = object()
        return turn

    def _over(self, key: str, turn: object) -> None:
        if self._filler.get(key) is turn:
            del self._filler[key]

    def _drop(self, key: str) -> None:
        self._cache.pop(key, None)
        self._filler.pop(key, None)

    def _fill(self, key: str, value: Json, turn: object) -> None:
        if self._filler.get(key) is not turn:
            return
        self._cache[key] = (to_text(value), self._clock())
        self._cache.move_to_end(key)
        while len(self._cache) > self._entries:
            self._cache.popitem(last=False)
