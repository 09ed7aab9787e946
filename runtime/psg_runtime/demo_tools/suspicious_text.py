"""Finds text that looks like a secret; what is found is never repeated in full."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from psg_runtime.ael import ActionContext, tool
from psg_runtime.demo_tools.source_files import existing_folder, read_source

_KNOWN = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "Google API key": re.compile(r"\bAIza[A-Za-z0-9_\-]{35}\b"),
    "OpenAI key": re.compile(r"\bsk-(?:proj-)?[A-Za-z0-9_\-]{32,}"),
    "password in an address": re.compile(r"\b[a-z][a-z0-9+]{1,20}://[^\s:/@\"'{}<>$]{1,100}:[^\s:/@\"'{}<>$]{6,100}@"),
}
_ASSIGNED = re.compile(
    r"(?:api[_-]?key|secret|token|passw(?:or)?d|private[_-]?key)[\"']?\s{0,5}[:=]\s{0,5}[\"']([^\"'\s]{16,200})[\"']",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"example|placeholder|changeme|your|dummy|test|xxxx|\*\*\*|\$\{|\{\{|<|\.\.\.", re.IGNORECASE)
_MIN_ENTROPY_BITS = 3.5
_MAX_LINE_CHARS = 2000


@tool("repo.scan_secrets")
def scan_secrets(
    root: str, paths: list[str], budget_bytes: int = 50_000, ctx: ActionContext | None = None
) -> dict[str, Any]:
    """List path, line and kind of what looks like a secret, with the text masked."""
    folder = existing_folder(root)
    findings: list[dict[str, Any]] = []
    left, dropped = budget_bytes, 0
    for path in paths:
        if ctx is not None and ctx.cancelled:
            break
        source = read_source(folder, path)
        for finding in _scan(path, source.text or ""):
            left -= len(path.encode()) + 80
            if left < 0:
                dropped += 1
            else:
                findings.append(finding)
    return {"findings": findings, "dropped": dropped}


def _scan(path: str, text: str) -> list[dict[str, Any]]:
    findings = []
    for number, line in enumerate(text.splitlines(), 1):
        kind_and_text = _first_match(line[:_MAX_LINE_CHARS])
        if kind_and_text is not None:
            kind, found = kind_and_text
            findings.append({"path": path, "line": number, "kind": kind, "masked": masked(found)})
    return findings


def _first_match(line: str) -> tuple[str, str] | None:
    for kind, pattern in _KNOWN.items():
        if match := pattern.search(line):
            return kind, match[0]
    match = _ASSIGNED.search(line)
    if match is None or _PLACEHOLDER.search(match[1]) or _entropy_bits(match[1]) < _MIN_ENTROPY_BITS:
        return None
    return "assigned secret", match[1]


def masked(text: str) -> str:
    """The first characters of a long text and its length, enough to find it and too little to use it."""
    return f"{text[:4]}*** ({len(text)} characters)"


def _entropy_bits(text: str) -> float:
    """Shannon entropy per character: words have little, keys much."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
