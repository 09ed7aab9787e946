"""A tracked directory on this machine: read without following links, written only where nothing changed meanwhile.

Every path is walked from the directory down, part by part, by descriptors that refuse symbolic links: what lies outside
cannot be reached, whoever swaps directories while this runs.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psg.drift import ABSENT, ChangedMeanwhile, Found, NotAFile, OutsideRoot, RootMissing, Unreadable, content_digest
from psg_neo4j import faults

CHUNK = 1_048_576
TEMPORARY = b".psg-drift-"
READ_TRIES = 3
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_EXCHANGE = 2


class FileTree:
    """The files below one directory; paths are bytes, relative to it. Blocking: for threads."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the directory itself; raises ``RootMissing``."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise RootMissing(
                f"the tracked directory cannot be read: {error.strerror}; nothing is taken for deleted",
                reason=error.strerror,
            ) from None
        try:
            yield fd
        finally:
            os.close(fd)

    def look(self, path: bytes, keep_bytes: int = -1) -> Found:
        """Return what is at a path; its content when it has up to ``keep_bytes``.

        What is no ordinary file, cannot be read or is being written has a ``fault``. Raises ``OutsideRoot`` where a
        part of the path is a link, and ``RootMissing``.
        """
        try:
            with self._parent(path) as (parent, name):
                return _look(parent, name, keep_bytes)
        except FileNotFoundError:
            return ABSENT
        except Unreadable:
            return Found(None, fault="unreadable")

    def write(self, path: bytes, content: bytes, mode: int, expected_hash: str | None) -> Found:
        """Give a file this content, whole or not at all, if it still has ``expected_hash`` (``None``: is not there).

        It is on disk when this returns; what is returned is what was written. Raises ``ChangedMeanwhile`` (what is
        there stays), ``OutsideRoot``, ``NotAFile``, ``Unreadable``, ``RootMissing``.
        """
        with self._parent(path, make=expected_hash is None) as (parent, name):
            temporary = _temporary()
            try:
                _write_new(parent, temporary, content, mode)
                if expected_hash is None:
                    _put_new(parent, temporary, name)
                else:
                    _put_over(parent, temporary, name, expected_hash)
                os.fsync(parent)
            except OSError as error:
                raise Unreadable(f"cannot be written: {error.strerror}") from None
            finally:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=parent)
            now = _look(parent, name, -1)
        return Found(content_digest(content), len(content), now.mtime_ms, now.mode if now.hash else mode, content)

    def remove(self, path: bytes, expected_hash: str) -> None:
        """Remove a file if it still has ``expected_hash``; raises what ``write`` raises."""
        with self._parent(path) as (parent, name):
            aside = _temporary()
            try:
                os.rename(name, aside, src_dir_fd=parent, dst_dir_fd=parent)
            except FileNotFoundError:
                return
            except OSError as error:
                raise Unreadable(f"cannot be removed: {error.strerror}") from None
            found = _look(parent, aside, -1)
            if found.hash != expected_hash:
                # Back to where it was; whoever made another one there meanwhile keeps that, and this one beside it.
                with suppress(FileExistsError):
                    os.link(aside, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
                    os.unlink(aside, dir_fd=parent)
                raise ChangedMeanwhile("the file was changed meanwhile; it was not removed")
            os.unlink(aside, dir_fd=parent)
            os.fsync(parent)

    @contextmanager
    def _parent(self, path: bytes, *, make: bool = False) -> Iterator[tuple[int, bytes]]:
        """The directory that a path ends in, and its last part; with ``make`` missing directories are made."""
        *parts, name = path.split(b"/")
        if any(part in (b"", b".", b"..") or b"\0" in part for part in (*parts, name)):
            raise OutsideRoot("a path names files below the tracked directory, without `..`")
        with self.opened() as root:
            fd, opened = root, []
            try:
                for part in parts:
                    fd = _enter(fd, part, make)
                    opened.append(fd)
                yield fd, name
            finally:
                for used in opened:
                    os.close(used)


def _enter(fd: int, part: bytes, make: bool) -> int:
    try:
        return os.open(part, _DIRECTORY, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        raise _path_fault(fd, part, error) from None
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=fd)
        os.fsync(fd)
    try:
        return os.open(part, _DIRECTORY, dir_fd=fd)
    except OSError as error:
        raise _path_fault(fd, part, error) from None


def _path_fault(fd: int, part: bytes, error: OSError) -> Exception:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreadable("a directory above the file cannot be entered")
    try:
        link = stat.S_ISLNK(os.stat(part, dir_fd=fd, follow_symlinks=False).st_mode)
    except OSError:
        link = False
    if link or error.errno == errno.ELOOP:
        return OutsideRoot("a directory above the file is a symbolic link; links are not followed")
    if error.errno == errno.ENOTDIR:
        return FileNotFoundError(errno.ENOENT, "a part of the path is a file")
    return error


def _look(parent: int, name: bytes, keep_bytes: int) -> Found:
    for _ in range(READ_TRIES):
        try:
            fd = os.open(name, _FILE, dir_fd=parent)
        except FileNotFoundError:
            return ABSENT
        except OSError as error:
            unreadable = error.errno in (errno.EACCES, errno.EPERM, errno.EIO)
            return Found(None, fault="unreadable" if unreadable else "not_a_file")
        try:
            found = _read(fd, keep_bytes)
        except OSError:
            return Found(None, fault="unreadable")
        finally:
            os.close(fd)
        if found is not None:
            return found
    return Found(None, fault="busy")


def _read(fd: int, keep_bytes: int) -> Found | None:
    """The file behind a descriptor, ``None`` when it was changed while it was read."""
    before = os.fstat(fd)
    if not stat.S_ISREG(before.st_mode):
        return Found(None, fault="not_a_file")
    digest, kept, size = hashlib.sha256(), bytearray(), 0
    keep = before.st_size <= keep_bytes
    while chunk := os.read(fd, CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if keep:
            kept += chunk
        if size > before.st_size + CHUNK:  # it grows faster than it is read
            return None
    after = os.fstat(fd)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or size != after.st_size:
        return None
    mode = stat.S_IMODE(after.st_mode) & 0o777
    return Found(digest.hexdigest(), size, after.st_mtime_ns // 1_000_000, mode, bytes(kept) if keep else None)


def _temporary() -> bytes:
    return TEMPORARY + secrets.token_hex(8).encode()


def _write_new(parent: int, name: bytes, content: bytes, mode: int) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        os.fchmod(fd, mode & 0o777)
        os.fsync(fd)
    finally:
        os.close(fd)


def _put_new(parent: int, temporary: bytes, name: bytes) -> None:
    """A link is made only where nothing is."""
    try:
        os.link(temporary, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        raise ChangedMeanwhile("there is a file now where none was; it was not overwritten") from None


def _put_over(parent: int, temporary: bytes, name: bytes, expected_hash: str) -> None:
    """Exchange the two, look at what came out, and exchange them back when it is not what was expected."""
    found = _look(parent, name, -1)
    if found.fault == "not_a_file":
        raise NotAFile("there is something else than an ordinary file; it was not overwritten")
    if found.hash != expected_hash:
        raise ChangedMeanwhile("the file was changed meanwhile; it was not overwritten")
    if not _exchange(parent, temporary, name):
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        return
    faults.at("drift_exchanged")
    out = _look(parent, temporary, -1)
    if out.hash != expected_hash:
        _exchange(parent, temporary, name)
        raise ChangedMeanwhile("the file was changed meanwhile; it was not overwritten")


def _exchange(parent: int, one: bytes, other: bytes) -> bool:
    """Swap two names at once; ``False`` where the file system cannot. Raises ``OSError``."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if call(parent, one, parent, other, _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    if code == errno.ENOENT:
        raise ChangedMeanwhile("the file went away meanwhile; it was not written")
    raise OSError(code, os.strerror(code))
