"""The port of the value state layer: what every backend and wrapper offers, or refuses clearly (L3-20, DD-12 … DD-16).

The specification's names are camelCase (``readNode``, ``beginTransaction``); here they are snake_case, one to one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, NewType, NoReturn, Protocol, Required, Self, TypedDict

import anyio

from psg_runtime.vsl.errors import NotOffered

Json = Any
"""A JSON value: None, bool, int, float, str, a list or a dict of them."""
Node = dict[str, Any]
TransactionHandle = NewType("TransactionHandle", str)
Part = Literal["values", "transactions", "nodes", "snapshots"]


class GraphQuery(TypedDict, total=False):
    """Which nodes ``query_graph`` returns, in the order of their ids.

    ``type`` is the node type; ``where`` are fields that have to be equal (``None``: absent); ``after`` and ``limit``
    page through many; ``fields`` names the fields that are wanted (and the id), where a whole node is too much.
    """

    type: Required[str]
    where: Mapping[str, Json]
    after: str
    limit: int
    fields: Sequence[str]


class ValueStateLayer(Protocol):
    """Values by key (L3-20): ``get`` after ``set`` is equal, an unknown key is ``None`` and no error (C-17)."""

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``."""

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``, in place of what was there."""

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``; an unknown one is no error."""

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""


class ValueStateLayerExtended(ValueStateLayer, Protocol):
    """Nodes, snapshots and transactions over the same state (``VSLExtended``); ``offers`` tells which there are."""

    @property
    def offers(self) -> frozenset[Part]:
        """The parts that work; the others raise ``NotOffered``."""

    @property
    def keeps_dependents(self) -> bool:
        """Whether writing a plan updates by itself what depends on it, such as its Trace (DD-18)."""

    async def read_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> Node | None:
        """Return a node, or ``None``."""

    async def write_node(self, type: str, id: str, data: Node, tx: TransactionHandle | None = None) -> None:
        """Store a whole node, in place of what was there."""

    async def update_node(self, type: str, id: str, fields: Node, tx: TransactionHandle | None = None) -> None:
        """Set some fields of a node that is there; ``None`` removes one. Raises ``NotFound``."""

    async def delete_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> None:
        """Remove a node; refused while another one refers to it, no error when it is not there (C-09)."""

    async def query_graph(self, query: GraphQuery, tx: TransactionHandle | None = None) -> list[Node]:
        """Return the nodes that match."""

    async def create_snapshot(self) -> str:
        """Remember this state and return the snapshot's id."""

    async def restore_snapshot(self, snapshot_id: str) -> None:
        """Bring nodes, edges and keys back to exactly that state; raises ``NotFound``."""

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a transaction; the others do not see what is written in it until it is committed."""

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Make everything of a transaction visible at once; raises ``TransactionConflict`` when that cannot be."""

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Forget everything of a transaction; one that is over is no error, as after a commit that failed."""


class ValueStore(ABC):
    """A backend or wrapper: it has the whole extended interface, and refuses what it does not offer.

    Use it as ``async with store:`` where it holds connections. ``transaction()`` is the safe way to the transactional
    calls: committed at the end of the block, rolled back by an exception, which goes on (DD-17).
    """

    offers: frozenset[Part] = frozenset(("values",))
    keeps_dependents: bool = False
    name: ClassVar[str]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:  # noqa: B027
        """Give back connections and the like; the state stays."""

    @abstractmethod
    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``."""

    @abstractmethod
    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Store ``value`` under ``key``."""

    @abstractmethod
    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""

    @abstractmethod
    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""

    async def read_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> Node | None:
        """Refused."""
        self._refuse("nodes")

    async def write_node(self, type: str, id: str, data: Node, tx: TransactionHandle | None = None) -> None:
        """Refused."""
        self._refuse("nodes")

    async def update_node(self, type: str, id: str, fields: Node, tx: TransactionHandle | None = None) -> None:
        """Refused."""
        self._refuse("nodes")

    async def delete_node(self, type: str, id: str, tx: TransactionHandle | None = None) -> None:
        """Refused."""
        self._refuse("nodes")

    async def query_graph(self, query: GraphQuery, tx: TransactionHandle | None = None) -> list[Node]:
        """Refused."""
        self._refuse("nodes")

    async def create_snapshot(self) -> str:
        """Refused."""
        self._refuse("snapshots")

    async def restore_snapshot(self, snapshot_id: str) -> None:
        """Refused."""
        self._refuse("snapshots")

    async def begin_transaction(self) -> TransactionHandle:
        """Refused."""
        self._refuse("transactions")

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Refused."""
        self._refuse("transactions")

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Refused."""
        self._refuse("transactions")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[TransactionHandle]:
        """Begin a transaction for a block; what its commit raises comes out of the block."""
        handle = await self.begin_transaction()
        try:
            yield handle
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.rollback_transaction(handle)
            raise
        await self.commit_transaction(handle)

    def _refuse(self, part: Part) -> NoReturn:
        raise NotOffered(
            f"the {self.name} value store has no {part}; it offers {', '.join(sorted(self.offers))}. Use the "
            "in-memory or the Neo4j store for the rest",
            store=self.name, part=part,
        )  # fmt: skip

    def _outside(self, tx: TransactionHandle | None) -> None:
        """For a store without transactions: refuse a handle."""
        if tx is not None:
            self._refuse("transactions")
