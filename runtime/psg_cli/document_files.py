"""Protocol documents as JSON files: a folder for each module, a file for each document."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from psg.errors import ValidationFailed
from psg_client.generated import Module

# A document is of the first module whose id field it has: a trace also names a plan, a plan a context.
_ID_FIELDS: dict[Module, str] = {
    "confirm": "confirm_id",
    "trace": "trace_id",
    "plan": "plan_id",
    "role": "role_id",
    "context": "context_id",
}
# What others refer to comes first.
_IMPORT_ORDER: dict[Module, int] = {"role": 0, "context": 1, "plan": 2, "trace": 3, "confirm": 4}


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """One protocol document and the file it came from."""

    module: Module
    document: dict[str, Any]
    path: Path
    size: int


def module_of(document: Mapping[str, Any]) -> Module | None:
    """The module that a protocol document belongs to, told by its own id field; None for anything else."""
    return next((module for module, field in _ID_FIELDS.items() if field in document), None)


def read_documents(place: Path) -> list[DocumentFile]:
    """The documents of a file or of all ``*.json`` files below a folder, in an order in which they can be stored.

    Raises ValidationFailed naming every file that is not one; then nothing should be stored at all.
    """
    if not place.exists():
        raise ValidationFailed(f"{place} does not exist.", path=str(place))
    paths = sorted(place.rglob("*.json")) if place.is_dir() else [place]
    found, problems = [], []
    for path in paths:
        try:
            found.append(_read(path))
        except ValueError as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise ValidationFailed("; ".join(problems) + ". Nothing was imported.", problems=problems)
    if not found:
        raise ValidationFailed(f"{place} holds no *.json files.", path=str(place))
    return sorted(found, key=lambda file: (_IMPORT_ORDER[file.module], file.path))


def _read(path: Path) -> DocumentFile:
    try:
        content = path.read_bytes()
        document = orjson.loads(content)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON, line {error.lineno}, column {error.colno}: {error.msg}") from error
    module = module_of(document) if isinstance(document, dict) else None
    if module is None:
        raise ValueError(f"not a protocol document: it has none of {', '.join(_ID_FIELDS.values())}")
    return DocumentFile(module, document, path, len(content))


def batches(files: list[DocumentFile], *, documents: int, size: int) -> Iterator[list[DocumentFile]]:
    """Consecutive groups of at most so many documents and bytes; a larger document stands alone."""
    group: list[DocumentFile] = []
    for file in files:
        if group and (len(group) >= documents or sum(f.size for f in group) + file.size > size):
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def write_document(folder: Path, module: Module, document: Mapping[str, Any]) -> Path:
    """Write one document to ``folder/<module>/<id>.json``, whole or not at all."""
    path = folder / module / f"{document[_ID_FIELDS[module]]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    os.replace(part, path)
    return path
