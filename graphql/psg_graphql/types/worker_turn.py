"""A turn as the worker that holds it sees it."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from psg_graphql.global_id import global_id
from psg_graphql.scalars import Long
from psg_runtime.turns import Turn


@strawberry.type(description="A step that a worker outside holds under a lease: what is to be done, and its fence.")
class WorkerTurn:
    id: strawberry.ID = strawberry.field(description="Global id of the step.")
    project_id: strawberry.ID
    plan_id: strawberry.ID
    key: str = strawberry.field(description="Key of the step in its plan.")
    agent: str = strawberry.field(description="What it was offered to.")
    worker: str
    fence: Long = strawberry.field(description="Goes with every word about this turn; an old one is refused.")
    attempt: int
    lost: int = strawberry.field(description="How many workers disappeared with it before.")
    type: str = strawberry.field(description="Type of the action.")
    name: str | None = strawberry.field(description="Capability that the step names.")
    agent_role: str | None
    description: str
    params: JSON = strawberry.field(description="Resolved; secrets never are in them.")
    idempotency_key: str = strawberry.field(description="The same for every attempt of the step.")
    plan_title: str
    objective: str
    lease_until: Long = strawberry.field(description="Milliseconds since 1970 by the database's clock.")
    lease_ms: int
    until: Long | None = strawberry.field(description="When the attempt is over, whatever happens.")


def worker_turn_from(turn: Turn) -> WorkerTurn:
    """Return the API type of a turn."""
    project = turn.project_id
    return WorkerTurn(
        id=strawberry.ID(global_id("Step", project, turn.step_id)),
        project_id=strawberry.ID(global_id("Project", project, project)),
        plan_id=strawberry.ID(global_id("Plan", project, turn.plan_id)), key=turn.step_key, agent=turn.agent,
        worker=turn.worker, fence=Long(turn.fence), attempt=turn.attempt, lost=turn.lost, type=turn.type,
        name=turn.name, agent_role=turn.agent_role, description=turn.description, params=JSON(turn.params),
        idempotency_key=turn.idempotency_key, plan_title=turn.plan_title, objective=turn.objective,
        lease_until=Long(turn.lease_until), lease_ms=turn.lease_ms,
        until=None if turn.until is None else Long(turn.until),
    )  # fmt: skip
