"""Reading tracked resources: one by its uri, all of a directory in the order of their uris."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psg_cypher
from psg.drift.model import Expected, State
from psg.drift.settings import DriftSettings, settings_of
from psg.drift.uris import between, check_root
from psg.errors import NotFound
from psg.model.codec import loads
from psg_neo4j.database import Database

PAGE = 200
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Tracked:
    """A tracked resource with the plans and steps that depend on it (``id``, ``label``, ``stale_ms``)."""

    expected: Expected
    dependents: Sequence[Mapping[str, Any]]


async def resource(db: Database, project_id: str, uri: str) -> Expected:
    """Return a tracked resource with what it is to contain; raises ``NotFound``."""
    found = await resources_by_uri(db, project_id, [uri])
    if uri not in found:
        raise NotFound(f"uri: {uri[:200]} is not tracked in this project", uri=uri[:200])
    return found[uri]


async def resources_by_uri(db: Database, project_id: str, uris: Sequence[str]) -> dict[str, Expected]:
    """Return those of these that are tracked, with what they are to contain."""
    rows = await db.read(psg_cypher.statement("resource_states"), project_id=project_id, uris=list(uris))
    return {row["node"]["uri"]: Expected.of(row["node"]) for row in rows}


async def page(
    db: Database,
    project_id: str,
    *,
    after: str = "",
    before: str = LAST,
    limit: int = PAGE,
    states: Collection[State] | None = None,
) -> list[Tracked]:
    """Return the next resources between two uris (exclusive), without their contents; ``states`` limits them."""
    rows = await db.read(
        psg_cypher.statement("resource_page"), project_id=project_id, after=after, before=before, limit=limit,
        states=None if states is None else list(states), values=False,
    )  # fmt: skip
    return [Tracked(Expected.of(row["node"]), row["dependents"]) for row in rows]


async def below(
    db: Database, project_id: str, scheme: Literal["file", "git"], root: str
) -> AsyncGenerator[Expected]:
    """Yield everything tracked below a directory by uri, page by page, without contents."""
    after, before = between(scheme, root)
    while True:
        found = await page(db, project_id, after=after, before=before)
        for tracked in found:
            yield tracked.expected
        if len(found) < PAGE:
            return
        after = found[-1].expected.uri


async def roots(db: Database, project_id: str) -> dict[str, DriftSettings]:
    """Return the tracked directories of a project by name, with their settings."""
    found: dict[str, DriftSettings] = {}
    after = "dir:"
    while True:
        rows = await page(db, project_id, after=after, before="dir;")
        for tracked in rows:
            name = check_root(tracked.expected.uri.removeprefix("dir:"))
            found[name] = settings_of(loads(tracked.expected.row.get("settings")))
        if len(rows) < PAGE:
            return found
        after = rows[-1].expected.uri


async def count(
    db: Database, project_id: str, *, after: str = "", before: str = LAST, states: Collection[State] | None = None
) -> int:
    """Return how many resources there are between two uris (exclusive)."""
    row = await db.read_one(
        psg_cypher.statement("resource_count"), project_id=project_id, after=after, before=before,
        states=None if states is None else list(states),
    )  # fmt: skip
    return int(row["count"]) if row else 0
