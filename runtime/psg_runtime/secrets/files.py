"""Secrets in files: a folder with a file for each (as Docker and Kubernetes mount them), or one JSON or dotenv file."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import anyio.to_thread
import orjson

from psg_runtime.secrets.errors import SecretRefused, SecretUnavailable
from psg_runtime.secrets.reference import SECRET_NAME

_MAX_FILE_BYTES = 1024 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.\-]*)\s*=\s*(.*?)\s*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class FolderSecrets:
    """A folder with a file per secret, named after it; one newline at the end does not count.

    The folder must not be writable by others. Files may be links (Kubernetes makes them so) to regular files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def label(self) -> str:
        return f"the folder {self._folder}"

    async def get(self, name: str) -> str | None:
        return await anyio.to_thread.run_sync(self._read, name)

    def _read(self, name: str) -> str | None:
        if SECRET_NAME.fullmatch(name) is None:
            return None
        try:
            folder = os.stat(self._folder)
            if not folder.st_mode & stat.S_ISVTX:  # Kubernetes mounts them 1777: nobody can replace another's file
                _refuse_mode(self._folder, folder, _OTHERS_WRITE)
            data = _content(self._folder / name, refused=_OTHERS_WRITE)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretUnavailable(f"{self.label} cannot be read: {error.strerror}.") from error
        text = _text(data, self._folder / name)
        return text.removesuffix("\n").removesuffix("\r")


class FileSecrets:
    """One file with all secrets, ``.json`` (an object of texts) or dotenv lines ``NAME=value``; mode 0600."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_as: tuple[tuple[int, int, int], dict[str, str]] | None = None

    @property
    def label(self) -> str:
        return f"the file {self._file}"

    async def get(self, name: str) -> str | None:
        return (await anyio.to_thread.run_sync(self._read)).get(name)

    def _read(self) -> dict[str, str]:
        try:
            found = os.stat(self._file)
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._read_as
            if known is not None and known[0] == version:
                _refuse_mode(self._file, found, _OTHERS)
                return known[1]
            data = _content(self._file, refused=_OTHERS)
        except OSError as error:
            raise SecretUnavailable(f"{self.label} cannot be read: {error.strerror}.") from error
        text = _text(data, self._file)
        values = _json(text, self._file) if self._file.suffix == ".json" else _dotenv(text, self._file)
        self._read_as = (version, values)
        return values


def _content(file: Path, *, refused: int) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(file, flags), "rb") as opened:
        found = os.fstat(opened.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise SecretRefused(f"{file} is not a regular file.")
        _refuse_mode(file, found, refused)
        data = opened.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise SecretRefused(f"{file} has more than {_MAX_FILE_BYTES} bytes.")
    return data


def _refuse_mode(path: Path, found: os.stat_result, refused: int) -> None:
    if os.name == "posix" and found.st_mode & refused:
        allowed = "chmod go-w" if refused == _OTHERS_WRITE else "chmod 600"
        mode = stat.S_IMODE(found.st_mode)
        raise SecretRefused(f"{path} is open to others (mode {mode:04o}): {allowed} {path}")


def _text(data: bytes, file: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SecretRefused(f"{file} is not UTF-8 text.") from error


def _json(text: str, file: Path) -> dict[str, str]:
    try:
        values: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None  # its message would show a part of the file
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise SecretRefused(f"{file} is not a JSON object whose values are all text.") from None
    return values


def _dotenv(text: str, file: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        value = None if match is None else _unquoted(match[2])
        if match is None or value is None:
            raise SecretRefused(f"{file}, line {number}: not NAME=value.")
        values[match[1]] = value
    return values


def _unquoted(text: str) -> str | None:
    """A dotenv value: in single quotes as it is, in double quotes with escapes, bare up to `` #``."""
    if text[:1] == "'":
        return text[1:-1] if len(text) > 1 and text[-1] == "'" and "'" not in text[1:-1] else None
    if text[:1] == '"':
        if re.fullmatch(r'"(?:[^"\\]|\\.)*"', text) is None:
            return None
        return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1])
    return re.split(r"\s+#", text, maxsplit=1)[0]
