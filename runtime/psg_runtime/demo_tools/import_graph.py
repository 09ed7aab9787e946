"""Builds the graph of imports between the files of a repository."""

from __future__ import annotations

import posixpath
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from psg_runtime.ael import tool

_SCRIPT_ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", "/index.ts", "/index.tsx", "/index.js")
_TOP = 15
_MAX_CYCLE_MEMBERS = 20


@tool("repo.build_import_graph")
def build_import_graph(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Files, edges, the most imported files, those that import most, and groups of files in a cycle."""
    imports: dict[str, list[str]] = {}
    for group in measured:
        imports.update(group.get("imports", {}))
    modules = _modules(imports)
    edges: dict[str, set[str]] = {}
    for path, names in imports.items():
        targets = {_target(name, imports, modules) for name in names}
        edges[path] = {target for target in targets if target is not None and target != path}
    imported = Counter(target for targets in edges.values() for target in targets)
    importing = Counter({path: len(targets) for path, targets in edges.items() if targets})
    cycles = sorted((sorted(group) for group in _cycles(edges)), key=lambda g: (-len(g), g))
    return {
        "files": len(imports),
        "edges": sum(len(targets) for targets in edges.values()),
        "most_imported": [{"path": p, "count": n} for p, n in _top(imported)],
        "most_importing": [{"path": p, "count": n} for p, n in _top(importing)],
        "cycle_count": len(cycles),
        "cycles": [cycle[:_MAX_CYCLE_MEMBERS] for cycle in cycles[:_TOP]],
        "files_left_out": sum(group.get("imports_dropped", 0) for group in measured),
    }


def _top(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:_TOP]


def _modules(paths: dict[str, list[str]]) -> dict[str, str]:
    """Dotted names by which a Python file may be imported, from any folder above it as source root."""
    modules: dict[str, str] = {}
    for path in sorted(paths, key=lambda p: (p.count("/"), p)):
        if not path.endswith((".py", ".pyi")):
            continue
        parts = list(PurePosixPath(path).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        for start in range(len(parts)):
            modules.setdefault(".".join(parts[start:]), path)
    return modules


def _target(name: str, paths: dict[str, list[str]], modules: dict[str, str]) -> str | None:
    if name.startswith("path:"):
        written = name.removeprefix("path:")
        bare = posixpath.splitext(written)[0]  # sources in TypeScript import the .js that will be built from them
        candidates = [written + ending for ending in _SCRIPT_ENDINGS] + [bare + ".ts", bare + ".tsx"]
        return next((c for c in candidates if c in paths), None)
    return modules.get(name) or modules.get(name.rpartition(".")[0])


def _cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one file (Tarjan, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in sorted(edges):
        if root in order:
            continue
        work = [(root, iter(sorted(edges[root])))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            target = next(targets, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    found.append(_pop_component(stack, on_stack, node))
            elif target not in order:
                order[target] = low[target] = len(order)
                stack.append(target)
                on_stack.add(target)
                work.append((target, iter(sorted(edges[target]))))
            elif target in on_stack:
                low[node] = min(low[node], order[target])
    return [component for component in found if len(component) > 1]


def _pop_component(stack: list[str], on_stack: set[str], root: str) -> list[str]:
    component = []
    while True:
        node = stack.pop()
        on_stack.discard(node)
        component.append(node)
        if node == root:
            return component
