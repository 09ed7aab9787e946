"""Values of a project as commands: each has an id and one effect, and may insist on the revision that it saw.

What clients of the API use. ``Neo4jVSL`` is the port for code in this process; both write the same nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psg_cypher
from psg.commands.reactions import NothingLeft
from psg.errors import StaleRevision, ValidationFailed
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import check_id
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_runtime.vsl import graph_decisions as decisions
from psg_runtime.vsl.graph_commit import living
from psg_runtime.vsl.graph_view import view_of
from psg_runtime.vsl.json_text import check_key, to_text
from psg_runtime.vsl.schema_migration import SCHEMA_KEY


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value with the revision under which it stands; 0 where the key has none."""

    key: str
    value: Any
    revision: int

    @property
    def present(self) -> bool:
        """Whether the key has a value."""
        return self.revision > 0


async def read_value(graph: Graph, project_id: str, key: str) -> StoredValue:
    """Return the value of ``key``; with revision 0 when there is none. Raises ValidationFailed for what is no key."""
    rows = await graph.db.read(
        psg_cypher.statement("value_state"), project_id=check_id(project_id, "project_id"), key=_own_key(key)
    )
    return _seen(key, rows)


async def write_value(
    graph: Graph,
    project_id: str,
    key: str,
    value: Any,
    *,
    delete: bool = False,
    expected_revision: int | None = None,
    actor: str,
    command_id: str,
) -> Answer | None:
    """Give ``key`` a value, or with ``delete`` none, in one command; ``None`` when it was so already.

    ``expected_revision`` is what the caller saw (0: no value): another one by now is refused with StaleRevision, so
    that nobody's write is lost unseen. Raises ValidationFailed for what cannot be kept.
    """
    check_id(project_id, "project_id")
    if _own_key(key) == SCHEMA_KEY:
        raise ValidationFailed(f"key: {key} is written by `psg migrate --schema` only", field="key")
    text = None if delete else to_text(value)
    command = Command("set_value", [key, text, expected_revision], actor, command_id)

    async def decide(locked: Locked) -> Change:
        seen = _seen(key, await locked.read("value_state", key=key))
        if expected_revision is not None and seen.revision != expected_revision:
            raise StaleRevision(
                f"expectedRevision: the value of {key!r} has revision {seen.revision} by now, not {expected_revision}; "
                "read it again",
                key=key, revision=seen.revision, expected=expected_revision,
            )  # fmt: skip
        change = await decisions.set_value(key, text).decide(locked, command)
        if not isinstance(change, Change):
            raise NothingLeft
        return change

    try:
        return await graph.locked(project_id, command, decide)
    except NothingLeft:
        return None


async def value_keys(graph: Graph, project_id: str, prefix: str, after: str, limit: int) -> list[str]:
    """Return a page of the keys that have values and begin with ``prefix``, behind ``after``."""
    rows = await graph.db.read(
        psg_cypher.statement("value_keys"), project_id=check_id(project_id, "project_id"), prefix=prefix, after=after,
        limit=limit,
    )  # fmt: skip
    return [row["key"] for row in rows]


def _own_key(key: str) -> str:
    if view_of(check_key(key)) is not None:
        raise ValidationFailed(
            f"key: {key[:120]!r} is a view of a node; read and write nodes by their own fields", field="key"
        )
    return key


def _seen(key: str, rows: list[dict[str, Any]]) -> StoredValue:
    row = living(rows)
    if row is None or row["value"] is None:
        return StoredValue(key, None, 0)
    return StoredValue(key, loads(row["value"]), row["revision"])
