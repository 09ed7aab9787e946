"""Kill switch in the API: what is denied at this moment, since when, by whom and why."""

from __future__ import annotations

import strawberry

from psg.commands.policies import KillSwitch as Stored
from psg_graphql.global_id import global_id
from psg_graphql.scalars import Timestamp
from psg_graphql.types.node import moment


@strawberry.type(description="A kill switch that is on: what it is about fails before anything runs.")
class KillSwitch:
    scope: str = strawberry.field(description="`global` or `project`.")
    plan_id: strawberry.ID | None = strawberry.field(description="The plan it is about; null: every plan in its scope.")
    action_type: str | None = strawberry.field(description="The type of action it is about; null: every action.")
    reason: str | None
    actor: str | None
    set_at: Timestamp | None


def kill_switch_from(stored: Stored, project_id: str | None) -> KillSwitch:
    """Return the API's view of a switch of a project, or of one that holds everywhere."""
    plan = stored.plan if project_id is not None else None
    return KillSwitch(
        scope=stored.scope,
        plan_id=None if plan is None else strawberry.ID(global_id("Plan", str(project_id), plan)),
        action_type=stored.action_type,
        reason=stored.reason,
        actor=stored.actor,
        set_at=None if stored.at_ms is None else moment(stored.at_ms),
    )
