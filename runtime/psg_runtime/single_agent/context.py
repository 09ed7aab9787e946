"""``RuntimeContext``: what one run of a flow carries with it (L3-31 … L3-34)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from psg.errors import ValidationFailed
from psg.model.ids import new_id

RUN_ID_CHARS = 200


class _Readable:
    """Fields can be read as of an object of the specification: ``context["ids"]["runId"]``."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        own = "run_id" if name == "runId" else name
        if own not in self.__slots__:
            raise KeyError(name)
        return getattr(self, own)


@dataclass(slots=True)
class RunIds(_Readable):
    """The ids of a run."""

    run_id: str


@dataclass(slots=True)
class Coordination(_Readable):
    """What agents of a run share: its id, and ``metadata`` that each of them reads and writes."""

    ids: RunIds
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class RuntimeContext(_Readable):
    """The state of one run: its id (twice, always the same), what its agents share, and the events of this tick.

    ``RuntimeContext.new()`` makes one with an id of its own; ``RuntimeContext.of`` takes the specification's object,
    in snake_case or camelCase. Raises ``ValidationFailed`` where the two run ids differ.
    """

    ids: RunIds
    coordination: Coordination
    events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not isinstance(self.ids, RunIds) or not isinstance(self.coordination, Coordination):
            made = RuntimeContext.of({"ids": self.ids, "coordination": self.coordination})
            self.ids, self.coordination = made.ids, made.coordination
        check_run_id(self.ids.run_id)
        if self.coordination.ids.run_id != self.ids.run_id:
            raise ValidationFailed(
                f"coordination.ids.run_id: {self.coordination.ids.run_id!r} is another run than ids.run_id "
                f"{self.ids.run_id!r}; a context belongs to one run",
                field="coordination.ids.run_id",
            )  # fmt: skip

    @classmethod
    def new(cls, metadata: dict[str, Any] | None = None, *, run_id: str | None = None) -> Self:
        """Return the context of a new run; ``metadata`` is shared with whoever gave it."""
        run_id = run_id or new_id()
        return cls(RunIds(run_id), Coordination(RunIds(run_id), {} if metadata is None else metadata))

    @classmethod
    def of(cls, given: RuntimeContext | Mapping[str, Any]) -> RuntimeContext:
        """Return ``given`` itself, or a context over the same metadata and events as the mapping.

        A mapping without ``coordination`` gets one. Raises ``ValidationFailed`` naming the field.
        """
        if isinstance(given, RuntimeContext):
            return given
        run_id = _run_id(given, "ids")
        shared = _part(given, "coordination", {"ids": {"run_id": run_id}})
        events = _part(given, "events", [], kind=list)
        metadata = _part(shared, "metadata", {}, within="coordination.", kind=dict)
        return cls(RunIds(run_id), Coordination(RunIds(_run_id(shared, "coordination.ids")), metadata), events)

    @property
    def run_id(self) -> str:
        """The id of this run."""
        return self.ids.run_id

    def renew(self) -> None:
        """Take a new run id: what this context was the context of is over."""
        run_id = new_id()
        self.ids, self.coordination.ids = RunIds(run_id), RunIds(run_id)

    def to_dict(self) -> dict[str, Any]:
        """The specification's form: camelCase."""
        ids = {"runId": self.run_id}
        shared = {"ids": dict(ids), "metadata": dict(self.coordination.metadata)}
        return {"ids": ids, "coordination": shared, "events": list(self.events)}


def check_run_id(value: object) -> str:
    """Return ``value`` when it can be a run's id: 1 to 200 characters that can be printed."""
    if isinstance(value, str) and 1 <= len(value) <= RUN_ID_CHARS and value.isprintable():
        return value
    raise ValidationFailed(
        f"ids.run_id: {str(value)[:50]!r} is no run id; it has 1 to {RUN_ID_CHARS} printable characters",
        field="ids.run_id",
    )


def _run_id(given: Mapping[str, Any], at: str) -> str:
    ids = _part(given, "ids", None, within=at.removesuffix("ids"))
    if not isinstance(ids, Mapping) or not ("run_id" in ids or "runId" in ids):
        raise ValidationFailed(f"{at}: the run's id is missing, as run_id", field=f"{at}.run_id")
    return check_run_id(ids.get("run_id", ids.get("runId")))


def _part(given: Any, name: str, default: Any, *, within: str = "", kind: type = Mapping) -> Any:
    if not isinstance(given, Mapping):
        raise ValidationFailed(f"runtime_context: expected an object with ids, not {type(given).__name__}")
    found = given.get(name)
    if found is None:
        found = default
    if found is not None and not isinstance(found, kind):
        raise ValidationFailed(
            f"{within}{name}: expected {'a list' if kind is list else 'an object'}, not {type(found).__name__}",
            field=f"{within}{name}",
        )
    return found
