"""The indexes and constraints that the migrations of this release come to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import psg_cypher
from psg_cypher import Migration

_CREATED = re.compile(
    r"CREATE (?P<kind>CONSTRAINT|INDEX) (?P<name>\w+) IF NOT EXISTS FOR \(n:(?P<label>\w+)\) (?:REQUIRE|ON) "
    r"\(?(?P<properties>n\.\w+(?:, n\.\w+)*)\)?"
)
_DROPPED = re.compile(r"DROP (?:CONSTRAINT|INDEX) (?P<name>\w+)")


@dataclass(frozen=True, slots=True)
class SchemaItem:
    """One index or constraint by its label and properties, in their order."""

    name: str
    label: str
    properties: tuple[str, ...]
    constraint: bool


def expected_schema(migrations: Sequence[Migration] | None = None) -> dict[str, SchemaItem]:
    """Return what should be there after ``migrations`` (default: all of this release), by name."""
    found: dict[str, SchemaItem] = {}
    for migration in psg_cypher.migrations() if migrations is None else migrations:
        for text in migration.statements:
            if match := _CREATED.match(" ".join(text.split())):
                properties = tuple(part.strip().removeprefix("n.") for part in match["properties"].split(","))
                item = SchemaItem(match["name"], match["label"], properties, match["kind"] == "CONSTRAINT")
                found[item.name] = item
            elif match := _DROPPED.match(" ".join(text.split())):
                found.pop(match["name"], None)
    return found
