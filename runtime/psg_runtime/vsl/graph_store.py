"""``Neo4jVSL``: the value state layer on a project's graph; its nodes are the PSG itself (C-09, C-32)."""

from __future__ import annotations

from dataclasses import dataclass, field

import psg_cypher
from psg import snapshots
from psg.errors import NotFound
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import UUID4, check_id, new_id
from psg_runtime.vsl import graph_decisions as decisions
from psg_runtime.vsl.errors import TransactionUnknown
from psg_runtime.vsl.graph_commit import Batch, Operation, commit_batch, living, value_seen
from psg_runtime.vsl.graph_view import GraphView, node_type, view_of
from psg_runtime.vsl.json_text import check_key, check_node, matcher, to_text
from psg_runtime.vsl.port import GraphQuery, Json, Node, TransactionHandle, ValueStore
from psg_runtime.vsl.schema_migration import SCHEMA_KEY

KEY_PAGE = 1_000
FIRST_SCHEMA = "1.0.0"


@dataclass(slots=True)
class _Open:
    """A transaction: what goes into its commit, and how the state looks from inside (``None``: not there)."""

    batch: Batch = field(default_factory=Batch)
    nodes: dict[tuple[str, str], Node | None] = field(default_factory=dict)
    values: dict[str, str | None] = field(default_factory=dict)


class Neo4jVSL(ValueStore):
    """The extended interface on one project of the graph, for a Python caller.

    Values are nodes ``:Value`` and written, logged, audited and restored like all others. Nodes are the PSG's own: each
    write becomes the platform's commands under the project's lock, so the rules of the graph hold for every caller,
    and ``delete_node`` makes a tombstone. Keys ``plans/{id}``, ``steps/{id}`` and so on are views of nodes. A
    transaction keeps its writes here and is committed as one, unless what it had read has changed. ``actor`` is who the
    log says did it. Raises the errors of ``psg.errors`` besides those of this package.
    """

    name = "Neo4j"
    offers = frozenset(("values", "transactions", "nodes", "snapshots"))
    keeps_dependents = True

    def __init__(self, graph: Graph, project_id: str, *, actor: str = "vsl") -> None:
        self._graph = graph
        self._project_id = check_id(project_id, "project_id")
        self._actor = actor
        self._view = GraphView(graph.db, project_id)
        self._open: dict[TransactionHandle, _Open] = {}

    # Values

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``; for a view, the node.

        The schema version is 1.0.0 in a database that has no such key: the first release wrote none (C-34).
        """
        view = view_of(check_key(key))
        if view is not None:
            return await self.read_node(*view, tx) if UUID4.fullmatch(view[1]) else None
        text = await self._text(key, tx)
        return loads(text) if text is not None else FIRST_SCHEMA if key == SCHEMA_KEY else None

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``; for a view, write the node by ``write_node``."""
        view = view_of(check_key(key))
        if view is not None:
            await self.write_node(view[0], check_id(view[1], "key"), value, tx)
            return
        await self._put(key, to_text(value), tx)

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``; for a view, delete the node by ``delete_node``."""
        view = view_of(check_key(key))
        if view is not None:
            await self.delete_node(view[0], check_id(view[1], "key"), tx)
            return
        await self._put(key, None, tx)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that have values of their own and begin with ``prefix``, sorted; views are not listed."""
        found: list[str] = []
        while True:
            after = found[-1] if found else ""
            rows = await self._graph.db.read(
                psg_cypher.statement("value_keys"), project_id=self._project_id, prefix=prefix, after=after,
                limit=KEY_PAGE,
            )  # fmt: skip
            found += [row["key"] for row in rows]
            if len(rows) < KEY_PAGE:
                return sorted(found)

    async def _text(self, key: str, tx: TransactionHandle | None) -> str | None:
        inside = self._transaction(tx)
        if inside is not None and key in inside.values:
            return inside.values[key]
        rows = await self._graph.db.read(psg_cypher.statement("value_state"), project_id=self._project_id, key=key)
        if inside is not None:
            inside.batch.values.setdefault(key, value_seen(rows))
        row = living(rows)
        return None if row is None else row["value"]

    async def _put(self, key: str, text: str | None, tx: TransactionHandle | None) -> None:
        inside = self._transaction(tx)
        if inside is not None:
            inside.values[key] = text
        await self._do([decisions.set_value(key, text)], inside)

    # Nodes

    async def read_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> Node | None:
        """Return a node as its protocol document, for a plan with ``priority`` and ``trace_id``; or ``None``."""
        label, inside = node_type(type), self._transaction(tx)
        if inside is not None and (label, id) in inside.nodes:
            return inside.nodes[label, id]
        found = await self._view.whole(label, id)
        if inside is not None:
            inside.batch.nodes.setdefault(id, found[1] if found else None)
        return found[0] if found else None

    async def write_node(self, type: str, id: str, data: Node, tx: TransactionHandle | None = None) -> None:
        """Store a document, or bring the node that is there to what it says.

        Fields and status change by the platform's commands. What has commands of its own (steps, parts, references,
        recorded history, the end of a plan) has to be as it is: ``NotEditable``, ``ImmutableHistory``.
        """
        label, inside = node_type(type), self._transaction(tx)
        check_id(id, "id")
        now = await self._present(label, id, inside)
        decisions.same_id(label, id, check_node(data))
        if now is None:
            if label == "Plan" and inside is None:  # a large one goes in by chunks
                await self._graph.create_document(self._project_id, "plan", data, actor=self._actor)
                return
            operations = [decisions.create(label, id, data)]
        else:
            changed = decisions.differing(label, now, data)
            decisions.parts_untouched(label, changed)
            operations = decisions.update(self._graph, self._project_id, label, id, changed)
        if inside is not None:
            inside.nodes[label, id] = dict(data)
        await self._do(operations, inside)

    async def update_node(self, type: str, id: str, fields: Node, tx: TransactionHandle | None = None) -> None:
        """Set some fields of a node, without reading the rest of it; ``None`` removes one. Raises ``NotFound``."""
        label, inside = node_type(type), self._transaction(tx)
        overlaid = inside is not None and (label, id) in inside.nodes
        if overlaid:
            now = await self.read_node(type, id, tx)
        else:
            found = await self._view.head(label, id)
            now = found[0] if found else None
        if now is None:
            raise NotFound(f"id: {label.lower()} {id} does not exist in this project", id=id, entity_type=label)
        decisions.same_id(label, id, check_node(fields))
        changed = {k: v for k, v in fields.items() if now.get(k) != v}
        decisions.parts_untouched(label, changed)
        operations = decisions.update(self._graph, self._project_id, label, id, changed)
        if inside is not None:
            whole = now if overlaid else await self.read_node(type, id, tx) or now
            inside.nodes[label, id] = {k: v for k, v in {**whole, **changed}.items() if v is not None}
        await self._do(operations, inside)

    async def delete_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> None:
        """Make a tombstone of a node; refused while another one needs it, no error when it is not there."""
        label, inside = node_type(type), self._transaction(tx)
        if await self._present(label, id, inside) is None:
            return
        if inside is not None:
            inside.nodes[label, id] = None
        await self._do([decisions.delete(self._graph, self._project_id, label, id)], inside)

    async def query_graph(self, query: GraphQuery, tx: TransactionHandle | None = None) -> list[Node]:
        """Return the living nodes that match, by id; conditions are on a node's own fields, not on its parts."""
        label, inside = node_type(query["type"]), self._transaction(tx)
        found: dict[str, Node] = {}
        limit = query.get("limit")
        overlaid = {} if inside is None else {i: node for (kind, i), node in inside.nodes.items() if kind == label}
        async for node_id, node, revision in self._view.nodes(query):
            if node_id in overlaid:
                continue
            if limit is not None and len(found) >= limit:
                break
            found[node_id] = node
            if inside is not None:
                inside.batch.nodes.setdefault(node_id, revision)
        matches = matcher(query.get("where"))
        fields = query.get("fields")
        for node_id, own in overlaid.items():
            if own is not None and node_id > query.get("after", "") and matches(own):
                found[node_id] = own if fields is None else {k: own[k] for k in fields if k in own}
        return [node for _, node in sorted(found.items())][:limit]

    async def _present(self, label: str, node_id: str, inside: _Open | None) -> Node | None:
        if inside is not None and (label, node_id) in inside.nodes:
            return inside.nodes[label, node_id]
        found = await self._view.whole(label, node_id)
        return found[0] if found else None

    # Snapshots

    async def create_snapshot(self) -> str:
        """Save a snapshot of the project; its cost does not depend on the project's size (DD-15)."""
        return await snapshots.take(self._graph, self._project_id, reason="value state layer", actor=self._actor)

    async def restore_snapshot(self, snapshot_id: str) -> None:
        """Bring nodes, edges and keys back to a snapshot; recorded history stays (C-28)."""
        await snapshots.restore(self._graph, self._project_id, snapshot_id, actor=self._actor)

    # Transactions

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a transaction; it holds no lock until it is committed."""
        handle = TransactionHandle(new_id())
        self._open[handle] = _Open()
        return handle

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Commit everything at once; raises ``TransactionConflict``, or what a refused write is refused with."""
        inside = self._transaction(handle)
        assert inside is not None
        del self._open[handle]
        if inside.batch.operations:
            await commit_batch(self._graph, self._project_id, inside.batch, self._actor)

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Forget a transaction; one that is over is no error."""
        self._open.pop(handle, None)

    def _transaction(self, tx: TransactionHandle | None) -> _Open | None:
        if tx is None:
            return None
        found = self._open.get(tx)
        if found is None:
            raise TransactionUnknown(f"no transaction {tx} is open in this store", handle=tx)
        return found

    async def _do(self, operations: list[Operation], inside: _Open | None) -> None:
        if inside is not None:
            inside.batch.operations += operations
        elif operations:
            await commit_batch(self._graph, self._project_id, Batch(operations=operations), self._actor)
