"""Writes the findings down as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from psg_runtime.ael import tool

_MAX_REPORT_CHARS = 200_000


@tool("repo.build_report")
def build_report(
    repo: str,
    files: int,
    measured: list[dict[str, Any]],
    graph: dict[str, Any],
    oversized: dict[str, Any],
    secrets: dict[str, Any],
    max_lines: int = 400,
    truncated: bool = False,
    details: dict[str, Any] | None = None,
    summary: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The report as ``markdown``; ``details`` and ``summary`` are null when their steps were skipped."""
    languages, skipped = _totals(measured)
    lines = sum(counts["lines"] for counts in languages.values())
    parts = [f"# Health of {_cell(repo)}\n", f"{files} tracked files, {lines} lines of text.\n"]
    if truncated:
        parts.append("The list of files was too long and is cut off; the figures cover its beginning.\n")
    if summary and summary.get("text"):
        parts.append(f"## Summary\n\n{summary['text'].strip()}\n")
    parts.append(_languages(languages, skipped))
    parts.append(_oversized(oversized, max_lines))
    parts.append(_graph(graph))
    parts.append(_secrets(secrets))
    if details and details.get("files"):
        columns = ("path", "lines", "definitions", "longest_line", "open_notes")
        rows = [[entry[column] for column in columns] for entry in details["files"]]
        parts.append("## Closer look\n\n" + _table([c.replace("_", " ") for c in columns], rows))
    markdown = "\n".join(parts)[:_MAX_REPORT_CHARS]
    return {"markdown": markdown, "findings": oversized["count"] + secrets["count"], "lines": lines}


def _totals(measured: list[dict[str, Any]]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    languages: dict[str, Counter[str]] = {}
    skipped: Counter[str] = Counter()
    for group in measured:
        skipped.update(group["skipped"])
        for name, counts in group["languages"].items():
            languages.setdefault(name, Counter()).update(counts)
    return languages, skipped


def _languages(languages: dict[str, Counter[str]], skipped: Counter[str]) -> str:
    ordered = sorted(languages.items(), key=lambda entry: (-entry[1]["lines"], entry[0]))
    text = "## Languages\n\n" + _table(
        ["language", "files", "lines", "bytes"], [[n, c["files"], c["lines"], c["bytes"]] for n, c in ordered]
    )
    if skipped:
        text += "\nNot read: " + ", ".join(f"{n} {reason}" for reason, n in sorted(skipped.items())) + ".\n"
    return text


def _oversized(oversized: dict[str, Any], max_lines: int) -> str:
    text = f"## Files of more than {max_lines} lines: {oversized['count']}\n"
    return text + "\n" + _table(["path", "lines"], [[f["path"], f["lines"]] for f in oversized["files"][:30]])


def _graph(graph: dict[str, Any]) -> str:
    text = f"## Imports\n\n{graph['edges']} imports between {graph['files']} source files, "
    text += f"{graph['cycle_count']} groups of files in a cycle.\n\n"
    text += _table(["most imported", "by files"], [[e["path"], e["count"]] for e in graph["most_imported"]])
    for cycle in graph["cycles"]:
        text += "\n- cycle: " + ", ".join(_cell(path) for path in cycle)
    return text + "\n"


def _secrets(secrets: dict[str, Any]) -> str:
    text = f"## Likely secrets: {secrets['count']}\n\n"
    rows = [[f"{f['path']}:{f['line']}", f["kind"], f["masked"]] for f in secrets["findings"][:50]]
    return text + _table(["place", "kind", "masked text"], rows)


def _table(columns: list[str], rows: Iterable[list[Any]]) -> str:
    body = [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    if not body:
        return "None.\n"
    return "\n".join([f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *body]) + "\n"


def _cell(value: Any) -> str:
    """A value inside Markdown: file names may hold anything."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(value))
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
