"""Git, asked for what it is good at: merging texts with a common base, and moving refs only from where they were."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import anyio

from psg.drift import ChangedMeanwhile, Found, RootMissing, Unreadable

TIMEOUT_S = 30.0
NO_REF = Found(None)
_OURS, _BASE, _THEIRS = "graph", "base", "files"
# A repository is data here: nothing in its configuration is to run.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.pager=cat")


@dataclass(frozen=True, slots=True)
class Merge:
    """What a three-way merge came to: ``content`` when it is clean, else ``None`` and why, in ``reason``."""

    content: bytes | None
    reason: str | None = None


def _environment(folder: str | os.PathLike[str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR", "LANG", "SYSTEMROOT")}
    # A repository around the directory is not the one in it.
    above = os.path.dirname(os.path.realpath(folder))
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    # What is missing is not fetched, whatever the repository allows: a transport is a program that it names.
    return kept | quiet | {"GIT_CEILING_DIRECTORIES": above, "GIT_ALLOW_PROTOCOL": "none"}


async def merge(base: bytes, ours: bytes, theirs: bytes) -> Merge:
    """Merge two texts that come from one (``git merge-file``); changes that overlap, or of no text, are a conflict."""
    if any(b"\0" in content[:8000] for content in (base, ours, theirs)):
        return Merge(None, "both sides changed and it is no text: binary files cannot be merged")
    return await anyio.to_thread.run_sync(_merge, base, ours, theirs)


def _merge(base: bytes, ours: bytes, theirs: bytes) -> Merge:
    with tempfile.TemporaryDirectory(prefix="psg-merge-") as folder:
        for name, content in ((_OURS, ours), (_BASE, base), (_THEIRS, theirs)):
            Path(folder, name).write_bytes(content)
        done = _git(folder, "merge-file", "-p", "-q", _OURS, _BASE, _THEIRS)
    if done.returncode == 0:
        return Merge(done.stdout)
    if 0 < done.returncode < 128:
        return Merge(None, "both sides changed the same lines")
    return Merge(None, "both sides changed and git cannot merge them")


def _git(folder: str | os.PathLike[str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", *_QUIET, *arguments], cwd=folder, env=_environment(folder), capture_output=True, timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreadable(f"git does not answer ({type(error).__name__}); is it installed?") from None


class Refs:
    """The refs of the repository in a tracked directory; blocking: for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self, patterns: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return name and object id of the refs whose names match, by name; raises ``RootMissing``."""
        done = _git(self._path, "for-each-ref", "--format=%(objectname) %(refname)")
        if done.returncode != 0:
            raise RootMissing("its git refs cannot be read: it is no repository of this user's")
        return sorted(
            (name, object_id)
            for object_id, name in _pairs(done.stdout)
            if any(fnmatchcase(name, pattern) for pattern in patterns)
        )

    def look(self, ref: str) -> Found:
        """Return what a ref is; raises ``RootMissing``."""
        return next((Found(oid) for name, oid in self.all((_literal(ref),)) if name == ref), NO_REF)

    def has(self, object_id: str) -> bool:
        """Whether the repository has this commit."""
        return _git(self._path, "cat-file", "-e", f"{object_id}^{{object}}").returncode == 0

    def is_ancestor(self, one: str, other: str) -> bool:
        """Whether ``other`` has everything that ``one`` has."""
        return _git(self._path, "merge-base", "--is-ancestor", one, other).returncode == 0

    def move(self, ref: str, to: str | None, expected: str | None) -> None:
        """Set a ref from where it was seen (``None``: was not there); ``to`` of ``None`` deletes it.

        Raises ``ChangedMeanwhile``, and ``Unreadable`` for a branch that is checked out or an object that is not here.
        """
        if ref in self._checked_out():
            raise Unreadable("the branch is checked out; the graph does not move it under somebody's hands")
        if to is not None and not self.has(to):
            raise Unreadable("the repository does not have the object that the graph expects")
        old = expected or "0" * len(to or "0" * 40)
        arguments = ("update-ref", "-d", ref, old) if to is None else ("update-ref", ref, to, old)
        if _git(self._path, *arguments).returncode != 0:
            raise ChangedMeanwhile("the ref was moved meanwhile; it was left there")

    def _checked_out(self) -> set[str]:
        done = _git(self._path, "worktree", "list", "--porcelain")
        lines = done.stdout.decode(errors="replace").splitlines()
        return {line.removeprefix("branch ") for line in lines if line.startswith("branch ")}


def _pairs(listing: bytes) -> Iterator[tuple[str, str]]:
    for line in listing.decode(errors="replace").splitlines():
        object_id, _, name = line.partition(" ")
        yield object_id, name


def _literal(ref: str) -> str:
    return ref.replace("[", "[[]")
