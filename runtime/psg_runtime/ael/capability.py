"""A capability: a tool, agent or service with the shapes of what goes in and out (ORCH-10, ORCH-11, C-23)."""

from __future__ import annotations

import hashlib
import inspect
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson

from psg.errors import ValidationFailed
from psg_runtime.ael.delegation import Delegation
from psg_runtime.ael.json_schema import promise_of
from psg_runtime.ael.shapes import Shape, input_shape, output_shape, parameters_of
from psg_runtime.ael.versions import Version, parse_version, require_version

KINDS = ("tool", "agent", "service")
EXTERNAL = "external"
_NAME = re.compile(r"[^\s@{}`\x00-\x1f\x7f](?:[^@{}`\x00-\x1f\x7f]{0,198}[^\s@{}`\x00-\x1f\x7f])?")
_MAX_DESCRIPTION_CHARS = 20_000


@dataclass(slots=True)
class ActionContext:
    """What a callable may know about the attempt it works for; give it a parameter named ``ctx``.

    ``idempotency_key`` is the same for every attempt of the step: hand it to systems that honour one.
    """

    idempotency_key: str
    attempt: int
    step_key: str
    step_id: str
    plan_id: str
    project_id: str
    fence: int
    agent_role: str | None
    timeout_ms: int | None
    resumed: dict[str, Any] | None
    report_to: Callable[[dict[str, Any]], None] = field(repr=False)
    spend_to: Callable[[float, float], None] = field(repr=False)
    _cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether the attempt is over (timeout, cancel): a callable in a thread should look and stop."""
        return self._cancelled.is_set()

    def report(self, message: str | None = None, *, fraction: float | None = None, **data: Any) -> None:
        """Tell the progress: a message, a fraction done from 0 to 1, more facts. Ignored once cancelled."""
        if not self.cancelled:
            self.report_to({"message": message, "fraction": fraction, **data})

    def spend(self, *, tokens: float = 0, cost: float = 0) -> None:
        """Tell what was spent, in the unit of the prices, as soon as it is: it counts also when the attempt fails.

        It is added to what the output's ``usage`` tells. Raises ValidationFailed for what is no amount; ignored once
        cancelled.
        """
        if not self.cancelled:
            self.spend_to(tokens, cost)

    def cancel(self) -> None:
        """Mark the attempt as over; called by the layer."""
        self._cancelled.set()


@dataclass(frozen=True)
class Capability:
    """Something steps can have done, under a name and perhaps a version.

    It is done by ``call`` (a function; with ``takes_params`` it gets all params as one mapping), by ``delegation``
    to another action, or, with the ``adapter`` ``external``, by whatever worker fetches it. ``disabled_reason`` says
    why it is off, None when it is on. ``source`` is where it came from.
    """

    name: str
    type: str
    version: Version | None
    description: str
    metadata: dict[str, Any]
    input: Shape
    output: Shape | None
    call: Callable[..., Any] | None = None
    delegation: Delegation | None = None
    adapter: str | None = None
    disabled_reason: str | None = None
    source: str = "python"
    takes_params: bool = False
    wants_context: bool = False
    is_async: bool = False

    @property
    def enabled(self) -> bool:
        """Whether it may be executed (ORCH-14)."""
        return self.disabled_reason is None

    @property
    def executable(self) -> bool:
        """Whether a step that names it can have it done here."""
        return self.enabled and (self.call is not None or self.delegation is not None or self.adapter is not None)

    @property
    def reference(self) -> str:
        """How a step names exactly this version: ``name@version``, or the name where there is no version."""
        return self.name if self.version is None else f"{self.name}@{self.version.text}"

    def disabled(self, reason: str | None) -> Capability:
        """The same capability off for this reason, or on when there is none."""
        return replace(self, disabled_reason=reason)

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The params as typed keyword arguments, defaults applied; raises ValidationFailed (ORCH-12)."""
        return self.input.arguments(params, f"params of `{self.name}`")

    @cached_property
    def schema_hash(self) -> str:
        """SHA-256 of type and schemas: what a step can rely on while the version stays the same.

        Titles and descriptions do not count, so that words can be improved, here or in a library that writes them.
        """
        output = None if self.output is None else promise_of(self.output.json_schema())
        shapes = [self.type, promise_of(self.input.json_schema()), output]
        return hashlib.sha256(orjson.dumps(shapes, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()

    def describe(self) -> dict[str, Any]:
        """What it is, as data."""
        return {
            "name": self.name,
            "type": self.type,
            "version": None if self.version is None else self.version.text,
            "description": self.description,
            "enabled": self.enabled,
            "input_schema": self.input.json_schema(),
            "output_schema": None if self.output is None else self.output.json_schema(),
            "metadata": self.metadata,
        }


def build_capability(
    name: str,
    type: str,
    call: Callable[..., Any] | None = None,
    description: str | None = None,
    input_schema: Any = None,
    output_schema: Any = None,
    enabled: bool = True,
    metadata: Mapping[str, Any] | None = None,
    version: str | None = None,
    delegation: Delegation | None = None,
    source: str = "python",
    takes_params: bool = False,
    adapter: str | None = None,
) -> Capability:
    """A capability of these fields; raises ValidationFailed naming what is wrong with them."""
    _check_fields(name, type, call, delegation, enabled, metadata, description)
    if adapter is not None and (adapter != EXTERNAL or call is not None or delegation is not None):
        message = f"`adapter` is `{EXTERNAL}`, of a capability that nothing here does, not {str(adapter)[:50]!r}"
        raise ValidationFailed(f"Capability `{name}`: {message}.", name=name)
    if adapter is not None and input_schema is None:
        input_schema = {"type": "object"}  # whatever its workers expect
    function = None if takes_params else call
    parameters = () if call is None else parameters_of(name, call)
    return Capability(
        name=name,
        type=type,
        version=_version(name, version, metadata or {}),
        description=inspect.cleandoc(description or (call.__doc__ if call is not None else "") or ""),
        metadata=dict(metadata or {}),
        input=input_shape(name, input_schema, function),
        output=output_shape(name, output_schema, function),
        call=call,
        delegation=delegation,
        adapter=adapter,
        disabled_reason=None if enabled else "it was registered so",
        source=source,
        takes_params=takes_params,
        wants_context="ctx" in parameters,
        is_async=call is not None and _is_async(call),
    )


def _check_fields(
    name: Any, type: Any, call: Any, delegation: Any, enabled: Any, metadata: Any, description: Any
) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"{str(name)[:100]!r} is no name of a capability: 1 to 200 characters, none of @ {{ }} ` or control"
        raise ValidationFailed(f"{message} characters.", name=str(name)[:100])
    if type not in KINDS:
        raise ValidationFailed(f"Capability `{name}`: type `{type}` is not one of {', '.join(KINDS)}.", name=name)
    if call is not None and (delegation is not None or not callable(call)):
        raise ValidationFailed(f"Capability `{name}`: `call` is a function.", name=name)
    if not isinstance(enabled, bool):
        message = f"Capability `{name}`: `enabled` is true or false, not {str(enabled)[:50]!r}."
        raise ValidationFailed(message, name=name)
    if metadata is not None and not isinstance(metadata, Mapping):
        raise ValidationFailed(f"Capability `{name}`: `metadata` is a mapping.", name=name)
    if description is not None and (not isinstance(description, str) or len(description) > _MAX_DESCRIPTION_CHARS):
        message = f"Capability `{name}`: `description` is text of up to {_MAX_DESCRIPTION_CHARS} characters."
        raise ValidationFailed(message, name=name)


def _version(name: str, given: str | None, metadata: Mapping[str, Any]) -> Version | None:
    """The given version, else a semantic one in the metadata, where the specification's example has it."""
    if given is not None:
        return require_version(given, f"Capability `{name}`: version")
    return parse_version(metadata.get("version"))


def _is_async(call: Callable[..., Any]) -> bool:
    by_instance = getattr(call, "__call__", None)  # noqa: B004 - an instance with an async __call__
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(by_instance)
