"""From a mutation's input to a command of the graph, and from its answer to a payload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError as PydanticError

from psg.errors import PlanInvalid, ValidationFailed
from psg.model.ids import new_id
from psg.plan.spec import StepSpec
from psg.write.command import Answer
from psg_graphql.mutations.inputs import StepInput
from psg_graphql.policy import acting_name
from psg_graphql.request_context import Info
from psg_graphql.types import MAKERS

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}


def command(info: Info, command_id: UUID | None, expected_revision: int | None = None) -> dict[str, Any]:
    """Return the keywords that every command of the graph takes; ``expected_revision`` only when given."""
    request: dict[str, Any] = {
        "actor": acting_name(info.context.actor, f"Mutation.{info.field_name}"),
        "command_id": new_id() if command_id is None else str(command_id),
    }
    if expected_revision is not None:
        request["expected_revision"] = expected_revision
    structlog.contextvars.bind_contextvars(command_id=request["command_id"])
    return request


def effect(answer: Answer) -> dict[str, Any]:
    """Return the fields of ``Effect`` for an answer."""
    return {"command_id": answer.command_id, "seq": answer.seq, "replayed": answer.replayed}


async def stored(info: Info, label: str, answer: Answer, node_id: str) -> Any:
    """Return the node as it is stored after the command."""
    info.context.fresh()
    return MAKERS[label](await info.context.reader.one(label, answer.project_id, node_id))


def given(**values: Any) -> dict[str, Any]:
    """Return those values that are not ``None``: absent fields of a protocol document stay absent."""
    return {k: v for k, v in values.items() if v is not None}


def changed_fields(changes: object) -> dict[str, object]:
    """Return the fields that an update is to set; raises ``ValidationFailed`` for anything but an object."""
    if not isinstance(changes, dict) or not changes:
        raise ValidationFailed("changes: an object of protocol fields is expected", field="changes")
    return changes


def step_spec(step: StepInput) -> StepSpec:
    """Return the specification of a step; raises ``PlanInvalid`` naming each field that is wrong."""
    return checked(
        StepSpec,
        given(
            key=step.key, type=None if step.type is None else step.type.value, name=step.name,
            description=step.description, params=step.params, dependencies=step.dependencies,
            timeout_ms=step.timeout_ms, retries=step.retries, agent_role=step.agent_role,
            order_index=step.order_index, urgency=step.urgency, condition=step.condition,
            join=None if step.join is None else step.join.value, policy=step.policy, approval=step.approval,
            budget=step.budget, compensation=step.compensation,
        ),
        f"step {step.key[:200]!r}",
    )  # fmt: skip


def checked(model: Any, values: Mapping[str, Any], what: str) -> Any:
    """Return the model of ``values``; raises ``PlanInvalid`` saying where it does not fit."""
    try:
        return model.model_validate(values)
    except PydanticError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        found = [f"{'.'.join(map(str, f['loc'])) or what}: {f['msg'].removeprefix('Value error, ')}" for f in faults]
        raise PlanInvalid(f"Invalid Plan: {what}: {'; '.join(found[:20])}", violations=found) from None
