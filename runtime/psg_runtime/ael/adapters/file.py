"""Reads and writes files below one folder, never through a symbolic link."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psg.errors import CapabilityDenied, ValidationFailed
from psg_runtime.ael.failures import ActionRefused
from psg_runtime.ael.port import Action, ActionResult
from psg_runtime.ael.settings import AelSettings

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_FOLLOW
_ANCHORED = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd

Encoding = Literal["utf-8", "base64"]
_Params = TypeVar("_Params", bound=BaseModel)


class WriteParams(BaseModel):
    """The params of ``file.write``; missing folders are made, an existing file is replaced as a whole."""

    model_config = ConfigDict(extra="forbid")

    path: str
    content: str
    encoding: Encoding = "utf-8"


class ReadParams(BaseModel):
    """The params of ``file.read``; a file of more than ``max_bytes`` is refused."""

    model_config = ConfigDict(extra="forbid")

    path: str
    encoding: Encoding = "utf-8"
    max_bytes: int = Field(default=512 * 1024, ge=0, le=64 * 1024 * 1024)


class FileAdapter:
    """``file.read`` and ``file.write`` below ``PSG_FILE_ROOT``; off until that is set.

    Every folder on the way is opened from the one before it without following links, so a link put there in
    between cannot lead outside.
    """

    def __init__(self, settings: AelSettings) -> None:
        self._settings = settings
        self._limiter = anyio.CapacityLimiter(settings.file_capacity)

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        return self._limiter

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        self._root()

    async def run(self, action: Action) -> ActionResult:
        work = self._write if action.name == "file.write" else self._read
        # Not abandoned on cancel: a write that is under way ends before the step does.
        return ActionResult(True, await anyio.to_thread.run_sync(work, action.params))

    def _root(self) -> str:
        if self._settings.file_root is None:
            raise CapabilityDenied("Files cannot be read or written here: no folder is configured (PSG_FILE_ROOT).")
        if not _ANCHORED:
            raise CapabilityDenied("This system cannot open files safely below a folder.")
        return str(self._settings.file_root)

    def _write(self, params: Mapping[str, Any]) -> dict[str, Any]:
        given = _parse(WriteParams, params)
        data = _decoded(given.content, given.encoding)
        with self.folder_of(given.path, make=True) as (folder, name):
            temporary = f".{name[:200]}.{secrets.token_hex(8)}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
            with os.fdopen(os.open(temporary, flags, 0o644, dir_fd=folder), "wb") as file:
                try:
                    refuse_special(folder, name, given.path)
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                except BaseException:
                    os.unlink(temporary, dir_fd=folder)
                    raise
            os.fsync(folder)
        return {"path": given.path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def _read(self, params: Mapping[str, Any]) -> dict[str, Any]:
        given = _parse(ReadParams, params)
        with self.folder_of(given.path, make=False) as (folder, name):
            flags = os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)
            with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ActionRefused(f"`{given.path}` is not a regular file.")
                data = file.read(given.max_bytes + 1)
        if len(data) > given.max_bytes:
            raise ActionRefused(f"`{given.path}` has more than {given.max_bytes} bytes (max_bytes).")
        digest = hashlib.sha256(data).hexdigest()
        content = _encoded(data, given.encoding, given.path)
        return {"path": given.path, "content": content, "bytes": len(data), "sha256": digest}

    @contextmanager
    def folder_of(self, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
        """The opened folder that ``path`` names a file in, and the file's name; blocks."""
        parts = _parts(path)
        opened = os.open(self._root(), _FOLDER_FLAGS & ~_NO_FOLLOW)
        try:
            for part in parts[:-1]:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o755, dir_fd=opened)
                inner = os.open(part, _FOLDER_FLAGS, dir_fd=opened)
                os.close(opened)
                opened = inner
            yield opened, parts[-1]
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                message = f"`{path}` goes through a symbolic link or something that is not a folder."
                raise CapabilityDenied(message, path=path) from error
            raise ActionRefused(f"`{path}`: {error.strerror}.", path=path, errno=error.errno) from error
        finally:
            os.close(opened)


def _parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or path.endswith("/") or ".." in parts or "\0" in path:
        message = f"The path `{path}` must be relative, name a file and stay inside the folder (no `..`)."
        raise CapabilityDenied(message, path=path)
    return parts


def refuse_special(folder: int, name: str, path: str) -> None:
    """Raise CapabilityDenied when the name is taken by something that is no regular file."""
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise CapabilityDenied(f"`{path}` exists and is not a regular file.", path=path)


def _decoded(content: str, encoding: Encoding) -> bytes:
    try:
        return content.encode() if encoding == "utf-8" else base64.b64decode(content, validate=True)
    except ValueError as error:
        raise ValidationFailed(f"`content` is not {encoding}.") from error


def _encoded(data: bytes, encoding: Encoding, path: str) -> str:
    if encoding == "base64":
        return base64.b64encode(data).decode()
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ActionRefused(f"`{path}` is not UTF-8 text; read it with encoding base64.") from None


def _parse(model: type[_Params], params: Mapping[str, Any]) -> _Params:
    try:
        return model.model_validate(dict(params))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)]
        raise ValidationFailed(f"The params are not valid: {'; '.join(problems)}.") from None
