"""Finds the import statements of a source file.

A line pattern instead of a parser: repositories hold sources for other language versions, templates and broken
test files, and only imports that lead to files of the same repository are used.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

_PYTHON = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<base>\.*[\w.]*)[ \t]+import[ \t]+(?:\((?P<many>[^)]{0,4000})\)|(?P<few>[^\n#;(]+))"
    r"|import[ \t]+(?P<whole>[\w., \t]+))",
    re.MULTILINE,
)
_SCRIPT = re.compile(
    r"""(?:\bfrom|\bimport|\brequire[ \t]*\(|\bimport[ \t]*\()[ \t]*["'](\.{1,2}/[^"'\n]{1,300})["']"""
)
_COMMENT = re.compile(r"#[^\n]*")
_SCRIPT_SUFFIXES = {".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx"}
_MAX_IMPORTS = 300


def imports_of(path: str, text: str) -> list[str] | None:
    """What a file imports: dotted names for Python, ``path:…`` for scripts; None when its language is unknown."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in (".py", ".pyi"):
        found = _python_imports(path, text)
    elif suffix in _SCRIPT_SUFFIXES:
        here = posixpath.dirname(path)
        found = {"path:" + posixpath.normpath(posixpath.join(here, m)) for m in _SCRIPT.findall(text)}
    else:
        return None
    return sorted(found)[:_MAX_IMPORTS]


def _python_imports(path: str, text: str) -> set[str]:
    package = list(PurePosixPath(path).parent.parts)
    found: set[str] = set()
    for match in _PYTHON.finditer(text):
        if match["whole"] is not None:
            found.update(name.split()[0] for name in match["whole"].split(",") if name.split())
            continue
        base = _absolute(match["base"], package)
        names = _COMMENT.sub("", match["many"] or match["few"] or "").replace("\\", " ").split(",")
        for name in names:
            word = name.split()[0] if name.split() else ""
            if base is not None and (word.isidentifier() or word == "*"):
                found.add(base if word == "*" else f"{base}.{word}".lstrip("."))
    return {name for name in found if name}


def _absolute(base: str, package: list[str]) -> str | None:
    dots = len(base) - len(base.lstrip("."))
    if dots == 0:
        return base
    if dots - 1 > len(package):
        return None
    parts = package[: len(package) - dots + 1]
    return ".".join([*parts, *(part for part in base.lstrip(".").split(".") if part)])
