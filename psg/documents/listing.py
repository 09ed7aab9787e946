"""What is in a set of documents: each checked once, known by id, in the order of what refers to what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psg.errors import DependencyCycle, DuplicateId, PlanInvalid, PsgError, ValidationFailed
from psg.model.documents import needed_ids, take_apart
from psg.model.entities import ENTITIES, MODULES
from psg.model.protocol import check_document
from psg.model.references import CONFIRM_TARGETS
from psg.plan.order import levels

NESTING = 250
"""Deepest nesting of a document: what writes JSON gives up a little further down."""
_PROTOCOL = re.compile(r"1\.0\.[0-9]+")
# Stands for "all plans of the set": a confirm of `other` may be about a step, and whose it is, is not remembered.
_PLANS = "plans"


@dataclass(frozen=True, slots=True)
class Listed:
    """One document of a set, without its content.

    ``name`` is what the person who gave it calls it (a file, or its place), ``needs`` the ids that it refers to,
    ``weight`` what it counts in progress (a plan counts its steps), ``read`` gives the checked content.
    """

    name: str
    module: str
    node_id: str
    needs: tuple[str, ...]
    targets: tuple[str, ...]
    weight: int
    size: int
    read: Callable[[], Mapping[str, Any]]


def listed(
    name: str, module: str, document: Any, read: Callable[[], Mapping[str, Any]], size: int = 0
) -> Listed:
    """Check a document and return its entry.

    Raises ``ValidationFailed`` or ``PlanInvalid``, beginning with ``name``, for what the schema of ``module`` refuses,
    for another version of the protocol and for nesting that cannot be written down again.
    """
    try:
        _checked(module, document)
        label = MODULES[module]
        if module == "plan":  # its steps refer to each other only: that is judged when it is stored
            needs: Iterable[str] = take_apart(label, document).references["context_id"]
        else:
            needs = needed_ids(label, document)
    except PsgError as error:
        raise named(error, name) from error
    targets = CONFIRM_TARGETS[document["target_type"]] if module == "confirm" else ()
    weight = len(document["steps"]) if module == "plan" else 1
    node_id = document[ENTITIES[label].id_field]
    return Listed(name, module, node_id, tuple(sorted(needs)), targets, weight, size, read)


def in_order(entries: Sequence[Listed]) -> list[list[Listed]]:
    """Return the entries in groups that each refer to earlier groups only.

    Raises ``DuplicateId`` naming both, and ``DependencyCycle`` for documents that refer to each other in a circle.
    """
    by_id: dict[str, Listed] = {}
    for entry in entries:
        first = by_id.setdefault(entry.node_id, entry)
        if first is not entry:
            raise DuplicateId(
                f"{entry.name}: {entry.module} {entry.node_id} is also {first.name}", id=entry.node_id
            )
    wanted: dict[str, Sequence[str]] = {e.node_id: e.needs for e in entries}
    if any("Step" in e.targets for e in entries):
        wanted[_PLANS] = [e.node_id for e in entries if e.module == "plan"]
        wanted |= {
            e.node_id: [i if i in by_id else _PLANS for i in e.needs] for e in entries if "Step" in e.targets
        }
    try:
        level = levels(wanted)
    except DependencyCycle as error:
        circle = [f"{by_id[i].module} {i} ({by_id[i].name})" for i in error.details["path"]]
        raise DependencyCycle(
            f"documents refer to each other in a circle: {' → '.join([*circle, circle[0]])}; none can go first",
            path=error.details["path"],
        ) from error
    waves: list[list[Listed]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for entry in entries:
        waves[level[entry.node_id]].append(entry)
    return [wave for wave in waves if wave]


def named(error: PsgError, name: str) -> PsgError:
    """Return the same refusal with what it is about in front."""
    made = type(error)(f"{name}: {error.message}", **error.details)
    made.__cause__ = error
    return made


def _checked(module: str, document: Any) -> None:
    try:
        check_document(module, document)
    except ValidationFailed as error:
        if _too_deep(document):
            raise _invalid(module, f"it is nested deeper than {NESTING} levels") from error
        raise
    version = document["meta"]["protocol_version"]
    if not _PROTOCOL.fullmatch(version):
        raise _invalid(module, f"meta.protocol_version: {version} is not spoken here, 1.0.0 is; convert the document")


def _invalid(module: str, reason: str) -> ValidationFailed:
    kind = PlanInvalid if module == "plan" else ValidationFailed
    return kind(f"Invalid {module.capitalize()}: {reason}", module=module)


def _too_deep(document: Any) -> bool:
    """Whether a value is nested too deep; level by level, since recursion is what would fail."""
    level = [document]
    for _ in range(NESTING):
        inner = [value.values() if isinstance(value, dict) else value for value in level]
        level = [v for values in inner for v in values if isinstance(v, dict | list)]
        if not level:
            return False
    return True
