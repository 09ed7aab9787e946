"""Redis and PostgreSQL that are away, killed in the middle and back again; files that are damaged."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from value_servers import ServerProcess, free_port, postgres_server, redis_server

from psg.errors import ValidationFailed
from psg_runtime.vsl import (
    EncryptedVSL,
    FileVSL,
    ValueDamaged,
    ValueStore,
    ValueStoreError,
    ValueStoreUnavailable,
    value_store,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["Redis", "PostgreSQL"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    with redis_server() if request.param == "Redis" else postgres_server() as made:
        yield made


def is_clear(failure: ValueStoreUnavailable, port: int) -> None:
    assert failure.category == "communication_error" and failure.retryable
    assert str(port) in failure.message and "try again" in failure.message


@asynccontextmanager
async def store_at(server: ServerProcess) -> AsyncIterator[ValueStore]:
    async with value_store(server.url) as store:
        yield store


@pytest.mark.req("L3-23", "L3-22", "DD-17")
async def test_a_server_that_is_killed_in_a_transaction_leaves_nothing_of_it(server: ServerProcess) -> None:
    async with store_at(server) as store:
        await store.set("kept", "before")
        tx = await store.begin_transaction()
        await store.set("kept", "after", tx)
        await store.set("new", 1, tx)
        server.kill()
        with pytest.raises(ValueStoreUnavailable) as failure:
            await store.commit_transaction(tx)
        is_clear(failure.value, server.port)
        await store.rollback_transaction(tx)
        for call in (store.get("kept"), store.set("kept", 1), store.delete("kept"), store.keys()):
            with pytest.raises(ValueStoreUnavailable) as failure:
                await call
            is_clear(failure.value, server.port)
        server.start()
        assert await store.get("kept") == "before"
        assert await store.keys() == ["kept"]
        async with store.transaction() as tx:
            await store.set("kept", "later", tx)
        assert await store.get("kept") == "later"


async def test_an_error_out_of_a_block_whose_server_died_is_the_first_one(server: ServerProcess) -> None:
    async with store_at(server) as store:
        with pytest.raises(ZeroDivisionError):
            async with store.transaction() as tx:
                await store.set("key", 1, tx)
                server.kill()
                raise ZeroDivisionError
        server.start()
        assert await store.get("key") is None


async def test_a_restart_between_two_calls_is_not_noticed(server: ServerProcess) -> None:
    async with store_at(server) as store:
        await EncryptedVSL(store, "ab" * 32).set("key", "value")
        server.kill()
        server.start()
        assert await EncryptedVSL(store, "ab" * 32).get("key") == "value"


@pytest.mark.parametrize("address", ["redis://127.0.0.1:{}/0", "postgresql://psg@127.0.0.1:{}/postgres"])
async def test_a_server_that_was_never_there_is_told(address: str) -> None:
    port = free_port()
    with pytest.raises(ValueStoreUnavailable) as failure:
        async with value_store(address.format(port)) as store:
            await store.get("key")
    is_clear(failure.value, port)


async def test_a_password_is_not_shown_in_errors() -> None:
    for scheme in ("redis", "postgresql"):
        with pytest.raises(ValueStoreUnavailable) as failure:
            async with value_store(f"{scheme}://name:marker-secret@127.0.0.1:{free_port()}/0") as store:
                await store.get("key")
        assert "marker-secret" not in str(failure.value.to_dict())


@pytest.mark.parametrize("address", ["", "nowhere", "mysql://host/db", "file://host/folder", "redis"])
def test_an_address_of_no_store_is_refused_with_those_there_are(address: str) -> None:
    with pytest.raises(ValidationFailed, match="postgresql://"):
        value_store(address)


# Files


def found(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


async def test_a_file_address_names_its_folder(tmp_path: Path) -> None:
    store = value_store(f"file://{tmp_path}/with%20space")
    await store.set("key", 1)
    assert len(found(tmp_path / "with space", "*.json")) == 1


async def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    store = FileVSL(tmp_path)
    await store.set("key", "value")
    (path,) = found(tmp_path, "*.json")
    for damage in (b"", b"{", b"[]", b'{"key": "key"}', b"\xff"):
        path.write_bytes(damage)
        with pytest.raises(ValueDamaged, match="left as it is"):
            await store.get("key")
        assert path.read_bytes() == damage
    await store.set("key", "again")
    assert await store.get("key") == "again"


async def test_a_folder_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FileVSL(tmp_path / "file" / "folder")
    with pytest.raises(ValueStoreError, match="give a folder"):
        await store.set("key", 1)


WRITER = """
import os, sys, anyio
from psg_runtime.vsl import FileVSL
store = FileVSL(sys.argv[1])
def dies(*_):
    os._exit(9)
async def main():
    os.replace = dies
    await store.set("key", "new " * 10_000)
anyio.run(main)
"""


async def test_a_writer_that_dies_before_the_rename_leaves_the_old_value(tmp_path: Path) -> None:
    store = FileVSL(tmp_path)
    await store.set("key", "old")
    died = await anyio.run_process([sys.executable, "-c", WRITER, str(tmp_path)], check=False)
    assert died.returncode == 9
    assert await store.get("key") == "old"
    (part,) = found(tmp_path, "*.part")
    await store.set("key", "next")
    assert part.exists(), "it may belong to a writer at work"
    os.utime(part, (0, 0))
    await store.set("key", "last")
    assert not part.exists()
    assert await store.keys() == ["key"]
