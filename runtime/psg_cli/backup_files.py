"""The files of ``psg backup``: one that is being written, its name when it is whole, and how many are kept."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from psg.errors import PsgError

_NAME = "psg-%Y%m%dT%H%M%SZ.backup.gz"
_MADE = re.compile(r"psg-\d{8}T\d{6}Z\.backup\.gz")
_PART = ".part"
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class BackupFileFailed(PsgError):
    """The file of a backup cannot be written."""

    code = "backup_file_failed"
    category = "resource_error"


class BackupUnderWay(PsgError):
    """Somebody writes this backup already."""

    code = "backup_under_way"
    category = "resource_error"


def file_for(path: Path) -> Path:
    """The file to write: ``path``, or in a folder the one that is unfinished there, else one named after the time."""
    if not path.is_dir():
        return path
    if parts := _parts(path):
        return parts[-1].with_name(parts[-1].name.removesuffix(_PART))
    return path / time.strftime(_NAME, time.gmtime())


def _parts(folder: Path) -> list[Path]:
    """The unfinished files of a folder that are named after their time, oldest first; none where it is no folder."""
    return sorted(part for part in folder.glob(f"psg-*{_PART}") if _MADE.fullmatch(part.name.removesuffix(_PART)))


@contextmanager
def unfinished(file: Path, *, restart: bool = False) -> Iterator[BinaryIO]:
    """The file to write to until the backup is whole; it gets its name at the end of the block, or is kept to go on.

    Only its owner can read it, and only one process has it. Raises BackupUnderWay, BackupFileFailed.
    """
    part = file.with_name(file.name + _PART)
    try:
        with os.fdopen(_taken(part), "r+b", buffering=0) as target:
            if restart:
                target.truncate(0)
            stream = cast(BinaryIO, target)
            try:
                yield stream
                os.replace(part, file)
            except BaseException:
                _drop_when_worthless(stream, part)
                raise
            _keep_name(file.parent)
    except OSError as error:
        raise BackupFileFailed(_told(error, part)) from error


def _taken(part: Path) -> int:
    while True:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if part.exists() and os.path.samestat(os.fstat(descriptor), part.stat()):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise BackupUnderWay(f"another process writes {part}; wait for it, or choose another name") from error
        os.close(descriptor)  # it got its name in between


def _drop_when_worthless(stream: BinaryIO, part: Path) -> None:
    """A file without a single whole section is nothing to go on with."""
    from psg.backup.archive import SECTION_BYTES
    from psg.backup.salvage import salvage

    if part.stat().st_size <= 2 * SECTION_BYTES and salvage(stream) is None:
        part.unlink(missing_ok=True)


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(error: OSError, part: Path) -> str:
    kept = f"; what is written is kept in {part}: run the same command again to go on" if part.exists() else ""
    if error.errno in _FULL:
        return f"there is no room left for {part} ({error.strerror}){kept}, when there is more"
    return f"{error.filename or part}: {error.strerror}{kept}"


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """A file to read. Raises BackupFileFailed."""
    try:
        with file.open("rb") as source:
            yield source
    except OSError as error:
        raise BackupFileFailed(f"{error.filename or file}: {error.strerror}") from error


@dataclass(slots=True)
class Dropped:
    """What was removed of a folder, what could not be, and why in words."""

    removed: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def drop_older(folder: Path, keep: int) -> Dropped:
    """Remove all but the newest ``keep`` backups that were named after their time; what cannot be is left and told."""
    found = Dropped()
    try:
        made = sorted(file for file in folder.iterdir() if _MADE.fullmatch(file.name) and file.is_file())
    except OSError as error:
        found.told.append(f"{folder} could not be listed: {error.strerror}")
        return found
    for file in made[: max(len(made) - keep, 0)]:
        try:
            file.unlink(missing_ok=True)
            found.removed.append(file)
        except OSError as error:
            found.left.append(file)
            found.told.append(f"{file} could not be removed: {error.strerror}")
    return found


def drop_stale(folder: Path) -> list[Path]:
    """Remove the unfinished files of a folder that were begun too long ago to be gone on with; return them.

    By their names: a backup that is made today must not be the oldest of its folder. One that somebody writes stays.
    """
    from psg.backup.taking import RESUME_WITHIN_S

    oldest = time.strftime(_NAME, time.gmtime(time.time() - RESUME_WITHIN_S))
    stale = [part for part in _parts(folder) if part.name < oldest]
    return [part for part in stale if _removed_unless_written(part)]


def _removed_unless_written(part: Path) -> bool:
    try:
        descriptor = _taken(part)
    except BackupUnderWay:
        return False
    except OSError as error:
        raise BackupFileFailed(f"{part}: {error.strerror}") from error
    try:
        part.unlink(missing_ok=True)
    except OSError as error:
        raise BackupFileFailed(f"{part} could not be removed: {error.strerror}") from error
    finally:
        os.close(descriptor)
    return True
