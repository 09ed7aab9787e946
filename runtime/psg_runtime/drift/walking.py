"""Walking a tracked directory: every file in the order of the uris, memory bounded by the largest directory."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Literal

from psg.drift import DriftSettings, encoded
from psg_runtime.drift.files import TEMPORARY, FileTree

DEPTH_MAX = 200
NEVER = (b".git", b".psg")
"""What no setting includes: the insides of git, and of an embedded database."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """Something below a tracked directory.

    ``path`` is relative to it, ``place`` the same as in a uri. ``closed`` is a directory that cannot be read: nothing
    is known of what is in it. ``other`` is a link, a device, a pipe.
    """

    path: bytes
    place: str
    kind: Literal["file", "other", "closed"]


class Selection:
    """Which paths of a tracked directory are tracked."""

    def __init__(self, settings: DriftSettings) -> None:
        self._include = _compiled(settings.include)
        self._exclude = _compiled(settings.exclude)

    def skips(self, path: bytes) -> bool:
        """Whether a path, or any directory above it, is left out."""
        parts = path.split(b"/")
        if any(part in NEVER or part.startswith(TEMPORARY) for part in parts):
            return True
        text = path.decode(errors="surrogateescape")
        names = text.split("/")
        above = ["/".join(names[: i + 1]) for i in range(len(names))]
        return any(pattern.fullmatch(part) for pattern in self._exclude for part in (*names, *above))

    def takes(self, path: bytes) -> bool:
        """Whether a file is tracked."""
        if self.skips(path):
            return False
        text = path.decode(errors="surrogateescape")
        wanted = (text, text.rpartition("/")[2])
        return not self._include or any(p.fullmatch(part) for p in self._include for part in wanted)


def _compiled(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    return [re.compile(translate(pattern)) for pattern in patterns]


def walk(tree: FileTree, selection: Selection) -> Generator[Entry]:
    """Yield what is below a tracked directory, sorted by ``place``; blocking, one directory at a time.

    Links are not followed, so that there are no loops. Raises ``RootMissing`` where the directory itself is away.
    """
    with tree.opened() as root:
        yield from _below(root, b"", "", selection, 0)


def _below(fd: int, path: bytes, place: str, selection: Selection, depth: int) -> Iterator[Entry]:
    found: list[tuple[str, bytes, bool, bool]] = []
    with os.scandir(fd) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if selection.skips(path + name):
                continue
            directory = entry.is_dir(follow_symlinks=False)
            key = encoded(name) + ("/" if directory else "")
            found.append((key, name, directory, entry.is_file(follow_symlinks=False)))
    found.sort()
    for key, name, directory, plain in found:
        if directory:
            yield from _directory(fd, path + name, name, place + key, selection, depth + 1)
        elif not plain or selection.takes(path + name):
            yield Entry(path + name, place + key, "file" if plain else "other")


def _directory(fd: int, path: bytes, name: bytes, place: str, selection: Selection, depth: int) -> Iterator[Entry]:
    try:
        if depth > DEPTH_MAX:
            raise OSError("too deep")
        inner = os.open(name, _DIRECTORY, dir_fd=fd)
    except FileNotFoundError:
        return
    except OSError:
        yield Entry(path, place, "closed")
        return
    try:
        yield from _below(inner, path + b"/", place, selection, depth)
    except PermissionError:
        yield Entry(path, place, "closed")
    finally:
        os.close(inner)
