"""Puts the findings of all groups together, and looks closer at the worst files."""

from __future__ import annotations

import re
from typing import Any

from psg_runtime.ael import tool
from psg_runtime.demo_tools.source_files import existing_folder, line_count, read_source

_LISTED = 100
_CLOSER = 20
_DEFINITION = re.compile(r"^\s*(?:async\s+)?(?:def|class|function|func|fn|interface|struct|impl)\b", re.MULTILINE)
_OPEN_NOTE = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


@tool("repo.find_oversized")
def find_oversized(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """The files over the line limit, the longest first; ``count`` counts all of them."""
    files = [entry for group in measured for entry in group["oversized"]]
    files.sort(key=lambda entry: (-entry["lines"], entry["path"]))
    return {"count": len(files), "files": files[:_LISTED]}


@tool("repo.merge_secrets")
def merge_secrets(scanned: list[dict[str, Any]]) -> dict[str, Any]:
    """All findings of the secret scan, masked; ``count`` counts all of them."""
    findings = [finding for group in scanned for finding in group["findings"]]
    dropped = sum(group["dropped"] for group in scanned)
    return {"count": len(findings) + dropped, "findings": findings[:_LISTED]}


@tool("repo.collect_details")
def collect_details(root: str, oversized: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    """What is in the files with findings: lines, definitions, longest line, open notes."""
    folder = existing_folder(root)
    paths = [entry["path"] for entry in oversized["files"]] + [entry["path"] for entry in secrets["findings"]]
    files = []
    for path in list(dict.fromkeys(paths))[:_CLOSER]:
        text = read_source(folder, path).text
        if text is not None:
            files.append(
                {
                    "path": path,
                    "lines": line_count(text),
                    "definitions": len(_DEFINITION.findall(text)),
                    "longest_line": max(map(len, text.splitlines()), default=0),
                    "open_notes": len(_OPEN_NOTE.findall(text)),
                }
            )
    return {"files": files}
