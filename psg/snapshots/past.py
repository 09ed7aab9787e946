"""Reading back along the log: its changes in a stretch, the texts that it has by hash only, places in lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import psg_cypher
from psg.audit.checkpoint import beginning
from psg.audit.fold import fold
from psg.errors import CursorExpired, LogUnreadable, NotFound, ValidationFailed
from psg.model.codec import content_hash, for_log, opened
from psg.snapshots.undo import Past
from psg_neo4j.database import Database

EVENT_PAGE = 10_000
TEXT_PAGE = 200

Row = dict[str, Any]
Read = Callable[..., Awaitable[list[Row]]]
"""Runs a named statement with parameters, ``project_id`` given: inside a lock or not."""


def reader(db: Database, project_id: str) -> Read:
    """Return a ``Read`` that takes no lock."""

    async def read(name: str, **params: Any) -> list[Row]:
        return await db.read(psg_cypher.statement(name), project_id=project_id, **params)

    return read


async def head_of(read: Read, project_id: str, seq: int) -> int:
    """Return where the log ends.

    Raises ``NotFound`` for an unknown project, ``ValidationFailed`` when ``seq`` is beyond the end, ``CursorExpired``
    when retention removed events behind it, without which nothing can be undone.
    """
    rows = await read("log_head")
    if not rows:
        raise NotFound(f"project {project_id} does not exist", project_id=project_id)
    head, earliest = rows[0]["seq"], rows[0]["earliest"]
    if seq < 0 or seq > head:
        raise ValidationFailed(f"seq: {seq} is not in the log of this project, which ends at {head}", field="seq")
    if seq < earliest - 1:
        raise CursorExpired(
            f"seq: the events after {seq} were removed by retention; the log goes back to {earliest - 1}",
            earliest=earliest - 1,
        )  # fmt: skip
    return head


async def changes_between(read: Read, plan_id: str | None, after: int, upto: int) -> list[list[Any]]:
    """Return the changes of state behind ``after`` up to ``upto`` in their order, of one plan or of the project."""
    found: list[list[Any]] = []
    while after < upto:
        span = {"after": after, "upto": upto, "limit": EVENT_PAGE}
        if plan_id is None:
            (row,) = await read("past_of_project", **span)
        else:
            (row,) = await read("past_of_plan", plan_id=plan_id, **span)
        found += row["events"]
        if len(row["events"]) < EVENT_PAGE:
            break
        after = row["events"][-1][0]
    return found


async def texts_of(read: Read, hashes: Iterable[str]) -> dict[str, str]:
    """Return overwritten texts by their hash; those that were overwritten before they were kept are missing."""
    wanted = sorted(set(hashes))
    found: dict[str, str] = {}
    for i in range(0, len(wanted), TEXT_PAGE):
        rows = await read("past_contents", batch={"hashes": wanted[i : i + TEXT_PAGE]})
        found |= {row["hash"]: _as_it_was(row["text"], row["hash"]) for row in rows}
    return found


def _as_it_was(text: str, key: str) -> str:
    """A kept text as it was stored: encrypted already by its property, or only for being kept."""
    return text if content_hash(for_log(text)) == key else opened(text)


def hashes_of(pasts: Iterable[Past]) -> set[str]:
    """Return the hashes that stand for values of these."""
    hashes = (content_hash(value) for past in pasts for value in past.props.values())
    return {key for key in hashes if key is not None}


def value_of(logged: Any, texts: Mapping[str, str], where: str) -> Any:
    """Return the value that the log has, from its text when it has only the hash; raises ``LogUnreadable``."""
    key = content_hash(logged)
    if key is None:
        return logged
    if key not in texts:
        raise LogUnreadable(
            f"{where}: the text with SHA-256 {key} was overwritten by a release that did not keep it; this moment "
            "cannot be gone back to",
            hash=key,
        )  # fmt: skip
    return texts[key]


async def find_places(read: Read, pasts: Mapping[str, Past], seq: int) -> None:
    """Fill in where relationships stood in their lists as at ``seq``, for logs that do not tell it at the removal."""
    for entity, past in pasts.items():
        unknown = [link for link, there in past.links.items() if there and past.places[link] is None]
        if not unknown or past.created:
            continue
        events = [row["event"] for row in await read("past_of_entity", entity=entity, upto=seq)]
        log = await beginning(read, [entity])
        links = fold((e for e in events if e["seq"] > log.seq), log.entities).entities[entity].links
        for link in unknown:
            past.places[link] = links.get(link)
