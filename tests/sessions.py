"""Collabs with their roles, and agents, for tests of sessions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from world import META, World, step

from psg.audit import verify
from psg.plan.spec import StepSpec
from psg.write.command import Answer
from psg_runtime.ael import CapabilityRegistry
from psg_runtime.coordination import current_turn, start_session
from psg_runtime.coordination.reading import read_session

NOW = "2026-01-31T12:00:00.000Z"


def collab_document(
    context_id: str, mode: str, participants: list[tuple[str, str | None]], status: str = "active"
) -> dict[str, Any]:
    """A Collab of these participants (id, role id)."""
    people = [
        {"participant_id": name, "kind": "agent", **({"role_id": role} if role else {})} for name, role in participants
    ]
    return {
        "meta": META, "collab_id": str(uuid.uuid4()), "context_id": context_id, "title": "a session",
        "purpose": "to be tested", "mode": mode, "status": status, "participants": people, "created_at": NOW,
    }  # fmt: skip


class Sessions:
    """Sessions in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.roles: dict[str, str] = {}

    async def role(self, name: str) -> str:
        """The id of the role of this name, made when there is none."""
        if name not in self.roles:
            self.roles[name] = str(uuid.uuid4())
            document = {"meta": META, "role_id": self.roles[name], "name": name, "capabilities": []}
            await self.world.graph.create_document(self.world.project_id, "role", document)
        return self.roles[name]

    async def collab(self, mode: str, participants: Mapping[str, str | None], status: str = "active") -> str:
        """Store a Collab of participants with the names of their roles; returns its id."""
        people = [(who, await self.role(role) if role else None) for who, role in participants.items()]
        document = collab_document(self.world.context_id, mode, people, status)
        await self.world.graph.create_document(self.world.project_id, "collab", document)
        return document["collab_id"]

    async def view(self, collab_id: str) -> Any:
        """The session of a Collab."""
        return await read_session(self.world.db, self.world.project_id, collab_id)

    async def over(self, collab_id: str, timeout_s: float = 60.0) -> Any:
        """Wait until the session of a Collab is over, and return it."""

        async def ended() -> bool:
            return (await self.view(collab_id)).state != "running"

        await self.world.until(ended, timeout_s)
        return await self.view(collab_id)

    async def happened(self, event_type: str) -> list[dict[str, Any]]:
        """What events of a type say: payload and fields together, in order."""
        found = await self.world.events(type=event_type, family="external_integration")
        return [{**e["changes"]["event"]["payload"], **e["changes"]["event"]["fields"]} for e in found]


def agents(**calls: Callable[..., Any]) -> CapabilityRegistry:
    """A registry of agents under these names."""
    made = CapabilityRegistry()
    for name, call in calls.items():
        made.register(name=name.replace("_", "-"), type="agent", call=call)
    return made


async def who() -> dict[str, Any]:
    """An agent that tells whose turn it took."""
    turn = current_turn()
    return {"by": None if turn is None else turn.participant_id, "step": None if turn is None else turn.step["key"]}


def turn(key: str, *dependencies: str, **fields: Any) -> StepSpec:
    """A step that an agent does."""
    return step(key, *dependencies, type="agent", **fields)


async def begin(world: World, collab: str, plan: str, **options: Any) -> Answer:
    """Start a session."""
    return await start_session(world.graph, world.project_id, collab, plan, **options)


async def clean(world: World) -> None:
    """The audit finds nothing."""
    assert (await verify(world.db, world.project_id)).violations == []
