"""What a resolver has at hand: the graph, the reader, the actor, and one batch loader per request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import strawberry
from strawberry.dataloader import DataLoader

from psg.graph import Graph
from psg.read.events import EventLog
from psg.read.nodes import Reader
from psg_graphql.global_id import GlobalId, parse_global_id
from psg_graphql.policy import Actor, accessible

if TYPE_CHECKING:
    from psg.accounts import Accounts
    from psg_graphql.live import LiveLog
    from psg_graphql.settings import ApiSettings

BATCH = 500
_NO_SCOPE = {"type": "http"}


class Nodes:
    """Nodes by id, each read at most once per request, those asked for together in one statement per type.

    A node of a project that is not open to who asks is none, by whatever way its id came here.
    """

    def __init__(self, reader: Reader, who: Callable[[], Actor]) -> None:
        self._reader = reader
        self._who = who
        self._judged: tuple[Actor, frozenset[str] | None] | None = None
        self._loader: DataLoader[GlobalId, Any] = DataLoader(self._load, max_batch_size=BATCH)

    async def load(self, text: str) -> Any:
        """Return the node of a global id as its API type, ``None`` when there is none."""
        wanted = parse_global_id(text)
        return await self._loader.load(wanted) if self.open(wanted.project_id) else None

    def open(self, project_id: str) -> bool:
        """Tell whether a project is open to who asks."""
        open_to = self._open()
        return open_to is None or project_id in open_to

    def _open(self) -> frozenset[str] | None:
        """The projects that may be read; worked out once for a principal."""
        principal = self._who()
        if self._judged is None or self._judged[0] is not principal:
            self._judged = principal, accessible(principal)
        return self._judged[1]

    async def load_many(self, ids: Sequence[GlobalId]) -> list[Any]:
        """Return the nodes of several ids, in their order."""
        open_to = self._open()
        if open_to is None:
            return list(await self._loader.load_many(ids))
        found = iter(await self._loader.load_many([i for i in ids if i.project_id in open_to]))
        return [next(found) if i.project_id in open_to else None for i in ids]

    def keep(self, key: GlobalId, node: Any) -> None:
        """Remember a node that was read another way."""
        self._loader.prime(key, node)

    async def load_steps(self, project_id: str, ids: Sequence[str]) -> list[Any]:
        """Return steps of a project by id, in their order."""
        found = await self.load_many([GlobalId("Step", project_id, i) for i in ids])
        return [step for step in found if step is not None]

    async def _load(self, keys: list[GlobalId]) -> list[Any]:
        from psg_graphql.types import MAKERS

        found: dict[GlobalId, Any] = {}
        for label in dict.fromkeys(key.label for key in keys):
            wanted = [key for key in keys if key.label == label]
            if label not in MAKERS:  # what the API does not show
                found |= dict.fromkeys(wanted)
                continue
            rows = await self._reader.by_ids(label, [(key.project_id, key.node_id) for key in wanted])
            for key, row in zip(wanted, rows, strict=True):
                found[key] = None if row is None else MAKERS[label](row)
        return [found[key] for key in keys]


@dataclass
class RequestContext:
    """The context of one request, or of one WebSocket connection.

    ``refresh`` tells who ``actor`` is by now: a token ends, roles are taken; it raises ``Unauthenticated``.
    """

    graph: Graph
    reader: Reader
    log: EventLog
    live: LiveLog
    settings: ApiSettings
    actor: Actor
    registry: Any = None
    request: Any = None
    response: Any = None
    connection_params: dict[str, object] | None = None
    last_event_id: str | None = None
    body_bytes: int = 0
    accounts: Accounts | None = None
    refresh: Callable[[Actor], Awaitable[Actor]] | None = None

    def __post_init__(self) -> None:
        self._one = anyio.Lock()
        self._known_at = time.monotonic()
        self.fresh()

    def fresh(self) -> None:
        """Forget what was read: a mutation answers with what is stored after it."""
        self.nodes = Nodes(self.reader, lambda: self.actor)

    @property
    def changeable(self) -> bool:
        """Whether the rights of who asks can change while this context lives."""
        return self.refresh is not None and self.actor.grants is not None

    async def current(self) -> Actor:
        """Return who asks; on a connection, which may be old, by what is granted now. Raises ``Unauthenticated``."""
        if getattr(self.request, "scope", _NO_SCOPE)["type"] != "websocket":
            return self.actor
        self.fresh()  # nor is what was read for an operation before
        return await self.refreshed()

    async def refreshed(self, max_age_s: float = 0.0) -> Actor:
        """Return who asks by what was granted at most ``max_age_s`` seconds before; many who ask share one look.

        Raises ``Unauthenticated`` when the token does not hold any more.
        """
        if self.refresh is None or not self.changeable:
            return self.actor
        oldest = time.monotonic() - max_age_s
        async with self._one:
            if self._known_at < oldest:
                refresh, actor, began = self.refresh, self.actor, time.monotonic()
                # Not cut off when who asks leaves meanwhile: that would cost a connection to the database.
                self.actor = await self.live.read(lambda: refresh(actor))
                self._known_at = began
        return self.actor


Info = strawberry.Info[RequestContext, None]
