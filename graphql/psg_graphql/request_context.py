"""What a resolver has at hand: the graph, the reader, the actor, and one batch loader per request."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.dataloader import DataLoader

from psg.graph import Graph
from psg.read.events import EventLog
from psg.read.nodes import Reader, Row
from psg_graphql.global_id import GlobalId, parse_global_id
from psg_graphql.policy import Actor

if TYPE_CHECKING:
    from psg_graphql.live import LiveLog
    from psg_graphql.settings import ApiSettings

BATCH = 500


class Nodes:
    """Nodes by id, each read at most once per request, those asked for together in one statement per type."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._loader: DataLoader[GlobalId, Any] = DataLoader(self._load, max_batch_size=BATCH)
        self._steps: dict[tuple[str, str], Any] = {}

    async def load(self, text: str) -> Any:
        """Return the node of a global id as its API type, ``None`` when there is none."""
        return await self._loader.load(parse_global_id(text))

    async def load_many(self, ids: Sequence[GlobalId]) -> list[Any]:
        """Return the nodes of several ids, in their order."""
        return list(await self._loader.load_many(ids))

    def keep_steps(self, steps: Sequence[Any], rows: Sequence[Row]) -> None:
        """Remember steps of a page, which their neighbours refer to."""
        for step, row in zip(steps, rows, strict=False):
            self._steps[(row["project_id"], row["id"])] = step

    def steps(self, project_id: str, ids: Sequence[str]) -> list[Any] | Awaitable[list[Any]]:
        """Return steps by id: at once when all are remembered, else to be awaited."""
        found = [self._steps.get((project_id, i)) for i in ids]
        if None not in found:
            return found
        return self._load_steps(project_id, ids)

    async def _load_steps(self, project_id: str, ids: Sequence[str]) -> list[Any]:
        found = await self._loader.load_many([GlobalId("Step", project_id, i) for i in ids])
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
    """The context of one request, or of one WebSocket connection."""

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

    def __post_init__(self) -> None:
        self.nodes = Nodes(self.reader)

    def fresh(self) -> None:
        """Forget what was read: a mutation answers with what is stored after it."""
        self.nodes = Nodes(self.reader)


Info = strawberry.Info[RequestContext, None]
