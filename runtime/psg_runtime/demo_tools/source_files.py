"""Groups and measures the files of a repository, whatever is in it."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.ael import ActionContext, tool
from psg_runtime.demo_tools.import_statements import imports_of

MAX_GROUPS = 400
MAX_READ_BYTES = 1024 * 1024
_MIN_GROUP = 10
_ALL_GROUPS_BYTES = 600_000
_LANGUAGES = {
    ".py": "Python", ".pyi": "Python", ".js": "JavaScript", ".mjs": "JavaScript", ".cjs": "JavaScript",
    ".jsx": "JavaScript", ".ts": "TypeScript", ".tsx": "TypeScript", ".java": "Java", ".kt": "Kotlin",
    ".go": "Go", ".rs": "Rust", ".c": "C", ".h": "C", ".cc": "C++", ".cpp": "C++", ".hpp": "C++",
    ".cs": "C#", ".rb": "Ruby", ".php": "PHP", ".swift": "Swift", ".scala": "Scala", ".sh": "Shell",
    ".sql": "SQL", ".cypher": "Cypher", ".graphql": "GraphQL", ".html": "HTML", ".css": "CSS",
    ".md": "Markdown", ".rst": "reStructuredText", ".yaml": "YAML", ".yml": "YAML", ".json": "JSON",
    ".toml": "TOML", ".xml": "XML", ".txt": "Text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a file, or why there is none."""

    text: str | None
    size: int
    reason: str | None = None


@tool("repo.group_files")
def group_files(listing: str, truncated: bool = False) -> dict[str, Any]:
    """Split the output of ``git ls-files -z`` into at most 400 groups.

    ``budget_bytes`` is what each group may contribute to one step's output.
    """
    names = listing.split("\0")
    if truncated:
        names = names[:-1]  # the last one is cut off
    paths = sorted({name for name in names if name and _is_inside(name)})
    size = max(_MIN_GROUP, -(-len(paths) // MAX_GROUPS))
    groups = [paths[i : i + size] for i in range(0, len(paths), size)]
    budget = _ALL_GROUPS_BYTES // max(1, len(groups))
    return {"files": len(paths), "groups": groups, "budget_bytes": budget, "truncated": truncated}


@tool("repo.measure_files")
def measure_files(
    root: str, paths: list[str], max_lines: int = 400, budget_bytes: int = 50_000, ctx: ActionContext | None = None
) -> dict[str, Any]:
    """Count files, lines and bytes per language; list oversized files and the imports of each source file.

    Files that are binary, over 1 MiB, links, submodules or unreadable are counted by reason and not read.
    """
    folder = existing_folder(root)
    languages: dict[str, Counter[str]] = {}
    skipped: Counter[str] = Counter()
    oversized: list[dict[str, Any]] = []
    imports: dict[str, list[str]] = {}
    left, dropped = budget_bytes, 0
    for path in paths:
        if ctx is not None and ctx.cancelled:
            break
        source = read_source(folder, path)
        if source.text is None:
            skipped[source.reason or "unreadable"] += 1
            continue
        lines = line_count(source.text)
        language = _LANGUAGES.get(PurePosixPath(path).suffix.lower(), "Other")
        languages.setdefault(language, Counter()).update(files=1, lines=lines, bytes=source.size)
        entry = {"path": path, "lines": lines}
        if lines > max_lines and (left := left - len(path.encode()) - 30) >= 0:
            oversized.append(entry)
        found = imports_of(path, source.text)
        cost = len(path.encode()) + 8 + sum(len(name.encode()) + 3 for name in found or ())
        if found is None:
            continue
        if cost > left:
            dropped += 1
            continue
        left -= cost
        imports[path] = found
    return {
        "languages": {name: dict(counts) for name, counts in sorted(languages.items())},
        "skipped": dict(skipped),
        "oversized": oversized,
        "imports": imports,
        "imports_dropped": dropped,
    }


def existing_folder(root: str) -> Path:
    """The folder; raises ValidationFailed when there is none."""
    folder = Path(root)
    if not folder.is_dir():
        raise ValidationFailed(f"`{root}` is not a folder; give the path of a git repository.", root=root)
    return folder


def read_source(folder: Path, path: str) -> SourceText:
    """Read one tracked file as text; never raises for what a repository may hold."""
    if not _is_inside(path):
        return SourceText(None, 0, "outside")
    full = folder / path
    try:
        found = os.lstat(full)
        if stat.S_ISLNK(found.st_mode):
            return SourceText(None, 0, "link")
        if stat.S_ISDIR(found.st_mode):
            return SourceText(None, 0, "submodule")
        if not stat.S_ISREG(found.st_mode):
            return SourceText(None, 0, "special")
        if found.st_size > MAX_READ_BYTES:
            return SourceText(None, found.st_size, "too_large")
        with full.open("rb") as file:
            data = file.read(MAX_READ_BYTES)
    except FileNotFoundError:
        return SourceText(None, 0, "missing")
    except (OSError, ValueError):
        return SourceText(None, 0, "unreadable")
    if b"\0" in data[:8192]:
        return SourceText(None, len(data), "binary")
    return SourceText(data.decode("utf-8", "replace"), len(data))


def line_count(text: str) -> int:
    """Lines of a text, a last one without a line feed included."""
    return text.count("\n") + (1 if text and not text.endswith("\n") else 0)


def _is_inside(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/") and "\0" not in path
