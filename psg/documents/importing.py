"""A set of protocol documents into the graph: checked as a whole, then stored in the order of their references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from psg.errors import DuplicateId, PsgError
from psg.model.codec import digest
from psg.model.documents import take_apart
from psg.model.entities import ENTITIES, MODULES
from psg.model.ids import derived_id
from psg.model.protocol import check_document
from psg.plan.order import levels
from psg.write.command import Answer

if TYPE_CHECKING:
    from psg.graph import Graph

Progress = Callable[[int, int], object]
Entry = tuple[str, Mapping[str, Any]]

AT_ONCE = 64


async def import_documents(
    graph: Graph,
    project_id: str,
    documents: Sequence[Entry],
    *,
    actor: str = "system",
    progress: Progress | None = None,
) -> list[Answer]:
    """Store (module, document) pairs and return their answers, in the order in which they were stored.

    What is referred to goes first, whatever the order given. A top-level ``$comment`` is decoration and dropped. Every
    document is checked before the first is stored; a reference that leads nowhere is found when its document's turn
    comes, and what was stored before stays. The command id of each follows from its content: the same import again
    has no second effect and goes on behind where the first ended. ``progress`` is called with (stored, total).
    Raises the refusal of the first bad document, its module and id in front.
    """
    entries = [(module, _plain(document)) for module, document in documents]
    ids = _checked(entries)
    answers: list[Answer] = []
    for wave in _waves(entries, ids):
        answers += await _store(graph, project_id, [entries[i] for i in wave], [ids[i] for i in wave], actor)
        if progress is not None:
            progress(len(answers), len(entries))
    return answers


def _plain(document: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(document, Mapping) and "$comment" in document:
        return {k: v for k, v in document.items() if k != "$comment"}
    return document


def _checked(entries: Sequence[Entry]) -> list[str]:
    """The id of each document; raises ``ValidationFailed`` or ``DuplicateId`` naming the place in the set."""
    ids: dict[str, int] = {}
    for at, (module, document) in enumerate(entries):
        try:
            check_document(module, document)
        except PsgError as error:
            raise _named(error, f"documents.{at}") from error
        node_id = document[ENTITIES[MODULES[module]].id_field]
        if node_id in ids:
            raise DuplicateId(f"documents.{at}: {module} {node_id} is also documents.{ids[node_id]}", id=node_id)
        ids[node_id] = at
    return list(ids)


def _waves(entries: Sequence[Entry], ids: Sequence[str]) -> list[list[int]]:
    """Places of the documents, grouped so that each group refers to earlier groups only."""
    wanted: dict[str, list[str]] = {}
    for node_id, (module, document) in zip(ids, entries, strict=True):
        references = take_apart(MODULES[module], document).references
        wanted[node_id] = [target for targets in references.values() for target in targets]
    level = levels(wanted)
    waves: list[list[int]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for at, node_id in enumerate(ids):
        waves[level[node_id]].append(at)
    return waves


async def _store(
    graph: Graph, project_id: str, entries: Sequence[Entry], ids: Sequence[str], actor: str
) -> list[Answer]:
    """Store documents that do not refer to each other, many at once: they share commits."""
    answers: list[Answer | None] = [None] * len(entries)
    refused: list[PsgError] = []
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def one(at: int) -> None:
        (module, document), node_id = entries[at], ids[at]
        command_id = derived_id("import", module, node_id, digest(document))
        try:
            async with limiter:
                answers[at] = await graph.create_document(
                    project_id, module, document, actor=actor, command_id=command_id
                )
        except PsgError as error:
            refused.append(_named(error, f"{module} {node_id}"))
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for at in range(len(entries)):
            tasks.start_soon(one, at)
    if refused:
        raise refused[0]
    return [answer for answer in answers if answer is not None]


def _named(error: PsgError, subject: str) -> PsgError:
    named = type(error)(f"{subject}: {error.message}", **error.details)
    named.__cause__ = error
    return named
