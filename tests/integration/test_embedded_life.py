"""The embedded server's life: shared by processes, gone with the last one, back after any kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from conftest import TEST_SETTINGS, FreshNeo4j, in_other_loop

from psg_cypher import parse_statements
from psg_neo4j import Database
from psg_neo4j.embedded import EmbeddedServer, embedded, held, keep, release, status, stop
from psg_neo4j.errors import DatabaseAuthFailed, EmbeddedServerFailed, HomeInUse, PortTaken, StoreDamaged

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j, pytest.mark.xdist_group("embedded")]

PUT, COUNT = parse_statements(
    "// name: put :write :none\nUNWIND range(1, 100) AS i CREATE (:LifeProbe {i: i})\n"
    "// name: count :read :one\nMATCH (n:LifeProbe) RETURN count(n) AS rows",
    "life.cypher",
)

CLIENT = """
import anyio, json, sys
from pathlib import Path
from psg_neo4j.embedded import ServerSettings, embedded

async def main(home, settings):
    async with embedded(Path(home), settings=ServerSettings.from_json(settings)) as server:
        async with server.database() as database:
            await database.server_info()
        print(json.dumps([server.pid, server.supervisor_pid]), flush=True)
        await anyio.sleep_forever()

anyio.run(main, *sys.argv[1:])
"""


@asynccontextmanager
async def client(home: Path) -> AsyncIterator[anyio.abc.Process]:
    """Another process that uses the server of ``home``; killed at the end of the block at the latest."""
    argv = [sys.executable, "-c", CLIENT, str(home), TEST_SETTINGS.to_json()]
    async with await anyio.open_process(argv, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


async def answer(process: anyio.abc.Process) -> tuple[int, int]:
    """Process ids of JVM and supervisor that the client is attached to."""
    assert process.stdout is not None
    with anyio.fail_after(90):
        jvm, supervisor = json.loads(await process.stdout.receive())
    return jvm, supervisor


async def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until ``condition`` holds, at most ``seconds``; how long it took."""
    began = time.monotonic()
    with anyio.fail_after(seconds):
        # Another process's end is no event of this one.
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.02)
    return time.monotonic() - began


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "State:\tZ" in Path(f"/proc/{pid}/status").read_text() if sys.platform == "linux" else False


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One data folder for the module: a boot takes seconds."""
    folder = tmp_path_factory.mktemp("life") / "neo4j"
    yield folder
    in_other_loop(lambda: stop(folder))


async def attach(home: Path) -> EmbeddedServer:
    return await EmbeddedServer.attach(home, settings=TEST_SETTINGS)


async def test_processes_that_start_at_once_share_one_server_and_killing_one_does_not_stop_it(home: Path) -> None:
    async with client(home) as first, client(home) as second, client(home) as third:
        answers = {await answer(process) for process in (first, second, third)}
        assert len(answers) == 1
        jvm, supervisor = answers.pop()
        for process in (first, second):
            process.send_signal(signal.SIGKILL)
            await process.wait()
        async with embedded(home, settings=TEST_SETTINGS) as server, server.database() as database:
            assert (server.pid, server.supervisor_pid) == (jvm, supervisor)
            third.send_signal(signal.SIGKILL)
            await third.wait()
            # Longer than the linger time: this process still holds the server.
            await anyio.sleep(TEST_SETTINGS.linger * 3)
            await database.write(PUT)
            assert server.status().state == "running"


async def test_a_kept_server_stays_without_clients_and_ends_when_released(home: Path) -> None:
    server = await attach(home)
    keep(home)
    server.close()
    await anyio.sleep(TEST_SETTINGS.linger * 3)
    kept = status(home)
    assert (kept.state, kept.kept, kept.pid) == ("running", True, server.pid)
    async with held(home) as seen:  # by who only looks: it stays, too
        release(home)
        await anyio.sleep(TEST_SETTINGS.linger * 3)
        assert (seen.state, status(home).pid) == ("running", server.pid)
    await until(lambda: status(home).state == "stopped", 10)
    assert gone(server.pid)
    async with held(home) as nothing:  # and starts none
        assert (nothing.state, nothing.uri) == ("stopped", None)


@pytest.mark.long
async def test_a_killed_supervisor_takes_the_server_along_and_the_next_client_restarts_it(home: Path) -> None:
    async with await attach(home) as server:
        async with server.database() as database:
            before = await database.read_one(COUNT)
            await database.write(PUT)
        os.kill(server.supervisor_pid, signal.SIGKILL)
        if sys.platform == "linux":
            assert await until(lambda: gone(server.pid), 10) < 5
        async with await attach(home) as again:
            assert again.pid != server.pid
            async with again.database() as database:
                after = await database.read_one(COUNT)
                assert before is not None and after is not None
                assert after["rows"] == before["rows"] + 100
            await _password_is_not_the_default(again)
            _password_is_private(home, again)
            assert await stop(home) is True
            assert gone(again.pid)
    assert await stop(home) is False


async def _password_is_not_the_default(server: EmbeddedServer) -> None:
    for default in ("neo4j", ""):
        with pytest.raises(DatabaseAuthFailed):
            async with Database.connect(server.uri, "neo4j", default):
                pass


def _password_is_private(home: Path, server: EmbeddedServer) -> None:
    assert len(server.password) >= 32
    assert stat.S_IMODE((home / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    if sys.platform == "linux":
        for pid in (server.pid, server.supervisor_pid):
            assert server.password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.long
async def test_a_damaged_store_is_told_and_not_served(home: Path) -> None:
    """Neo4j itself comes up, answers Bolt, and keeps the database offline without a word."""
    neostore = home / "data" / "databases" / "neo4j" / "neostore"
    if not await anyio.Path(neostore).exists():
        (await attach(home)).close()
    await stop(home)
    neostore.unlink()
    with pytest.raises(StoreDamaged, match="offline"):
        await attach(home)
    assert status(home).state == "stopped"


@pytest.mark.long
async def test_a_killed_server_is_started_again_with_every_acknowledged_row(fresh_neo4j: FreshNeo4j) -> None:
    server = await fresh_neo4j()
    async with server.database() as database:
        await database.write(PUT)
    os.kill(server.pid, signal.SIGKILL)
    await until(lambda: status(server.home).state == "stopped", 10)
    again = await fresh_neo4j()
    async with again.database() as database:
        assert await database.read_one(COUNT) == {"rows": 100}


@pytest.mark.parametrize("port", ["bolt_port", "http_port"])
async def test_a_taken_port_is_named(tmp_path: Path, port: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        settings = replace(TEST_SETTINGS, **{port: number})
        with anyio.fail_after(30), pytest.raises(PortTaken, match=str(number)):
            await EmbeddedServer.attach(tmp_path / "neo4j", settings=settings)
    assert status(tmp_path / "neo4j").state == "stopped"


async def test_a_server_that_dies_at_boot_is_quoted(tmp_path: Path) -> None:
    settings = replace(TEST_SETTINGS, java_options="-XX:+NoSuchOptionAtAll")
    with anyio.fail_after(30), pytest.raises(EmbeddedServerFailed, match="NoSuchOptionAtAll") as caught:
        await EmbeddedServer.attach(tmp_path / "neo4j", settings=settings)
    assert caught.value.details["home"] == str(tmp_path / "neo4j")


FOREIGN = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


async def test_a_folder_used_by_a_foreign_neo4j_is_refused(tmp_path: Path) -> None:
    """A JVM holds the POSIX lock of its store: that is all one can see of it, so that is what stands for it."""
    store = tmp_path / "neo4j" / "data" / "databases"
    store.mkdir(parents=True)
    async with await anyio.open_process([sys.executable, "-c", FOREIGN, str(store / "store_lock")]) as foreign:
        try:
            assert foreign.stdout is not None
            assert b"locked" in await foreign.stdout.receive()
            with anyio.fail_after(30), pytest.raises(HomeInUse, match="not started by this platform"):
                await attach(tmp_path / "neo4j")
        finally:
            foreign.kill()
