"""Setting a budget, also while what it limits runs: the next reservation is judged by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from psg.errors import NotFound, ValidationFailed
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg.model.ids import new_id
from psg.plan.policy import BudgetSpec, authored
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked

BudgetScope = Literal["project", "plan", "step"]
_LABELS = {"project": "Project", "plan": "Plan", "step": "Step"}


async def set_budget(
    graph: Graph,
    project_id: str,
    scope: BudgetScope,
    node_id: str,
    limits: Mapping[str, Any] | None,
    *,
    actor: str = "anonymous",
    command_id: str | None = None,
) -> Answer:
    """Set (or with ``None`` lift) the budget of a project, plan or step; what is spent stays.

    ``limits``: tokens, cost, calls, wall_ms, each 0 or more. Raises ``ValidationFailed`` and ``NotFound``.
    """
    said = _checked(limits)
    command = Command("set_budget", [scope, node_id, said], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        row = await locked.read_one("budget_of", id=node_id, label=_LABELS[scope])
        if row is None:
            raise NotFound(f"id: {scope} {node_id} does not exist in this project", id=node_id)
        change = Change(command)
        text = None if said is None else dumps(said)
        plan = row["plan"]
        if scope == "project":
            await locked.read("budget_set_project", budget=text)
            body = {"event": {"payload": {"before": loads(row["budget"]), "after": said}, "fields": {}}}
            change.note("cost_budget", "budget_set", "Project", node_id, body)
        else:
            change.set(
                _LABELS[scope], node_id, {"budget": row["budget"]}, {"budget": text}, kind="budget_set", plan=plan
            )
        change.answer = {scope: node_id}
        return change

    return await graph.locked(project_id, command, decide)


def _checked(limits: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if limits is None:
        return None
    try:
        return authored(BudgetSpec.model_validate(dict(limits)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ValidationFailed(f"budget.{field}: {first['msg']}", field=f"budget.{field}") from None
