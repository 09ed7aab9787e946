"""A turn as it stands on its step: whose it is, whether it still is, and what forbids it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psg_cypher
from psg.errors import NotFound, ValidationFailed
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import check_id
from psg.write.writer import Locked
from psg_runtime.orchestrator.kill_switch import Rules, action_names
from psg_runtime.turns.errors import TurnElsewhere, TurnOver

NAME_CHARS = 200

Row = Mapping[str, Any]


async def state_of(graph: Graph, project_id: str, step_id: str) -> dict[str, Any]:
    """Return the row of ``turn_state`` of a step; raises ``NotFound``."""
    check_id(step_id, "step_id")
    row = await graph.db.read_one(psg_cypher.statement("turn_state"), project_id=project_id, step_id=step_id)
    if row is None:
        raise NotFound(f"id: step {step_id} does not exist in this project", id=step_id)
    return row


def is_over(row: Row, fence: int) -> bool:
    """Whether a turn is not to be had any more under this fence."""
    return bool(row["status"] != "in_progress" or row["parked"] != "turn" or row["fence"] != fence or row["deleted"])


def refuse(row: Row | None, fence: int, worker: str) -> None:
    """Raise when a turn is not, or not any more, this worker's under this fence."""
    if row is None:
        raise NotFound("id: there is no such step in this project")
    if is_over(row, fence) or row["worker"] is None:
        held = "held by nobody" if row["fence"] == fence else f"at fence {row['fence']}, not {fence}"
        state = row["status"] if row["status"] != "in_progress" else held
        message = f"the turn of step {row['key']!r} is over: the step is {state}"
        raise TurnOver(message, id=row["id"], fence=row["fence"])
    if row["worker"] != worker:
        raise TurnElsewhere(f"another worker holds the turn of step {row['key']!r}, not {worker}", id=row["id"])


async def check_switches(locked: Locked, row: Row) -> None:
    """Raise KillSwitchActive when one is on for this turn."""
    said = await locked.read_one("project_rules")
    if said is not None:
        check_rules(said["seq"], said["now"], said, row)


def check_rules(seq: int, now: int, rules: Row, turn: Row) -> None:
    """Raise KillSwitchActive when these rules have one on for a turn."""
    switches = Rules()
    switches.tell(seq, now, rules)
    names = action_names({"type": turn["type"], "capability": turn["capability"]}, loads(turn["turn"])["type"])
    switches.check(turn["plan"], names)


def check_name(field: str, name: object) -> None:
    """Raise ValidationFailed for what is no name of an agent or a worker."""
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS:
        raise ValidationFailed(f"{field}: names have 1 to {NAME_CHARS} characters", field=field)
