"""The one-time download: verified, resumable, safe for two processes; against a repository on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest

from psg_neo4j.embedded.artifacts import Jar, cache_folder, install, parse_lock, pinned_jars, render_lock
from psg_neo4j.errors import ChecksumMismatch, DownloadFailed

pytestmark = pytest.mark.anyio


def jar(name: str, size: int = 3000) -> tuple[Jar, bytes]:
    content = (name.encode() * size)[:size]
    return Jar(f"org.example:{name}:1.0", hashlib.sha256(content).hexdigest(), size), content


FILES = [jar(f"part{number}") for number in range(6)]
JARS = [item for item, _ in FILES]


class Repository(ThreadingHTTPServer):
    """A Maven repository that counts requests and can be told to misbehave."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/{item.path}": content for item, content in FILES}
        self.requests: list[str] = []
        self.truncated: set[str] = set()
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.requests.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in self.server.truncated else content)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@contextmanager
def serving() -> Iterator[Repository]:
    with Repository() as repository:
        thread = threading.Thread(target=repository.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield repository
        finally:
            repository.shutdown()
            thread.join()


@pytest.fixture
def repository() -> Iterator[Repository]:
    with serving() as running:
        yield running


async def fetch(folder: Path, repository: Repository, jars: list[Jar] = JARS, local: Path | None = None) -> Path:
    nowhere = folder.parent / "no-local-repository"
    return await install(folder, jars=jars, repositories=[repository.address], local_repository=local or nowhere)


async def test_download_verifies_and_a_second_run_asks_nobody(
    tmp_path: Path, repository: Repository, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cache"
    assert await fetch(folder, repository) == folder
    for item, content in FILES:
        assert (folder / item.filename).read_bytes() == content
    assert "Downloading Neo4j (once): 6 files" in capfd.readouterr().err
    assert len(repository.requests) == 6
    await fetch(folder, repository)
    assert len(repository.requests) == 6
    assert capfd.readouterr().err == ""


async def test_an_interrupted_download_goes_on_with_what_is_missing(tmp_path: Path, repository: Repository) -> None:
    folder = tmp_path / "cache"
    broken = JARS[3]
    repository.truncated.add(f"/{broken.path}")
    with pytest.raises(DownloadFailed, match=f"{broken.coordinate}.* of 3000 bytes") as caught:
        await fetch(folder, repository)
    assert caught.value.retryable
    assert not (folder / broken.filename).exists()
    whole = {item.filename for item in JARS if (folder / item.filename).exists()}
    repository.truncated.clear()
    repository.requests.clear()
    await fetch(folder, repository)
    assert sorted(repository.requests) == sorted(f"/{item.path}" for item in JARS if item.filename not in whole)
    assert not list(folder.glob("*.part"))


async def test_half_a_file_left_by_a_killed_process_is_never_taken_for_whole(
    tmp_path: Path, repository: Repository
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / (JARS[0].filename + ".abc.part")).write_bytes(FILES[0][1][:1000])
    (folder / JARS[1].filename).write_bytes(b"\0" * JARS[1].size)
    await fetch(folder, repository)
    for item, content in FILES:
        assert (folder / item.filename).read_bytes() == content
    assert not list(folder.glob("*.part"))


async def test_a_wrong_file_is_named_and_removed(tmp_path: Path, repository: Repository) -> None:
    folder = tmp_path / "cache"
    bad = JARS[2]
    repository.files[f"/{bad.path}"] = b"x" * bad.size  # the right size, so that only the checksum can tell
    with pytest.raises(ChecksumMismatch, match=f"{bad.coordinate} is not the file that was pinned") as caught:
        await fetch(folder, repository)
    assert caught.value.details["jar"] == bad.coordinate
    assert not (folder / bad.filename).exists() and not list(folder.glob("*.part"))


async def test_a_file_lost_from_the_cache_is_fetched_again(tmp_path: Path, repository: Repository) -> None:
    folder = tmp_path / "cache"
    await fetch(folder, repository)
    (folder / JARS[4].filename).unlink()
    repository.requests.clear()
    await fetch(folder, repository)
    assert repository.requests == [f"/{JARS[4].path}"]


async def test_two_at_once_download_once(tmp_path: Path, repository: Repository) -> None:
    folder = tmp_path / "cache"
    async with anyio.create_task_group() as group:
        group.start_soon(fetch, folder, repository)
        group.start_soon(fetch, folder, repository)
    assert sorted(repository.requests) == sorted(f"/{item.path}" for item in JARS)


async def test_the_local_maven_repository_is_used_but_not_believed(tmp_path: Path, repository: Repository) -> None:
    local = tmp_path / "m2"
    for item, content in FILES[:2]:
        place = local / item.path
        place.parent.mkdir(parents=True)
        place.write_bytes(content if item is JARS[0] else b"?" * item.size)
    await fetch(tmp_path / "cache", repository, local=local)
    assert f"/{JARS[0].path}" not in repository.requests
    assert f"/{JARS[1].path}" in repository.requests


async def test_no_repository_says_what_to_do(tmp_path: Path) -> None:
    with serving() as stopped:
        pass
    with pytest.raises(DownloadFailed, match="PSG_NEO4J_URI"):
        await fetch(tmp_path / "cache", stopped, jars=JARS[:1])


def test_the_lock_file_pins_the_release_and_holds_no_address() -> None:
    jars = pinned_jars()
    names = {item.coordinate.rpartition(":")[0] + "=" + item.coordinate.rpartition(":")[2] for item in jars}
    assert {
        "org.neo4j:neo4j=5.26.20",
        "org.neo4j.app:neo4j-server=5.26.20",
        "org.neo4j.client:neo4j-browser=5.24.0",
    } <= names
    assert len({item.filename for item in jars}) == len(jars) > 200
    assert all(len(item.sha256) == 64 and item.size > 0 for item in jars)
    text = render_lock(jars)
    assert "//" not in text
    assert parse_lock(text) == jars


def test_classifiers_are_part_of_file_and_path() -> None:
    native = replace(JARS[0], coordinate="io.netty:netty-native:4.1:linux-x86_64")
    assert native.path == "io/netty/netty-native/4.1/netty-native-4.1-linux-x86_64.jar"


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PSG_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path / "neo4j-5.26.20"
