"""What an approval covers, as one hash: any change of it is another thing to approve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from psg.model.codec import digest, loads

PLAN_FIELDS = ("title", "objective", "goal_id", "on_failure", "success_criteria", "urgency")
PLAN_JSON = ("params", "policy", "budget", "approval")
STEP_FIELDS = (
    "key", "type", "capability", "description", "agent_role", "condition", "timeout_ms", "retries", "join",
    "order_index", "urgency",
)  # fmt: skip
STEP_JSON = ("params", "policy", "budget", "approval", "compensation")
PAGE = 5_000


class Reader(Protocol):
    """Whoever can run named statements of one project: ``Locked``, or a reader without the lock."""

    async def read(self, name: str, **params: Any) -> list[dict[str, Any]]:
        """Return the rows of a statement."""

    async def read_one(self, name: str, **params: Any) -> dict[str, Any] | None:
        """Return the first row of a statement."""


async def covers_of_plan(locked: Reader, plan_id: str) -> str:
    """Return the hash of a plan's definition: its own fields, its steps, and what they wait for."""
    plan = await locked.read_one("approval_plan", plan_id=plan_id)
    assert plan is not None
    steps: list[Any] = []
    after: int | None = -1
    while after is not None:
        page = await locked.read("approval_steps", plan_id=plan_id, after=after, limit=PAGE)
        steps += [_step(row) for row in page]
        after = page[-1]["position"] if len(page) == PAGE else None
    return digest({"plan": _fields(plan, PLAN_FIELDS, PLAN_JSON), "steps": steps})


async def covers_of_step(locked: Reader, step_id: str) -> str:
    """Return the hash of a step's definition: its own fields, what it waits for, and the parameters of its plan."""
    row = await locked.read_one("approval_step", step_id=step_id)
    assert row is not None
    return digest({"step": _step(row), "params": loads(row["plan_params"])})


def _step(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**_fields(row, STEP_FIELDS, STEP_JSON), "dependencies": sorted(row["dependencies"])}


def _fields(row: Mapping[str, Any], plain: tuple[str, ...], json: tuple[str, ...]) -> dict[str, Any]:
    found = {name: row[name] for name in plain} | {name: loads(row[name]) for name in json}
    return {name: value for name, value in found.items() if value is not None}
