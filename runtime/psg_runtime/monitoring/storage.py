"""How much the database takes on disk: its files where they can be seen, else an estimate of what it holds."""

from __future__ import annotations

import os
import time
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import anyio.to_thread

import psg_cypher
from psg.errors import PsgError
from psg_neo4j.database import Database, Row

# What a node and a relationship of ours take on average with their properties and index entries.
NODE_BYTES, RELATIONSHIP_BYTES = 900, 60
KEPT_S = 10.0
MOST_FILES = 100_000


class Storage:
    """The size of the store in bytes; files are looked at once in ten seconds at most."""

    def __init__(self, db: Database, path: Path | None = None) -> None:
        self._db = db
        self._path = path
        self._asked = path is not None
        self._read_at = 0.0
        self._size: int | None = None

    async def size(self, counts: Row) -> int:
        """Bytes on disk; of a server elsewhere what ``nodes`` and ``relationships`` of ``counts`` amount to."""
        folder = await self._folder()
        if folder is not None:
            if self._size is None or time.monotonic() - self._read_at > KEPT_S:
                self._size = await anyio.to_thread.run_sync(folder_size, folder)
                self._read_at = time.monotonic()
            if self._size:
                return self._size
        return int(counts["nodes"] * NODE_BYTES + counts["relationships"] * RELATIONSHIP_BYTES)

    async def _folder(self) -> Path | None:
        if not self._asked and not _here(self._db.uri):
            return None
        if not self._asked:
            self._asked = True
            try:
                rows = await self._db.read(psg_cypher.statement("monitor_directories"))
                found = Path(rows[0]["value"]) if rows else None
                self._path = found if found is not None and found.is_dir() else None
            except (PsgError, OSError):
                self._path = None  # not everybody may ask
        return self._path


def folder_size(folder: Path) -> int:
    """Bytes of the files below a folder; what vanishes meanwhile counts nothing, links are not followed."""
    total, seen = 0, 0
    for place, _, names in os.walk(folder):
        for name in names:
            seen += 1
            if seen > MOST_FILES:
                return total
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def _here(uri: str) -> bool:
    host = urlsplit(uri if "//" in uri else f"//{uri}").hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
