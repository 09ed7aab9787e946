"""Installs the pinned Neo4j once per machine: download, verify, never trust half a file (DESIGN §3).

``jars.lock`` names every jar with its SHA-256 and no address; where repositories are is jgo's configuration
(``[repositories]`` of its file first, then its default). A jar that lies verified in the local Maven
repository is copied from there instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import anyio
import anyio.to_thread

from psg_neo4j.embedded.part import require_embedded
from psg_neo4j.embedded.progress import Progress, progress_on
from psg_neo4j.errors import ChecksumMismatch, DownloadFailed, EmbeddedServerFailed

NEO4J_VERSION = "5.26.20"
BROWSER_VERSION = "5.24.0"
LOCK_FILE = files("psg_neo4j.embedded").joinpath("jars.lock")
_PARALLEL = 8
_CHUNK = 1 << 18
_TIMEOUT = 30.0
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned file: ``coordinate`` is group:artifact:version[:classifier], ``size`` in bytes."""

    coordinate: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        """Name of the file in the cache, as in a Maven repository."""
        _, artifact, version, *classifier = self.coordinate.split(":")
        return "-".join([artifact, version, *classifier]) + ".jar"

    @property
    def path(self) -> str:
        """Path of the file inside any Maven repository."""
        group, artifact, version, *_ = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.filename}"


def render_lock(jars: Iterable[Jar]) -> str:
    """The text of a lock file."""
    return "".join(f"{jar.coordinate} {jar.sha256} {jar.size}\n" for jar in jars)


def parse_lock(text: str) -> list[Jar]:
    """The jars named by the text of a lock file. Raises ValueError for a bad line."""
    return [
        Jar(coordinate, sha256, int(size))
        for coordinate, sha256, size in (line.split() for line in text.splitlines() if line.strip())
    ]


def pinned_jars() -> list[Jar]:
    """The jars of the Neo4j this release runs."""
    return parse_lock(LOCK_FILE.read_text(encoding="utf-8"))


def cache_folder() -> Path:
    """Where jars are kept: ``$PSG_CACHE_DIR/neo4j-<version>``, else in the platform's cache folder."""
    if chosen := os.environ.get("PSG_CACHE_DIR"):
        return Path(chosen).expanduser().absolute() / f"neo4j-{NEO4J_VERSION}"
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "psg" / f"neo4j-{NEO4J_VERSION}"


async def install(
    folder: Path | None = None,
    *,
    jars: Sequence[Jar] | None = None,
    repositories: Sequence[str] | None = None,
    local_repository: Path | None = None,
) -> Path:
    """Make sure that every pinned jar lies in ``folder`` and return it.

    A second call takes milliseconds. ``repositories`` are base addresses tried in order, ``local_repository``
    a Maven repository on disk; both default to jgo's configuration. An interrupted call leaves whole files
    only and the next one goes on from there; of several processes one downloads and the others wait.
    Raises EmbeddedPartMissing, DownloadFailed, ChecksumMismatch.
    """
    folder = folder or cache_folder()
    wanted = pinned_jars() if jars is None else list(jars)
    if _complete(folder, wanted):
        return folder
    require_embedded()
    if repositories is None or local_repository is None:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL

        settings = GlobalSettings.load()
        if repositories is None:
            repositories = [*settings.repositories.values(), MAVEN_CENTRAL_URL]
        local_repository = local_repository or settings.repo_cache
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedServerFailed(f"cannot use the cache folder {folder}: {error.strerror}") from error
    with ExitStack() as stack:
        descriptor = os.open(folder / "install.lock", os.O_RDWR | os.O_CREAT, 0o644)
        stack.callback(os.close, descriptor)
        await _lock(descriptor)
        missing = [jar for jar in wanted if not _whole(folder / jar.filename, jar)]
        if missing:
            with progress_on(sum(jar.size for jar in missing), len(missing)) as progress:
                await _install_all(folder, missing, repositories, local_repository, progress)
        _mark_complete(folder, wanted)
    return folder


async def _lock(descriptor: int) -> None:
    """Take the exclusive lock; waits while another process installs."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await anyio.sleep(0.1)
        else:
            return


async def _install_all(
    folder: Path, jars: Sequence[Jar], repositories: Sequence[str], local: Path, progress: Progress
) -> None:
    stop = threading.Event()
    limiter = anyio.CapacityLimiter(_PARALLEL)
    errors: list[Exception] = []

    async def one(jar: Jar) -> None:
        if errors:
            return
        try:
            work = partial(_install_one, folder, jar, repositories, local, progress, stop)
            await anyio.to_thread.run_sync(work, limiter=limiter)
        except (DownloadFailed, ChecksumMismatch, EmbeddedServerFailed) as error:
            errors.append(error)
            stop.set()

    try:
        async with anyio.create_task_group() as group:
            for jar in jars:
                group.start_soon(one, jar)
    finally:
        stop.set()
    if errors:
        raise errors[0]


def _install_one(
    folder: Path,
    jar: Jar,
    repositories: Sequence[str],
    local: Path,
    progress: Progress,
    stop: threading.Event,
) -> None:
    """Bring one jar into ``folder``, from the local repository when it has the right file."""
    if stop.is_set():
        return
    found = local / jar.path
    with _part(folder, jar) as part:
        try:
            if _whole(found, jar):
                shutil.copyfile(found, part)
                progress.advance(jar.size)
            elif not _download(part, jar, repositories, progress, stop):
                return
            _put_in_place(part, folder / jar.filename)
        except OSError as error:
            raise EmbeddedServerFailed(f"cannot store {jar.filename} in {folder}: {error.strerror}") from error


@contextmanager
def _part(folder: Path, jar: Jar) -> Iterator[Path]:
    """A new empty file beside the final place, removed unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=jar.filename + ".", suffix=".part", dir=folder)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _download(part: Path, jar: Jar, repositories: Sequence[str], progress: Progress, stop: threading.Event) -> bool:
    """Fetch ``jar`` into ``part`` and verify it; False when told to stop."""
    reason = "no repository is configured"
    for repository in repositories:
        for attempt in range(_TRIES):
            failed = _fetch(part, jar, repository, progress, stop)
            if stop.is_set():
                return False
            if failed is None:
                return True
            reason = failed
            stop.wait(0.1 * attempt)
    raise DownloadFailed(
        f"cannot download {jar.coordinate}: {reason}; check the network and run the command again, it goes on "
        "where it stopped. Or set PSG_NEO4J_URI to a Neo4j that runs already.",
        jar=jar.coordinate,
    )


def _fetch(part: Path, jar: Jar, repository: str, progress: Progress, stop: threading.Event) -> str | None:
    """One request for ``jar``; None when ``part`` is the pinned file, else what went wrong in words."""
    from jgo.util import http

    received = 0
    digest = hashlib.sha256()
    failed = None
    try:
        with http.get(f"{repository}/{jar.path}", stream=True, timeout=_TIMEOUT) as answer, open(part, "wb") as file:
            if answer.status_code != 200:
                return f"the repository answers with HTTP status {answer.status_code}"
            for chunk in answer.iter_content(_CHUNK):
                if stop.is_set():
                    return "stopped"
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                progress.advance(len(chunk))
    except http.requests.Timeout:
        failed = f"the repository did not answer within {_TIMEOUT:.0f} s"
    except http.requests.RequestException:
        failed = "the connection broke" if received else "no connection to the repository"
    if failed or received != jar.size:
        progress.advance(-received)
        return f"{failed or 'the answer ended'} after {received} of {jar.size} bytes"
    if digest.hexdigest() == jar.sha256:
        return None
    raise ChecksumMismatch(
        f"{jar.coordinate} is not the file that was pinned (SHA-256 {digest.hexdigest()}, expected {jar.sha256}); it "
        "was removed. Check the Maven repository or the proxy in between.",
        jar=jar.coordinate,
    )


def _put_in_place(part: Path, final: Path) -> None:
    """Give a whole file its name, so that the name never stands for half a file, even after a power cut."""
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    os.chmod(part, 0o644)
    os.replace(part, final)


def _whole(path: Path, jar: Jar) -> bool:
    """Whether ``path`` is exactly the pinned file."""
    try:
        if path.stat().st_size != jar.size:
            return False
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except OSError:
        return False


def _stamp(jars: Sequence[Jar]) -> str:
    return hashlib.sha256(render_lock(jars).encode()).hexdigest()


def _complete(folder: Path, jars: Sequence[Jar]) -> bool:
    """Whether ``folder`` was verified for exactly these jars and still holds them, by size."""
    try:
        if (folder / "complete").read_text(encoding="ascii") != _stamp(jars):
            return False
        return all((folder / jar.filename).stat().st_size == jar.size for jar in jars)
    except OSError:
        return False


def _mark_complete(folder: Path, jars: Sequence[Jar]) -> None:
    for left in folder.glob("*.part"):
        left.unlink(missing_ok=True)
    part = folder / "complete.part"
    part.write_text(_stamp(jars), encoding="ascii")
    _put_in_place(part, folder / "complete")
