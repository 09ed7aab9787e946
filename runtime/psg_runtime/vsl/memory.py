"""``InMemoryVSL``: values and nodes in this process, each instance with a store of its own (L3-24)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psg.errors import NotFound, StillReferenced, ValidationFailed
from psg.model.entities import ENTITIES
from psg.model.ids import new_id
from psg.model.references import REFERENCES
from psg_runtime.vsl.errors import TransactionConflict, TransactionUnknown
from psg_runtime.vsl.json_text import check_key, check_node, from_text, matcher, to_text
from psg_runtime.vsl.port import GraphQuery, Json, Node, TransactionHandle, ValueStore

Place = tuple[str, str]
"""("", key) of a value, (type, id) of a node."""
VALUES = ""


class _Shared:
    """All state: JSON texts by place. Frozen once a snapshot or transaction looks at it; the next write copies it."""

    def __init__(self, texts: dict[Place, str]) -> None:
        self.texts = texts
        self.frozen = False


@dataclass(slots=True)
class _Open:
    """A transaction: the state at its beginning, what it looked at and what it wants to write (``None``: removed)."""

    seen: Mapping[Place, str]
    places: set[Place] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    writes: dict[Place, str | None] = field(default_factory=dict)

    def text(self, place: Place) -> str | None:
        self.places.add(place)
        return self.writes[place] if place in self.writes else self.seen.get(place)

    def all(self, type: str) -> dict[Place, str]:
        self.types.add(type)
        merged = {**self.seen, **self.writes}
        return {p: t for p, t in merged.items() if p[0] == type and t is not None}


class InMemoryVSL(ValueStore):
    """The whole extended interface in memory, with copy-on-write snapshots and serialisable transactions.

    Nodes are JSON objects under their type and id, kept as they are: the invariants of a PSG are those of the Neo4j
    store (C-32); only references are guarded when a node is deleted (C-09). Nothing survives the process.
    """

    name = "in-memory"
    offers = frozenset(("values", "transactions", "nodes", "snapshots"))

    def __init__(self) -> None:
        self._state = _Shared({})
        self._snapshots: dict[str, _Shared] = {}
        self._open: dict[TransactionHandle, _Open] = {}

    # Values

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``."""
        return from_text(self._text((VALUES, check_key(key)), tx), key)

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``."""
        self._write({(VALUES, check_key(key)): to_text(value)}, tx)

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""
        self._write({(VALUES, check_key(key)): None}, tx)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        return sorted(key for type, key in self._state.texts if type == VALUES and key.startswith(prefix))

    # Nodes

    async def read_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> Node | None:
        """Return a node, or ``None``."""
        return from_text(self._text((_type(type), id), tx), id)

    async def write_node(self, type: str, id: str, data: Node, tx: TransactionHandle | None = None) -> None:
        """Store a node; its own id field, where it has one, has to be ``id``."""
        own = check_node(data).get(_id_field(type), id)
        if own != id:
            raise ValidationFailed(f"{_id_field(type)}: {own} is not the id {id} under which it is written", id=id)
        self._write({(_type(type), id): to_text(data)}, tx)

    async def update_node(self, type: str, id: str, fields: Node, tx: TransactionHandle | None = None) -> None:
        """Set some fields of a node; ``None`` removes one. Raises ``NotFound``."""
        node = await self.read_node(type, id, tx)
        if node is None:
            raise NotFound(f"id: there is no {type} {id}", id=id, entity_type=type)
        merged = {k: v for k, v in {**node, **check_node(fields)}.items() if v is not None or k not in fields}
        await self.write_node(type, id, merged, tx)

    async def delete_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> None:
        """Remove a node; raises ``StillReferenced`` while another one refers to it."""
        for reference in REFERENCES:
            if type not in reference.targets:
                continue
            for (_, user), text in self._all(reference.label, tx).items():
                named = from_text(text, user).get(reference.field)
                if user != id and (named == id or (isinstance(named, list) and id in named)):
                    raise StillReferenced(
                        f"{type} {id} is still needed by {reference.label} {user}; delete that first", id=id
                    )
        self._write({(_type(type), id): None}, tx)

    async def query_graph(self, query: GraphQuery, tx: TransactionHandle | None = None) -> list[Node]:
        """Return the nodes that match, by id."""
        found: list[Node] = []
        matches, fields, id_field = matcher(query.get("where")), query.get("fields"), _id_field(query["type"])
        for (_, id), text in sorted(self._all(_type(query["type"]), tx).items()):
            node = from_text(text, id)
            if id <= query.get("after", "") or not matches(node):
                continue
            if len(found) == query.get("limit"):
                break
            found.append(node if fields is None else {id_field: id} | {k: node[k] for k in fields if k in node})
        return found

    # Snapshots

    async def create_snapshot(self) -> str:
        """Remember this state; it costs nothing until something is written."""
        snapshot_id = new_id()
        self._state.frozen = True
        self._snapshots[snapshot_id] = self._state
        return snapshot_id

    async def restore_snapshot(self, snapshot_id: str) -> None:
        """Go back to a snapshot, as often as wanted; raises ``NotFound``."""
        found = self._snapshots.get(snapshot_id)
        if found is None:
            message = f"snapshot_id: this store has no snapshot {snapshot_id}"
            raise NotFound(message, id=snapshot_id, field="snapshot_id")
        self._state = found

    # Transactions

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a transaction: it sees the state of this moment and its own writes."""
        handle = TransactionHandle(new_id())
        self._state.frozen = True
        self._open[handle] = _Open(self._state.texts)
        return handle

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Write everything at once, or raise ``TransactionConflict`` when what it looked at has changed."""
        tx = self._transaction(handle)
        del self._open[handle]
        now = self._state.texts
        looked_at = tx.places | tx.writes.keys()
        changed = next((p for p in looked_at if now.get(p) != tx.seen.get(p)), None)
        if changed is None and tx.types and now is not tx.seen:
            of_types = (p for p in now.keys() | tx.seen.keys() if p[0] in tx.types)
            changed = next((p for p in of_types if now.get(p) != tx.seen.get(p)), None)
        if changed is not None:
            what = f"{changed[0] or 'key'} {changed[1]}"
            raise TransactionConflict(f"{what} was changed by somebody else; nothing was written. Begin anew")
        self._write(tx.writes, None)

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Forget a transaction; one that is over is no error."""
        self._open.pop(handle, None)

    # Inside

    def _transaction(self, handle: TransactionHandle) -> _Open:
        found = self._open.get(handle)
        if found is None:
            raise TransactionUnknown(f"no transaction {handle} is open in this store", handle=handle)
        return found

    def _text(self, place: Place, tx: TransactionHandle | None) -> str | None:
        return self._state.texts.get(place) if tx is None else self._transaction(tx).text(place)

    def _all(self, type: str, tx: TransactionHandle | None) -> dict[Place, str]:
        if tx is not None:
            return self._transaction(tx).all(type)
        return {p: t for p, t in self._state.texts.items() if p[0] == type}

    def _write(self, writes: Mapping[Place, str | None], tx: TransactionHandle | None) -> None:
        if tx is not None:
            self._transaction(tx).writes.update(writes)
            return
        if self._state.frozen:
            self._state = _Shared(dict(self._state.texts))
        for place, text in writes.items():
            if text is None:
                self._state.texts.pop(place, None)
            else:
                self._state.texts[place] = text


def _type(type: Any) -> str:
    if not isinstance(type, str) or not type.isidentifier():
        raise ValidationFailed(f"type: {type!r} is no node type", field="type")
    return type


def _id_field(type: str) -> str:
    return ENTITIES[type].id_field if type in ENTITIES else f"{type.lower()}_id"
