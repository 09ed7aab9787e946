"""What a cut log begins with: each entity as it was at the cut, so that folding on from there gives the state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from psg.audit.fold import FoldedEntity

Row = dict[str, Any]
Read = Callable[..., Awaitable[list[Row]]]
SEQ_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a log begins: ``seq`` of the last removed event (0: none was), and the entities that were asked for.

    ``at`` tells when each was changed last before, in ms since 1970; ``known`` whether a checkpoint tells of the
    events that are gone.
    """

    seq: int = 0
    known: bool = True
    entities: Mapping[str, FoldedEntity] = field(default_factory=dict)
    at: Mapping[str, int] = field(default_factory=dict)


def number(seq: int) -> str:
    """Return a number of the log as text that sorts like it."""
    return f"{seq:0{SEQ_DIGITS}d}"


def entity_id(entity: str, seq: int) -> str:
    """Return the id of what is kept of ``entity`` as at ``seq``."""
    return f"{entity}:{number(seq)}"


def written(entity: FoldedEntity) -> str:
    """Return an entity as text; what its events contradicted is not part of it."""
    links = [[kind, target, at] for (kind, target), at in entity.links.items()]
    state = {
        "label": entity.label, "props": entity.props, "deleted": entity.deleted, "links": links,
        "revision": entity.revision, "nodes": entity.nodes, "edges": entity.edges, "created": entity.created,
    }  # fmt: skip
    return orjson.dumps(state).decode()


def unwritten(text: str, seq: int) -> FoldedEntity:
    """Return the entity of a text that ``written`` made, as it was when the log ended at ``seq``."""
    state = orjson.loads(text)
    links = {(kind, target): at for kind, target, at in state.pop("links")}
    return FoldedEntity(**state, links=links, base=seq, past=[(seq, {}, state["deleted"])])


async def stored(read: Read, ids: Sequence[str], seq: int) -> tuple[dict[str, FoldedEntity], list[Row]]:
    """Return what is kept of these entities as at ``seq``, and the rows (entity, id, state, at) that tell it."""
    rows = await read("checkpoint_entities", batch={"ids": list(ids), "upto": number(seq)})
    return {row["entity"]: unwritten(row["state"], seq) for row in rows}, rows


async def beginning(read: Read, ids: Sequence[str]) -> Beginning:
    """Return where the project's log begins and what these entities were then; ``read`` runs named statements.

    Events at or before its ``seq`` count no more, also where they are not removed yet.
    """
    (head,) = await read("log_head")
    seq = head["earliest"] - 1
    if seq <= 0:
        return Beginning()
    entities, rows = await stored(read, ids, seq)
    known = bool(entities) or any(_tells(row["checkpoint"]) for row in await read("checkpoint_last"))
    return Beginning(seq, known, entities, {row["entity"]: row["at"] for row in rows})


def _tells(checkpoint: Row) -> bool:
    return bool(checkpoint["base"] > 0 or checkpoint["state"] in ("in_force", "done"))
