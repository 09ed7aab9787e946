"""A set of protocol documents into the graph: checked as a whole, then stored in the order of their references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

import psg_cypher
from psg.commands.plan_load import CHUNK_STEPS
from psg.commands.plans import store_checked_plan
from psg.documents.files import document_files, read_document
from psg.documents.listing import Listed, in_order, listed, named
from psg.errors import PsgError, ReferenceMissing, ValidationFailed
from psg.model.codec import digest
from psg.model.ids import derived_id
from psg.write.command import Answer, Command

if TYPE_CHECKING:
    from psg.graph import Graph

Progress = Callable[[int, int], object]
Entry = tuple[str, Mapping[str, Any]]

AT_ONCE = 64
BYTES_AT_ONCE = 16 * 1024 * 1024
"""Documents that are in memory at the same time, by number and by bytes of their files; a larger one stands alone."""
IDS_AT_ONCE = 5_000


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
    document is checked before the first is stored, and so is what they refer to outside the set; should another client
    take that away meanwhile, what was stored before stays. The command id of each follows from its content: the same
    import again has no second effect and goes on behind where the first ended. ``progress`` is called with (stored,
    total), where a plan counts its steps and every other document one. Raises the refusal of the first bad document,
    with its place in the set, or its module and id, in front.
    """
    entries = []
    for at, (module, document) in enumerate(documents):
        plain = _plain(document)
        entries.append(listed(f"documents.{at}", module, plain, partial(_given, plain)))
    return await store_listed(graph, project_id, in_order(entries), actor=actor, progress=progress)


async def import_files(
    graph: Graph, project_id: str, place: Path, *, actor: str = "system", progress: Progress | None = None
) -> list[Answer]:
    """Store a JSON document, or all below a folder, as ``import_documents`` does, in bounded memory.

    Every file is read twice: once to check it and to learn the order, and again when its turn comes.
    """
    waves = await to_thread.run_sync(survey, place)
    return await store_listed(graph, project_id, waves, actor=actor, progress=progress)


def survey(place: Path) -> list[list[Listed]]:
    """Check every document of a file or folder, keep none of them, and return them in groups that can be stored.

    Raises ``ValidationFailed`` that names every file that is not a document of the protocol, ``DuplicateId`` and
    ``DependencyCycle``.
    """
    entries: list[Listed] = []
    problems: list[str] = []
    for file in document_files(place):
        try:
            module, document, text = read_document(file)
        except ValidationFailed as error:
            problems.append(f"{file}: {error.message}")
            continue
        try:
            read = partial(_again, file, text)
            entries.append(listed(str(file), module, document, read, file.stat().st_size))
        except ValidationFailed as error:
            problems.append(error.message)
    if problems:
        raise ValidationFailed("; ".join(problems), problems=problems)
    return in_order(entries)


async def store_listed(
    graph: Graph, project_id: str, waves: Sequence[Sequence[Listed]], *, actor: str, progress: Progress | None
) -> list[Answer]:
    """Store a set that ``in_order`` has put in order; returns the answers in that order."""
    await _check_outside(graph, project_id, [entry for wave in waves for entry in wave])
    total, done = sum(entry.weight for wave in waves for entry in wave), 0

    def advance(weight: int) -> None:
        nonlocal done
        done += weight
        if progress is not None:
            progress(done, total)

    answers: list[Answer] = []
    for wave in waves:
        for batch in batches(wave, documents=AT_ONCE, size=BYTES_AT_ONCE):
            answers += await _store(graph, project_id, batch, actor, advance)
    return answers


def batches(entries: Sequence[Listed], *, documents: int, size: int) -> Iterator[list[Listed]]:
    """Consecutive groups of at most so many documents and bytes; a larger document stands alone."""
    group: list[Listed] = []
    total = 0
    for entry in entries:
        if group and (len(group) >= documents or total + entry.size > size):
            yield group
            group, total = [], 0
        group.append(entry)
        total += entry.size
    if group:
        yield group


def _plain(document: Any) -> Any:
    if isinstance(document, Mapping) and "$comment" in document:
        return {k: v for k, v in document.items() if k != "$comment"}
    return document


def _given(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document


def _again(file: Path, text: str) -> Mapping[str, Any]:
    """The content of a file that was checked before; it has to be the same still."""
    _, document, found = read_document(file)
    if found != text:
        raise ValidationFailed("the file was changed while it was being imported; import it again")
    return document


async def _check_outside(graph: Graph, project_id: str, entries: Sequence[Listed]) -> None:
    """Raise ``ReferenceMissing`` for what is neither in the set nor alive in the project, before anything is stored.

    Roles of participants are left to the commit, which makes a missing one (C-30), and so is what may be a step of a
    plan in the set.
    """
    inside = {entry.node_id for entry in entries}
    plans = any(entry.module == "plan" for entry in entries)
    wanted: dict[str, Listed] = {}
    for entry in entries:
        if entry.module in ("collab", "network") or ("Step" in entry.targets and plans):
            continue
        wanted |= {i: entry for i in entry.needs if i not in inside and i not in wanted}
    ids = list(wanted)
    for start in range(0, len(ids), IDS_AT_ONCE):
        part = ids[start : start + IDS_AT_ONCE]
        found = await graph.db.read(
            psg_cypher.statement("import_targets"), project_id=project_id, batch={"ids": part}
        )
        alive = {row["id"]: row["deleted"] for row in found}
        for node_id in part:
            if alive.get(node_id, True):
                entry = wanted[node_id]
                reason = "was deleted" if node_id in alive else "is neither in this set nor in the project"
                field = "target_id" if entry.module == "confirm" else "context_id"
                raise ReferenceMissing(
                    f"{entry.name}: {entry.module} {entry.node_id}: {field}: {node_id} {reason}; "
                    "add its document, or import into the project that has it",
                    id=node_id, module=entry.module,
                )  # fmt: skip


async def _store(
    graph: Graph, project_id: str, entries: Sequence[Listed], actor: str, advance: Callable[[int], None]
) -> list[Answer]:
    """Store documents that do not refer to each other, many at once: they share commits."""
    answers: list[Answer | None] = [None] * len(entries)
    refused: list[PsgError] = []

    async def one(at: int) -> None:
        try:
            answers[at] = await _store_one(graph, project_id, entries[at], actor, advance)
        except PsgError as error:
            refused.append(named(error, f"{entries[at].name}: {entries[at].module} {entries[at].node_id}"))
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for at in range(len(entries)):
            tasks.start_soon(one, at)
    if refused:
        raise refused[0]
    return [answer for answer in answers if answer is not None]


async def _store_one(
    graph: Graph, project_id: str, entry: Listed, actor: str, advance: Callable[[int], None]
) -> Answer:
    large = entry.weight > CHUNK_STEPS
    document = await to_thread.run_sync(entry.read) if large else entry.read()
    command_id = derived_id("import", entry.module, entry.node_id, digest(document))
    if entry.module != "plan":
        answer = await graph.create_document(
            project_id, entry.module, document, actor=actor, command_id=command_id, placeholders=True
        )
        advance(entry.weight)
        return answer
    command = Command("create_plan", document, actor, command_id)
    plan = await to_thread.run_sync(store_checked_plan, document, command) if large else None
    last = 0

    def step(done: int, _: int) -> None:
        nonlocal last
        advance(done - last)
        last = done

    return await graph.load_plan(project_id, plan or store_checked_plan(document, command), step)
