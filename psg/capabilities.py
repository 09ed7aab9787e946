"""What orchestrators offer, and which plans use it, as queries (CAP; decisions 0040 and 0042)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg.model.codec import dumps, loads
from psg.plan.pins import split_pin
from psg_neo4j.database import Database

BATCH = 50
# Steps looked at in one go; a plan with more that use the same capability costs one look of its own.
WINDOW = 2_000
_MAX_PINS = 1_000


@dataclass(frozen=True, slots=True)
class Offer:
    """One capability as it is written down; schemas are JSON Schemas, ``version`` is empty where there is none."""

    name: str
    version: str
    type: str
    description: str
    schema_hash: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None
    enabled: bool
    source: str

    def row(self) -> dict[str, Any]:
        """The parameter row of the statement."""
        return {
            "name": self.name, "version": self.version, "type": self.type, "description": self.description,
            "hash": self.schema_hash, "enabled": self.enabled, "source": self.source,
            "input_schema": dumps(dict(self.input_schema)),
            "output_schema": None if self.output_schema is None else dumps(dict(self.output_schema)),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stored:
    """A capability as it is stored; ``registered_ms`` and ``changed_ms`` are the database's time."""

    name: str
    version: str
    type: str
    description: str
    schema_hash: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    enabled: bool
    source: str
    registered_ms: int
    changed_ms: int

    @property
    def reference(self) -> str:
        """How a step names exactly this: ``name@version``, or the name where there is no version."""
        return f"{self.name}@{self.version}" if self.version else self.name

    @property
    def key(self) -> str:
        """Its place in the order of pages."""
        return f"{self.name}\0{self.version}"


async def register(db: Database, offers: Iterable[Offer]) -> dict[str, list[str]]:
    """Write down what a process offers; any number of processes may do so at the same time.

    Returns names (``name@version``) by what came of them: ``new``, ``same``, ``changed`` (no version, other schemas)
    and ``conflict`` (the version was registered with other schemas before; nothing was changed).
    """
    rows = sorted((offer.row() for offer in offers), key=lambda row: (row["name"], row["version"]))
    found: dict[str, list[str]] = {"new": [], "same": [], "changed": [], "conflict": []}
    for start in range(0, len(rows), BATCH):
        answered = await db.write(
            psg_cypher.statement("capability_register"), batch={"rows": rows[start : start + BATCH]}
        )
        for row in answered:
            found[row["verdict"]].append(f"{row['name']}@{row['version']}" if row["version"] else row["name"])
    return found


async def page(db: Database, after: str, limit: int, *, type: str | None = None) -> list[Stored]:
    """Up to ``limit`` capabilities by name and version, behind the key ``after`` (empty: from the first)."""
    name, _, version = after.partition("\0")
    rows = await db.read(
        psg_cypher.statement("capability_page"), name=name, version=version, limit=limit, type=type
    )
    return [_stored(row["capability"]) for row in rows]


async def versions(db: Database, name: str) -> list[Stored]:
    """All versions of one capability, by their text."""
    rows = await db.read(psg_cypher.statement("capability_versions"), name=name)
    return [_stored(row["capability"]) for row in rows]


async def offering(db: Database) -> dict[str, int]:
    """How many live orchestrators offer what, by the way a step can name it."""
    found: dict[str, int] = {}
    for session in await db.read(psg_cypher.statement("sessions_live")):
        for name in {*(session["capabilities"] or ()), *(session["roles"] or ())}:
            found[name] = found.get(name, 0) + 1
    return found


async def count(db: Database, *, type: str | None = None) -> int:
    """How many capabilities there are."""
    found = await db.read_one(psg_cypher.statement("capability_count"), type=type)
    return 0 if found is None else int(found["count"])


async def plans_using(
    db: Database, project_id: str, name: str, after: str, limit: int, *, version: str | None = None
) -> list[str]:
    """Ids of up to ``limit`` plans of a project with steps that use a capability, by id, behind ``after``.

    ``name`` means all its versions and steps bound to it as a role; ``name@version`` only steps that say exactly so.
    With ``version`` (empty for none) steps that can get this version: they say it, or none.
    """
    pinned = split_pin(name)[1] is not None
    if version is None and not pinned:
        spellings = await _spellings(db, project_id, name)
    else:
        spellings = [name, f"{name}@{version}"] if version else [name]
    found: set[str] = set()
    for named in spellings:
        found |= await _plans(db, "capability_plans", project_id, after, limit, capability=named)
    if not pinned:
        found |= await _plans(db, "role_plans", project_id, after, limit, role=name)
    return sorted(found)[:limit]


async def _spellings(db: Database, project_id: str, name: str) -> list[str]:
    """How steps of the project name it: as it is, and with the versions that they pin."""
    spellings, after, upto = [name], f"{name}@", f"{name}A"  # "A" is the character behind "@"
    while len(spellings) < _MAX_PINS:
        row = await db.read_one(
            psg_cypher.statement("capability_pins"), project_id=project_id, after=after, upto=upto
        )
        if row is None:
            break
        after = row["capability"]
        spellings.append(after)
    return spellings


async def _plans(
    db: Database, statement: str, project_id: str, after: str, limit: int, **named: str
) -> set[str]:
    found: list[str] = []
    while len(found) < limit:
        rows = await db.read(
            psg_cypher.statement(statement), project_id=project_id, after=after, window=WINDOW, **named
        )
        found += [row["plan"] for row in rows]
        if sum(row["steps"] for row in rows) < WINDOW:
            break
        after = found[-1]
    return set(found[:limit])


def _stored(row: Mapping[str, Any]) -> Stored:
    return Stored(
        name=row["name"], version=row["version"], type=row["type"], description=row["description"],
        schema_hash=row["hash"], input_schema=loads(row["input_schema"]),
        output_schema=loads(row.get("output_schema")), enabled=row["enabled"], source=row["source"],
        registered_ms=row["registered_ms"], changed_ms=row["changed_ms"],
    )  # fmt: skip
