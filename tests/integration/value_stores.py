"""Every value store, each with a state of a test's own, for the one contract that all of them keep."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from conftest import Neo4jServer
from sample_graph import assert_sound, make_sample
from value_servers import ServerProcess, postgres_server, redis_server

from psg_runtime.vsl import CachedVSL, EncryptedVSL, FileVSL, InMemoryVSL, Neo4jVSL, ValueStore

SECRET = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
PLAIN = ("in-memory", "file", "Redis", "PostgreSQL", "Neo4j")
WRAPPED = (
    "cached in-memory", "cached Neo4j", "encrypted in-memory", "encrypted file", "encrypted Redis",
    "encrypted PostgreSQL", "encrypted Neo4j", "cached encrypted Neo4j",
)  # fmt: skip
WITH_TRANSACTIONS = tuple(n for n in PLAIN + WRAPPED if "file" not in n)
SERIALISABLE = tuple(n for n in WITH_TRANSACTIONS if "Redis" not in n)
WITH_SNAPSHOTS = tuple(n for n in PLAIN + WRAPPED if n.split()[-1] in ("in-memory", "Neo4j"))
WITH_NODES = tuple(n for n in WITH_SNAPSHOTS if "encrypted" not in n)


class Backend:
    """One state, and as many instances on it as a test wants; ``name`` says which backend and wrappers."""

    def __init__(self, name: str, make: Callable[[], ValueStore], stack: AsyncExitStack, context_id: str) -> None:
        self.name = name
        self._make = make
        self._stack = stack
        self.context_id = context_id

    async def open(self) -> ValueStore:
        """Another instance on the same state, as another process would have it."""
        return await self._stack.enter_async_context(self._make())


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[ServerProcess]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def shared_postgres() -> Iterator[ServerProcess]:
    with postgres_server() as server:
        yield server


@asynccontextmanager
async def backend_named(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """A backend of this name; a project of the graph is audited when the test is over."""
    *wrappers, kind = name.split()
    context_id = str(uuid.uuid4())
    async with AsyncExitStack() as stack:
        make: Callable[[], ValueStore]
        if kind == "in-memory":
            only = InMemoryVSL()
            await only.write_node("Context", context_id, {"context_id": context_id, "title": "t", "status": "active"})
            make = lambda: only  # noqa: E731 another instance would be another state
        elif kind == "file":
            make = lambda: FileVSL(tmp_path / "values", durable=False)  # noqa: E731
        elif kind == "Redis":
            from psg_runtime.vsl.redis_store import RedisVSL

            url, prefix = request.getfixturevalue("shared_redis").url, f"{uuid.uuid4()}:"
            make = lambda: RedisVSL(url, prefix=prefix)  # noqa: E731
        elif kind == "PostgreSQL":
            from psg_runtime.vsl.postgres_store import PostgresVSL

            url, table = request.getfixturevalue("shared_postgres").url, f"v_{uuid.uuid4().hex}"
            make = lambda: PostgresVSL(url, table=table)  # noqa: E731
        else:
            server: Neo4jServer = request.getfixturevalue("neo4j_server")
            sample = await make_sample(await stack.enter_async_context(server.database()))
            context_id = sample.context_id
            stack.push_async_callback(assert_sound, sample)
            make = lambda: Neo4jVSL(sample.graph, sample.project_id)  # noqa: E731
        yield Backend(name, lambda: wrapped(make(), wrappers), stack, context_id)


def wrapped(store: ValueStore, wrappers: list[str]) -> ValueStore:
    """``store`` inside its wrappers, the first named outside."""
    for wrapper in reversed(wrappers):
        store = CachedVSL(store) if wrapper == "cached" else EncryptedVSL(store, SECRET)
    return store
