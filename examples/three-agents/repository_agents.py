"""Three agents that work on a repository: plain functions; a model, a server or a person could take their place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psg_runtime.ael import agent

LINES = 2_000


def modules_of(repo: str) -> Iterator[tuple[str, ast.Module]]:
    """The Python files of a repository by path, parsed; hidden folders and what is no Python are left out."""
    root = Path(repo)
    if not root.is_dir():
        raise ValueError(f"{repo} is no folder")
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if any(part.startswith((".", "__")) for part in inside.parts):
            continue
        try:
            yield inside.as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue


@agent("surveyor")
def survey(repo: str) -> dict[str, Any]:
    """List the modules with the first line of what they say of themselves."""
    found = [
        {"path": path, "purpose": (ast.get_docstring(tree) or "").split("\n")[0]} for path, tree in modules_of(repo)
    ]
    return {"modules": found[:LINES], "coordination": {"metadata": {"surveyed": len(found)}}}


@agent("writer")
def write(repo: str, file: str, modules: list[dict[str, str]], gaps: list[str]) -> dict[str, Any]:
    """Write the index: a table of the modules, and what is not documented."""
    rows = [f"| `{module['path']}` | {module['purpose'].replace('|', '&#124;')} |" for module in modules]
    open_ends = [f"- `{gap}`" for gap in gaps] or ["Everything is documented."]
    head, middle = ["# Modules", "", "| module | purpose |", "| --- | --- |"], ["", "## Not documented", ""]
    (Path(repo) / file).write_text("\n".join([*head, *rows, *middle, *open_ends, ""]), encoding="utf-8")
    return {"file": file, "modules": len(rows)}


@agent("reviewer")
def review(repo: str, turn: dict[str, Any], file: str | None = None) -> dict[str, Any]:
    """Name what is not documented; with a file, compare that index with the repository instead."""
    if file is None:
        return {"gaps": [f"{path}:{name}" for path, tree in modules_of(repo) for name in undocumented(tree)][:LINES]}
    index = (Path(repo) / file).read_text(encoding="utf-8")
    missing = [path for path, _ in modules_of(repo) if f"`{path}`" not in index]
    surveyed = turn["metadata"]["surveyed"]
    if missing:
        raise ValueError(f"{file} lacks {', '.join(missing[:10])} of {surveyed} modules")
    return {"checked": surveyed, "file": file}


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public functions and classes of a module that say nothing of themselves."""
    for node in tree.body:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield node.name
