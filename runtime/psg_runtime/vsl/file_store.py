"""``FileVSL``: one file per value in a folder, written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import orjson
from anyio import to_thread

from psg.model.ids import new_id
from psg_runtime.vsl.errors import ValueDamaged, ValueStoreError, ValueStoreFull, ValueStoreUnavailable
from psg_runtime.vsl.json_text import check_key, to_text
from psg_runtime.vsl.port import Json, TransactionHandle, ValueStore

T = TypeVar("T")

_LEFT_OVER_S = 3600.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileVSL(ValueStore):
    """Values as files of a folder; several processes may use it, the last complete write of a key wins.

    A file is written beside its place, forced to disk (``durable``) and renamed over the old one: after a crash each
    key has its old value or its new one. Keys may be any text, so a file is named by the hash of its key and holds
    ``{"key": …, "value": …}``.
    """

    name = "file"

    def __init__(self, folder: Path | str, *, durable: bool = True) -> None:
        self._folder = Path(folder)
        self._durable = durable

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``; raises ``ValueDamaged``."""
        self._outside(tx)
        path = self._path(check_key(key))
        stored = await self._in_thread(lambda: _read(path))
        return None if stored is None else stored["value"]

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``; when this returns it is on disk."""
        self._outside(tx)
        path = self._path(check_key(key))
        text = f'{{"key":{to_text(key)},"value":{to_text(value)}}}\n'
        await self._in_thread(lambda: self._replace(path, text.encode()))

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""
        self._outside(tx)
        path = self._path(check_key(key))

        def remove() -> None:
            if path.exists():
                path.unlink(missing_ok=True)
                self._sync_folder()

        await self._in_thread(remove)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted; it reads every file."""
        found = await self._in_thread(lambda: [s["key"] for p in self._folder.glob("*.json") if (s := _read(p))])
        return sorted(key for key in found if key.startswith(prefix))

    def _path(self, key: str) -> Path:
        # Not the key itself: file systems differ in length, letters and case.
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def _replace(self, path: Path, raw: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        beside = path.with_name(f"{path.stem}.{new_id()}.part")
        try:
            with beside.open("xb") as file:
                file.write(raw)
                file.flush()
                if self._durable:
                    os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        """A rename is on disk when its folder is; Windows has no such call and does it by itself."""
        if not self._durable or os.name == "nt":
            return
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _sweep(self) -> None:
        """Remove what killed writers left beside their place, long ago."""
        for part in self._folder.glob("*.part"):
            try:
                if time.time() - part.stat().st_mtime > _LEFT_OVER_S:
                    part.unlink()
            except FileNotFoundError:
                continue

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await to_thread.run_sync(work)
        except OSError as error:
            where = f"{self._folder}: {error.strerror or error}"
            if error.errno in _FULL:
                raise ValueStoreFull(f"{where}; make room and try again") from error
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
                raise ValueStoreError(f"{where}; give a folder that this process may write to") from error
            raise ValueStoreUnavailable(where) from error


def _read(path: Path) -> dict[str, Json] | None:
    try:
        stored = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise ValueDamaged(f"{path.name} is no JSON ({error}); it was left as it is", file=path.name) from error
    if not isinstance(stored, dict) or not {"key", "value"} <= stored.keys():
        raise ValueDamaged(f"{path.name} was not written by this store; it was left as it is", file=path.name)
    return stored
