"""Plans as Python: steps added one by one, or the text of a plan file that the server reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from psg_client.generated import JoinMode, OnFailure, StepInput

_FILE_NAME = re.compile(r"[^\n]+\.(?:yaml|yml|json)")
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}")
_USED = re.compile(r"(?<![\w.\-])(?:steps\.)?([A-Za-z_][\w.\-]*?)\.(?:output|status)\b", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_KINDS = {"tool": "tool", "agent": "agent", "worker": "agent"}


class Reference:
    """A place in what a run will know, such as ``fetch.output["files"]``; in params or an f-string it is a template."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __getitem__(self, name: str | int) -> Reference:
        """What is inside, by name or by number."""
        if isinstance(name, int):
            return Reference(f"{self._path}[{name}]")
        inside = f".{name}" if _PLAIN.fullmatch(name) else f"[{orjson.dumps(name).decode()}]"
        return Reference(self._path + inside)

    def __str__(self) -> str:
        return f"{{{{{self._path}}}}}"

    def __repr__(self) -> str:
        return f"Reference({self._path!r})"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a plan being written: named in ``after`` of later ones, its ``output`` used in their params."""

    key: str
    input: StepInput = field(repr=False)

    @property
    def output(self) -> Reference:
        """What it will have answered."""
        return Reference(f"{self.key}.output")


class Plan:
    """A plan to be started with ``project.start(plan)``.

    ``objective`` is what it is to reach (default: its title), ``params`` values that steps use as
    ``plan.param("name")``, ``approval`` who has to approve it before it starts, ``budget`` what it may spend. The other
    arguments are those of a plan file.
    """

    def __init__(
        self,
        title: str,
        objective: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
        approval: Mapping[str, Any] | None = None,
        budget: Mapping[str, Any] | None = None,
        on_failure: OnFailure | None = None,
        success_criteria: Iterable[str] = (),
        goal_id: str | None = None,
    ) -> None:
        self.title = title
        self.approval = approval
        self._steps: dict[str, PlannedStep] = {}
        self._fields = {
            "title": title, "objective": objective or title, "params": params, "policy": policy, "approval": approval,
            "budget": budget, "on_failure": on_failure, "success_criteria": list(success_criteria) or None,
            "goal_id": goal_id,
        }  # fmt: skip

    @property
    def steps(self) -> tuple[PlannedStep, ...]:
        """The steps so far, in the order in which they were added."""
        return tuple(self._steps.values())

    def param(self, name: str) -> Reference:
        """A parameter of the plan, for use in the params of its steps."""
        return Reference("params")[name]

    def step(
        self,
        key: str,
        type: str | None = None,
        *,
        tool: str | None = None,
        agent: str | None = None,
        worker: str | None = None,
        name: str | None = None,
        after: Iterable[PlannedStep | str] | PlannedStep | str = (),
        params: Mapping[str, Any] | None = None,
        when: str | None = None,
        description: str = "",
        retries: int | None = None,
        timeout_ms: int | None = None,
        agent_role: str | None = None,
        join: JoinMode | None = None,
        urgency: int | None = None,
        policy: Mapping[str, Any] | None = None,
        approval: Mapping[str, Any] | None = None,
        budget: Mapping[str, Any] | None = None,
        compensation: Mapping[str, Any] | None = None,
    ) -> PlannedStep:
        """Add a step and return it.

        Who does it: ``tool="file.read"``, ``agent="critic"`` (both known to the platform), or ``worker="review"``: the
        programs that serve it (``@worker.step("review")``); or ``type`` with ``name``, as in a plan file. ``after`` are
        the steps it waits for; those whose output its params or its condition ``when`` use are added by themselves.
        Raises ValueError for a key that is taken, a step that is not in this plan, or who does it said twice.
        """
        kind, called = _who(key, type, name, tool=tool, agent=agent, worker=worker)
        if key in self._steps:
            raise ValueError(f"step {key!r} is in this plan already")
        given = plain(params) if params is not None else None
        wanted = StepInput(
            key=key, type=kind, name=called, description=description, params=given,  # type: ignore[arg-type]
            dependencies=self._dependencies(key, after, given, when) or None, condition=when, retries=retries,
            timeout_ms=timeout_ms, agent_role=agent_role, join=join, urgency=urgency, policy=policy, approval=approval,
            budget=budget, compensation=plain(compensation),
        )  # fmt: skip
        self._steps[key] = made = PlannedStep(key, wanted)
        return made

    def fields(self) -> dict[str, Any]:
        """The arguments of ``Client.create_plan`` besides the context. Raises ValueError for a plan without steps."""
        if not self._steps:
            raise ValueError(f"the plan {self.title!r} has no steps: add some with plan.step(…)")
        return {**self._fields, "params": plain(self._fields["params"]), "steps": [s.input for s in self.steps]}

    def _dependencies(
        self, key: str, after: Iterable[PlannedStep | str] | PlannedStep | str, params: Any, when: str | None
    ) -> list[str]:
        listed = [after] if isinstance(after, PlannedStep | str) else list(after)
        keys = [step.key if isinstance(step, PlannedStep) else step for step in listed]
        if unknown := [k for k in keys if k not in self._steps]:
            raise ValueError(f"step {key!r} is to come after {unknown[0]!r}, which is not in this plan (yet)")
        templates = _TEMPLATE.findall(orjson.dumps(params).decode()) if params else []
        used = [k for text in [*templates, when or ""] for k in _USED.findall(text)]
        return list(dict.fromkeys([*keys, *(k for k in used if k in self._steps)]))

    @classmethod
    def from_yaml(cls, path_or_text: Path | str, *, params: Mapping[str, Any] | None = None) -> PlanText:
        """The plan of a file, or of its text: YAML or JSON, read by the server, which tells mistakes with their place.

        A ``Path``, or a one-line text that ends in .yaml, .yml or .json, is read from disk (raises OSError); ``params``
        are values of the parameters that the plan declares.
        """
        if isinstance(path_or_text, str) and _FILE_NAME.fullmatch(path_or_text):
            path_or_text = Path(path_or_text)
        if isinstance(path_or_text, Path):
            return PlanText(path_or_text.read_text("utf-8"), path_or_text.name, dict(params or {}))
        return PlanText(path_or_text, "plan", dict(params or {}))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, params: Mapping[str, Any] | None = None) -> PlanText:
        """The plan of a document as a plan file has it."""
        return PlanText(orjson.dumps(plain(document)).decode(), "plan", dict(params or {}))


@dataclass(frozen=True, slots=True)
class PlanText:
    """The text of a plan file, what it is called in errors, and the values of its parameters."""

    text: str = field(repr=False)
    source: str = "plan"
    params: Mapping[str, Any] = field(default_factory=dict)


def plain(value: Any) -> Any:
    """JSON in which references are the templates that they stand for."""
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _who(key: str, type: str | None, name: str | None, **named: str | None) -> tuple[str | None, str | None]:
    given = {kind: called for kind, called in named.items() if called is not None}
    if len(given) > 1 or (given and name is not None):
        raise ValueError(f"step {key!r}: say once who does it: one of tool, agent, worker, or type with name")
    for kind, called in given.items():
        if type is not None and type != _KINDS[kind]:
            raise ValueError(f"step {key!r}: {kind}={called!r} is a step of type {_KINDS[kind]}, not {type}")
        return _KINDS[kind], f"worker:{called}" if kind == "worker" else called
    return type, name
