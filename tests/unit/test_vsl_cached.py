"""The read cache: how long it serves, and that nothing it serves is stale after a write, also of overlapping calls."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from psg_runtime.vsl import CachedVSL, InMemoryVSL, TransactionHandle, ValueStoreUnavailable

pytestmark = pytest.mark.anyio


class Backend(InMemoryVSL):
    """Counts reads; with ``gates`` a call waits at a point of its own until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.fails = False
        self.after_read: list[anyio.Event] = []
        self.after_write: list[anyio.Event] = []
        self.reached = anyio.Event()

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Any:
        self.reads += 1
        value = await super().get(key, tx)
        await self._wait(self.after_read)
        return value

    async def set(self, key: str, value: Any, tx: TransactionHandle | None = None) -> None:
        if self.fails:
            raise ValueStoreUnavailable("gone")
        await super().set(key, value, tx)
        await self._wait(self.after_write)

    async def _wait(self, gates: list[anyio.Event]) -> None:
        if gates:
            gate = gates.pop(0)
            self.reached.set()
            await gate.wait()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def cached(backend: Backend, clock: Clock) -> CachedVSL:
    return CachedVSL(backend, clock=clock)


@pytest.mark.req("DD-22")
async def test_a_read_value_is_served_for_60_seconds_and_read_again_after(
    cached: CachedVSL, backend: Backend, clock: Clock
) -> None:
    await InMemoryVSL.set(backend, "key", "first")
    assert await cached.get("key") == "first"
    await InMemoryVSL.set(backend, "key", "second")
    clock.now = 59.999
    assert await cached.get("key") == "first"
    assert backend.reads == 1
    clock.now = 60.0
    assert await cached.get("key") == "second"
    clock.now = 119.0
    assert await cached.get("key") == "second"
    assert backend.reads == 2


@pytest.mark.req("DD-22", "DD-23")
async def test_a_written_value_is_in_the_backend_and_served_for_60_seconds_from_the_write(
    cached: CachedVSL, backend: Backend, clock: Clock
) -> None:
    clock.now = 10.0
    await cached.set("key", [1])
    assert await InMemoryVSL.get(backend, "key") == [1]
    clock.now = 69.9
    assert await cached.get("key") == [1]
    assert backend.reads == 0
    clock.now = 70.0
    assert await cached.get("key") == [1]
    assert backend.reads == 1


@pytest.mark.req("DD-23")
async def test_a_miss_fills_the_cache_also_when_there_is_no_value(cached: CachedVSL, backend: Backend) -> None:
    assert await cached.get("key") is None
    assert await cached.get("key") is None
    assert backend.reads == 1
    await cached.set("key", 1)
    assert await cached.get("key") == 1


@pytest.mark.req("DD-23")
async def test_a_write_that_failed_is_not_served(cached: CachedVSL, backend: Backend) -> None:
    await cached.set("key", "old")
    backend.fails = True
    with pytest.raises(ValueStoreUnavailable):
        await cached.set("key", "new")
    reads = backend.reads
    assert await cached.get("key") == "old"
    assert backend.reads == reads + 1


async def test_a_served_value_is_not_shared_with_the_caller(cached: CachedVSL) -> None:
    await cached.set("key", {"list": []})
    (await cached.get("key"))["list"].append(1)
    assert await cached.get("key") == {"list": []}


@pytest.mark.req("DD-23")
async def test_rollback_commit_and_restore_leave_nothing_stale(cached: CachedVSL) -> None:
    await cached.set("key", "before")
    snapshot = await cached.create_snapshot()
    tx = await cached.begin_transaction()
    await cached.set("key", "inside", tx)
    assert await cached.get("key", tx) == "inside"
    assert await cached.get("key") == "before"
    await cached.rollback_transaction(tx)
    assert await cached.get("key") == "before"
    async with cached.transaction() as tx:
        await cached.set("key", "committed", tx)
        assert await cached.get("key") == "before"
    assert await cached.get("key") == "committed"
    await cached.restore_snapshot(snapshot)
    assert await cached.get("key") == "before"


@pytest.mark.req("DD-23")
async def test_a_read_that_a_write_overtakes_does_not_fill_the_cache(cached: CachedVSL, backend: Backend) -> None:
    await InMemoryVSL.set(backend, "key", "old")
    gate = anyio.Event()
    backend.after_read.append(gate)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cached.get, "key")
        await backend.reached.wait()  # it has read the old value and is on its way back
        await cached.set("key", "new")
        gate.set()
    assert await cached.get("key") == "new"


@pytest.mark.req("DD-23")
@pytest.mark.parametrize("how", ["delete", "restore", "commit", "clear"])
async def test_a_read_that_other_changes_overtake_does_not_fill_the_cache(
    cached: CachedVSL, backend: Backend, how: str
) -> None:
    snapshot = await cached.create_snapshot()
    await InMemoryVSL.set(backend, "key", "old")
    gate = anyio.Event()
    backend.after_read.append(gate)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cached.get, "key")
        await backend.reached.wait()
        if how == "restore":
            await cached.restore_snapshot(snapshot)
        elif how == "commit":
            async with cached.transaction() as tx:
                await cached.delete("key", tx)
        else:
            await cached.delete("key")
            if how == "clear":
                cached.clear()
        gate.set()
    assert await cached.get("key") is None


@pytest.mark.req("DD-23")
async def test_of_two_overlapping_writes_the_backend_decides(cached: CachedVSL, backend: Backend) -> None:
    gate = anyio.Event()
    backend.after_write.append(gate)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cached.set, "key", "first at the backend")
        await backend.reached.wait()
        await cached.set("key", "last at the backend")
        gate.set()
    assert await cached.get("key") == "last at the backend"


async def test_the_memory_is_bounded_and_the_oldest_goes_first(backend: Backend, clock: Clock) -> None:
    cached = CachedVSL(backend, entries=3, clock=clock)
    for key in "abcd":
        await cached.set(key, key)
    for key in "dcb":
        await cached.get(key)
    assert backend.reads == 0
    await cached.get("a")
    assert backend.reads == 1
