"""An answer that goes to a file below PSG_FILE_ROOT: piece by piece, and there as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from typing import Any

import anyio
import anyio.to_thread

from psg_runtime.ael.adapters.file import FileAdapter, refuse_special
from psg_runtime.ael.failures import ActionRefused
from psg_runtime.secrets.mask import StreamMask

_PIECE = 256 * 1024


async def download(files: FileAdapter, path: str, pieces: AsyncIterator[bytes], mask: StreamMask) -> dict[str, Any]:
    """Write the pieces to ``path`` and return {path, bytes, sha256}; secrets in them are masked (``redacted``).

    Raises CapabilityDenied or ActionRefused as ``file.write`` does. Whatever stops it leaves no file behind.
    """
    target = _Target(files, path)
    try:
        await anyio.to_thread.run_sync(target.open)
        waiting = bytearray()
        async for piece in pieces:
            waiting += mask.feed(piece)
            if len(waiting) >= _PIECE:
                await anyio.to_thread.run_sync(target.write, bytes(waiting))
                waiting.clear()
        await anyio.to_thread.run_sync(target.write, bytes(waiting) + mask.end())
        # A rename that is under way ends before the step does.
        await anyio.to_thread.run_sync(target.keep)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(target.close)
    found = {"redacted": mask.found} if mask.found else {}
    return {"path": path, "bytes": target.size, "sha256": target.digest.hexdigest()} | found


class _Target:
    """The file while it is written, under a name of its own beside the final one; all methods block."""

    def __init__(self, files: FileAdapter, path: str) -> None:
        self._files = files
        self._path = path
        self._stack = ExitStack()
        self._folder = self._file = -1
        self._name = self._temporary = ""
        self.size = 0
        self.digest = hashlib.sha256()

    def open(self) -> None:
        """Open the temporary file."""
        self._folder, self._name = self._stack.enter_context(self._files.folder_of(self._path, make=True))
        try:
            refuse_special(self._folder, self._name, self._path)
            temporary = f".{self._name[:200]}.{secrets.token_hex(8)}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            self._file = os.open(temporary, flags, 0o644, dir_fd=self._folder)
            self._temporary = temporary
        except OSError as error:
            raise self._refused(error) from error

    def write(self, data: bytes) -> None:
        """Append."""
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise self._refused(error) from error
        self.digest.update(data)
        self.size += len(data)

    def keep(self) -> None:
        """Give the file its final name, once its content is on the disk."""
        try:
            os.fsync(self._file)
            refuse_special(self._folder, self._name, self._path)
            os.rename(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._temporary = ""
            os.fsync(self._folder)
        except OSError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Close everything, and remove the temporary file if it was not kept."""
        if self._file >= 0:
            os.close(self._file)
        if self._temporary:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary, dir_fd=self._folder)
        self._stack.close()

    def _refused(self, error: OSError) -> ActionRefused:
        return ActionRefused(f"`{self._path}`: {error.strerror}.", path=self._path, errno=error.errno)
