"""Protocol documents as JSON files: found in a folder, told apart, refused with the name of the file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from psg.errors import ValidationFailed
from psg.model.entities import ENTITIES, MODULES

DOCUMENT_BYTES = 64 * 1024 * 1024
"""Most bytes of one document; a larger file is refused before it is parsed."""
# A document is of the first module whose id it has: most name a context, a confirm or trace may name a plan.
_TOLD_LAST = ("plan", "role", "context")
_BY_ID = (*(module for module in MODULES if module not in _TOLD_LAST), *_TOLD_LAST)
_PIECE = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


def document_module(document: Mapping[str, Any], path: Path | None = None) -> str | None:
    """Return the module a document belongs to, told by its own id field, else by its file's or folder's name.

    ``None`` when neither tells.
    """
    for module in _BY_ID:
        if ENTITIES[MODULES[module]].id_field in document:
            return module
    names = () if path is None else (path.name.partition(".")[0], path.parent.name)
    return next((name for name in names if name in MODULES), None)


def document_files(path: Path) -> list[Path]:
    """Return a JSON file, or all ``*.json`` below a folder, by name; raises ``ValidationFailed`` when there is none."""
    if not path.exists():
        raise ValidationFailed(f"{path} does not exist", path=str(path))
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise ValidationFailed(f"{path} has no *.json files", path=str(path))
    return files


def read_folder(path: Path) -> list[tuple[str, dict[str, Any], Path]]:
    """Return (module, document, file) of a JSON file, or of all ``*.json`` below a folder, by file name.

    A top-level ``$comment`` is left out. Raises ``ValidationFailed`` that names every file that is no document.
    """
    found, problems = [], []
    for file in document_files(path):
        try:
            module, document, _ = read_document(file)
            found.append((module, document, file))
        except ValidationFailed as error:
            problems.append(f"{file}: {error.message}")
    if problems:
        raise ValidationFailed("; ".join(problems), problems=problems)
    return found


def read_document(file: Path) -> tuple[str, dict[str, Any], str]:
    """Return module, document and the SHA-256 of the text of one file; raises ``ValidationFailed`` without its name.

    A file of more than ``DOCUMENT_BYTES`` is refused before it is parsed, whatever its size is said to be.
    """
    raw = _bytes(file)
    try:
        document = orjson.loads(raw.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        if "limit" in error.msg:  # of depth, or of recursion: the only one of orjson
            raise ValidationFailed("not a protocol document: it is nested too deep") from error
        raise ValidationFailed(f"not JSON, line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(document, dict):
        raise ValidationFailed("not a protocol document: a JSON object is expected")
    document.pop("$comment", None)
    module = document_module(document, file)
    if module is None:
        fields = ", ".join(ENTITIES[MODULES[m]].id_field for m in _BY_ID)
        raise ValidationFailed(f"not a protocol document: it has none of {fields}")
    return module, document, hashlib.sha256(raw).hexdigest()


def _bytes(file: Path) -> bytes:
    """All of a file, piece by piece: what it says of its size is believed only when it is too much."""
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            parts: list[bytes] = []
            taken = 0
            while size <= DOCUMENT_BYTES and taken <= DOCUMENT_BYTES and (part := stream.read(_PIECE)):
                parts.append(part)
                taken += len(part)
    except OSError as error:
        raise ValidationFailed(f"cannot be read: {error.strerror}") from error
    if max(size, taken) > DOCUMENT_BYTES:
        raise ValidationFailed(
            f"too large: a document may have {DOCUMENT_BYTES} bytes, this one has {max(size, taken)} or more; "
            "split the plan into several"
        )
    return b"".join(parts)


def write_document(folder: Path, module: str, document: Mapping[str, Any]) -> Path:
    """Write a document to ``folder/<module>/<id>.json``, whole or not at all, and return the file."""
    return write_json(folder / module / f"{document[ENTITIES[MODULES[module]].id_field]}.json", document)


def write_json(file: Path, document: Mapping[str, Any]) -> Path:
    """Write a document to ``file``, whole or not at all, and return the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    os.replace(part, file)
    return file
