"""Protocol documents as JSON files: found in a folder, told apart, refused with the name of the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from psg.errors import ValidationFailed
from psg.model.entities import ENTITIES, MODULES

# A document is of the first module whose id it has: a confirm or trace may name a plan, a plan names a context.
_BY_ID = ("confirm", "trace", "plan", "role", "context")
_NOT_KEPT = ("collab", "core", "dialog", "extension", "network")
_BOM = b"\xef\xbb\xbf"


def document_module(document: Mapping[str, Any], path: Path | None = None) -> str | None:
    """Return the module a document belongs to, told by its own id field, else by its file's or folder's name.

    ``None`` when neither tells. Raises ``ValidationFailed`` for a module of the protocol that is not kept here.
    """
    for module in _NOT_KEPT:
        if f"{module}_id" in document:
            raise ValidationFailed(f"documents of the module {module} are not kept yet", module=module)
    for module in _BY_ID:
        if ENTITIES[MODULES[module]].id_field in document:
            return module
    names = () if path is None else (path.name.partition(".")[0], path.parent.name)
    return next((name for name in names if name in MODULES), None)


def read_folder(path: Path) -> list[tuple[str, dict[str, Any], Path]]:
    """Return (module, document, file) of a JSON file, or of all ``*.json`` below a folder, by file name.

    A top-level ``$comment`` is left out. Raises ``ValidationFailed`` that names every file that is no document.
    """
    if not path.exists():
        raise ValidationFailed(f"{path} does not exist", path=str(path))
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise ValidationFailed(f"{path} has no *.json files", path=str(path))
    found, problems = [], []
    for file in files:
        try:
            found.append((*_read(file), file))
        except ValidationFailed as error:
            problems.append(f"{file}: {error.message}")
    if problems:
        raise ValidationFailed("; ".join(problems), problems=problems)
    return found


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        document = orjson.loads(file.read_bytes().removeprefix(_BOM))
    except OSError as error:
        raise ValidationFailed(f"cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(f"not JSON, line {error.lineno}, column {error.colno}: {error.msg}") from error
    if not isinstance(document, dict):
        raise ValidationFailed("not a protocol document: a JSON object is expected")
    document.pop("$comment", None)
    module = document_module(document, file)
    if module is None:
        fields = ", ".join(ENTITIES[MODULES[m]].id_field for m in _BY_ID)
        raise ValidationFailed(f"not a protocol document: it has none of {fields}")
    return module, document


def write_document(folder: Path, module: str, document: Mapping[str, Any]) -> Path:
    """Write a document to ``folder/<module>/<id>.json``, whole or not at all, and return the file."""
    file = folder / module / f"{document[ENTITIES[MODULES[module]].id_field]}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    os.replace(part, file)
    return file
