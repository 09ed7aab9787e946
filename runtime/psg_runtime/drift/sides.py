"""The side outside the graph, file or ref alike: look at it, give it what the graph has, merge."""

from __future__ import annotations

from typing import Protocol

import anyio

from psg.drift import ABSENT, ContentNotKept, DriftSettings, Expected, Found, OutsideRoot, parse
from psg_runtime.drift.files import FileTree
from psg_runtime.drift.git import Merge, Refs, merge
from psg_runtime.drift.walking import Selection


class Outside(Protocol):
    """What reconciliation does outside; files and refs have one each."""

    async def look(self, uri: str) -> Found:
        """Return what is there now, with its content where that is kept."""

    async def merged(self, expected: Expected, found: Found) -> Merge:
        """Merge what the graph has with what was found, by the last state that both had."""

    def wanted(self, expected: Expected) -> bytes | None:
        """Return what the graph has; raises ``ContentNotKept`` when that is no more than a hash."""

    async def put(self, uri: str, content: bytes | None, mode: int, seen: str | None) -> Found:
        """Make it this (``None``: not there) if it is still as it was ``seen``; raises ``ChangedMeanwhile``."""


class Files:
    """Files of a tracked directory."""

    def __init__(self, tree: FileTree, settings: DriftSettings) -> None:
        self.tree = tree
        self.selection = Selection(settings)
        self._keep_bytes = settings.content_bytes

    def takes(self, uri: str) -> bool:
        """Whether the settings let a file be tracked."""
        return self.selection.takes(parse(uri)[2])

    async def look(self, uri: str) -> Found:
        """See ``Outside``; what leads out of the directory through a link has a fault, and is left alone."""
        try:
            return await anyio.to_thread.run_sync(self.tree.look, parse(uri)[2], self._keep_bytes)
        except OutsideRoot as error:
            return Found(None, fault=error.code)

    async def merged(self, expected: Expected, found: Found) -> Merge:
        """See ``Outside``; a file that is new on both sides is merged with an empty one."""
        base = b"" if expected.base_hash is None else expected.base()
        ours = expected.content()
        if base is None or ours is None or found.content is None:
            return Merge(None, "both sides changed and not all of the contents are kept")
        return await merge(base, ours, found.content)

    def wanted(self, expected: Expected) -> bytes | None:
        """See ``Outside``."""
        content = expected.content()
        if content is None and expected.hash is not None:
            raise ContentNotKept("the graph has no more than the hash of this file: it is too large to be restored")
        return content

    async def put(self, uri: str, content: bytes | None, mode: int, seen: str | None) -> Found:
        """See ``Outside``."""
        path = parse(uri)[2]
        if content is not None:
            return await anyio.to_thread.run_sync(self.tree.write, path, content, mode, seen)
        if seen is not None:
            await anyio.to_thread.run_sync(self.tree.remove, path, seen)
        return ABSENT


class GitRefs:
    """Refs of the repository in a tracked directory; content is the object id."""

    def __init__(self, refs: Refs) -> None:
        self.refs = refs

    async def look(self, uri: str) -> Found:
        """See ``Outside``."""
        return await anyio.to_thread.run_sync(self.refs.look, _ref(uri))

    async def merged(self, expected: Expected, found: Found) -> Merge:
        """See ``Outside``: where one side has everything of the other, that one is the merge."""
        ours, theirs = expected.hash, found.hash
        if ours is None or theirs is None or not await anyio.to_thread.run_sync(self.refs.has, ours):
            return Merge(None, "both sides moved the ref, and one of them is not here")
        for one, other in ((ours, theirs), (theirs, ours)):
            if await anyio.to_thread.run_sync(self.refs.is_ancestor, one, other):
                return Merge(other.encode())
        return Merge(None, "both sides moved the ref, each to something that the other has not")

    def wanted(self, expected: Expected) -> bytes | None:
        """See ``Outside``."""
        return None if expected.hash is None else expected.hash.encode()

    async def put(self, uri: str, content: bytes | None, mode: int, seen: str | None) -> Found:
        """See ``Outside``."""
        to = None if content is None else content.decode()
        await anyio.to_thread.run_sync(self.refs.move, _ref(uri), to, seen)
        return Found(to)


def _ref(uri: str) -> str:
    return parse(uri)[2].decode()
