"""What operations are given: in which project they work, ids and texts, refused by name where they are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.errors import ValidationFailed
from psg.graph import Graph
from psg.model.ids import check_id, derived_id, new_id
from psg_runtime.modules.operation_names import with_snake_keys
from psg_runtime.modules.registration import Invocation


class Request:
    """One request to one of the platform's modules: its inputs with snake_case keys, each taken once.

    What nobody took is refused at the end by ``done``: a misspelt input is told, not ignored.
    """

    def __init__(self, invocation: Invocation, inputs: Mapping[str, Any], project_id: str) -> None:
        assert invocation.graph is not None
        self.invocation = invocation
        self.graph: Graph = invocation.graph
        self.project_id = project_id
        self.rest = with_snake_keys(inputs)
        self.rest.pop("project_id", None)
        self.correlation_id = self.rest.pop("correlation_id", None) or invocation.correlation_id

    @classmethod
    async def of(cls, inputs: Mapping[str, Any], invocation: Invocation) -> Request:
        """The request with its project: that of the invocation, the one that the inputs name, or ``default``.

        An invocation for one project does nothing to another.
        """
        if invocation.graph is None:
            raise ValidationFailed(f"{invocation.capability}: this module manager has no graph to work on")
        named, bound = inputs.get("project_id", inputs.get("projectId")), invocation.project_id
        if bound is not None and named not in (None, bound):
            raise ValidationFailed(f"{invocation.capability}: project_id: this is about project {bound} only")
        named = named or bound
        project_id = check_id(named, "project_id") if named else await invocation.graph.ensure_project()
        return cls(invocation, inputs, project_id)

    def take(self, *names: str, default: Any = None) -> Any:
        """Take the first of these inputs that is given, and drop the others."""
        values = [self.rest.pop(name) for name in names if name in self.rest]
        return next((value for value in values if value is not None), default)

    def text(self, *names: str, default: str | None = None) -> str:
        """Take a text; raises ``ValidationFailed`` naming the input when there is none."""
        value = self.take(*names, default=default)
        if not isinstance(value, str) or not value.strip():
            raise self.refused(names[0], "a text that is not empty")
        return value

    def id(self, *names: str) -> str:
        """Take an id; raises ``ValidationFailed`` or ``InvalidId``."""
        return check_id(self.take(*names), names[0])

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Take a whole number within limits."""
        value = self.take(name, default=default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refused(name, f"a whole number from {least} to {most}")
        return value

    def fields(self, name: str) -> dict[str, Any]:
        """Take a mapping; its keys in snake_case."""
        value = self.take(name, default={})
        if not isinstance(value, Mapping):
            raise self.refused(name, "a mapping")
        return with_snake_keys(value)

    def done(self) -> None:
        """Raise ``ValidationFailed`` naming inputs that the operation does not have."""
        if self.rest:
            unknown = ", ".join(sorted(self.rest))
            raise ValidationFailed(f"{self.invocation.capability}: it has no input {unknown}", inputs=sorted(self.rest))

    def refused(self, name: str, wanted: str) -> ValidationFailed:
        """The refusal of an input."""
        return ValidationFailed(f"{self.invocation.capability}: {name} must be {wanted}", input=name)

    def command(self, label: str = "") -> dict[str, Any]:
        """Actor and command id for a command of the graph: the same for the same idempotency key and label."""
        return {"actor": self.invocation.actor, "command_id": self.made_id("command", label)}

    def made_id(self, *label: str) -> str:
        """An id that a repeated invocation makes again."""
        key = self.invocation.idempotency_key
        return new_id() if key is None else derived_id(self.invocation.capability, key, *label)
