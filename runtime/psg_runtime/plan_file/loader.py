"""From a plan document to a PlanSpec; every error names file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, Field, ValidationError

from psg.errors import PlanFileInvalid, PsgError
from psg.plan.spec import STEP_TYPES, PlanSpec, StepSpec
from psg_runtime.expressions import reference_problems
from psg_runtime.plan_file.document import MAX_FILE_BYTES, Document, Location, read_document
from psg_runtime.plan_file.loops import check_loop
from psg_runtime.plan_file.parameters import ParameterDeclaration, type_of
from psg_runtime.plan_file.problems import choices, refuse, told

# What a document may say, and the field it fills; several spellings of one field exclude each other.
_PLAN_FIELDS = {
    "title": "title",
    "objective": "objective",
    "description": "objective",
    "goalId": "goal_id",
    "goal_id": "goal_id",
    "estimatedDuration": "estimated_duration_ms",
    "estimated_duration_ms": "estimated_duration_ms",
    "estimatedCost": "estimated_cost",
    "estimated_cost": "estimated_cost",
    "policy": "policy",
    "approval": "approval",
    "budget": "budget",
    "on_failure": "on_failure",
    "onFailure": "on_failure",
    "success_criteria": "success_criteria",
    "successCriteria": "success_criteria",
}
_PLAN_KEYS = {*_PLAN_FIELDS, "id", "createdAt", "steps", "params"}
_STEP_FIELDS = {
    "id": "key",
    "key": "key",
    "type": "type",
    "name": "name",
    "description": "description",
    "params": "params",
    "dependencies": "dependencies",
    "timeout": "timeout_ms",
    "timeout_ms": "timeout_ms",
    "retries": "retries",
    "condition": "condition",
    "agent_role": "agent_role",
    "agentRole": "agent_role",
    "urgency": "urgency",
    "order_index": "order_index",
    "orderIndex": "order_index",
    "join": "join",
    "policy": "policy",
    "approval": "approval",
    "budget": "budget",
    "compensation": "compensation",
}
_FOREACH_KEYS = {"items", "do", "concurrency", "rate", "on_item_failure", "max_failures"}
_SUBPLAN_KEYS = {"plan", "params"}
_SUBPLANS_MAX = 8
_DO_KEYS = {"name", "type", "params"}
_FILE_NAME = re.compile(r"[^\n]+\.(?:yaml|yml|json)")


class LoadedPlan(PlanSpec):
    """A plan as read from a file; it still knows the parameters the file declares."""

    declarations: dict[str, ParameterDeclaration] = Field(default_factory=dict, exclude=True)


def load_plan(path_or_text: Path | str, *, source: str | None = None) -> LoadedPlan:
    """Read a plan file (YAML or JSON).

    A ``Path``, or a one-line text that ends in .yaml, .yml or .json, is read from disk; other text is the
    document itself. ``source`` names the document in errors (default: the path). Syntax, unknown keys, types,
    expressions and references are checked, and one error tells the first mistake of each step; cycles and unknown
    dependencies are found when the plan is created.
    Raises PlanFileInvalid with ``file``, ``line`` and ``column`` (ORCH-02, ORCH-03).
    """
    if isinstance(path_or_text, str) and _FILE_NAME.fullmatch(path_or_text):
        path_or_text = Path(path_or_text)
    if isinstance(path_or_text, Path):
        source = source or str(path_or_text)
        return _plan(read_document(_read(path_or_text, source), source), (path_or_text.resolve(),))
    return _plan(read_document(path_or_text, source or "plan"))


def _read(path: Path, source: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        message = f"{source}: the plan file cannot be read: {error.strerror}."
        raise PlanFileInvalid(message, file=source, reason=error.strerror) from error


def _plan(document: Document, above: tuple[Path, ...] = ()) -> LoadedPlan:
    """The plan of a document; ``above`` are the files it is in, from the outermost to its own."""
    data = _mapping(document, (), document.data)
    _known_keys(document, (), data, _PLAN_KEYS)
    for text_key in ("id", "createdAt"):
        if not isinstance(data.get(text_key, ""), str):
            raise document.invalid((text_key,), f"`{text_key}` must be text")
    places: dict[Location, Location] = {}
    fields = _renamed(document, (), data, _PLAN_FIELDS, places)
    fields.setdefault("title", data.get("id") or Path(document.source).stem or "Plan")
    fields.setdefault("objective", fields["title"])
    declarations = _declarations(document, data.get("params"))
    fields["declarations"] = declarations
    fields["params"] = {n: d.default for n, d in declarations.items() if not d.required}
    steps = data.get("steps")
    if not isinstance(steps, list) or not steps:
        raise document.invalid(("steps",) if "steps" in data else (), "`steps` must be a list with at least one step")
    fields["steps"] = _steps(document, steps, places, above)
    try:
        plan = LoadedPlan.model_validate(fields)
    except ValidationError as error:
        raise _first_problem(document, error, LoadedPlan, (), places) from error
    refuse(
        document.invalid(places.get(problem.location, problem.location), problem.message.rstrip("."))
        for problem in reference_problems(plan, param_names=frozenset(declarations))
    )
    return plan


def _steps(
    document: Document, steps: list[Any], places: dict[Location, Location], above: tuple[Path, ...]
) -> list[StepSpec]:
    made: list[StepSpec] = []

    def problems() -> Iterator[PlanFileInvalid]:
        for index, step in enumerate(steps):
            try:
                made.append(_step(document, index, step, places, above))
            except PlanFileInvalid as error:
                yield error

    refuse(problems())
    return made


def _step(
    document: Document, index: int, value: Any, places: dict[Location, Location], above: tuple[Path, ...]
) -> StepSpec:
    at: Location = ("steps", index)
    data = _mapping(document, at, value)
    _known_keys(document, at, data, set(_STEP_FIELDS))
    if "id" not in data and "key" not in data:
        raise document.invalid(at, "a step needs an `id`")
    kind = data.get("type", "tool")
    if kind not in STEP_TYPES:
        raise document.invalid((*at, "type"), f"unknown step type `{kind}`: {choices(str(kind), STEP_TYPES)}")
    fields = _renamed(document, at, data, _STEP_FIELDS, places)
    if kind == "conditional" and "condition" not in fields:
        fields["condition"], fields["params"] = _condition_param(document, at, data)
        places[(*at, "condition")] = (*at, "params", "condition")
    if kind == "foreach":
        _check_foreach(document, (*at, "params"), data.get("params"))
    if kind == "plan":
        fields["params"] = _check_subplan(document, (*at, "params"), data.get("params"), above)
    if kind in ("tool", "agent") and fields.get("name") is None and fields.get("agent_role") is None:
        raise document.invalid(at, f"a step of type {kind} needs the `name` of a capability or an `agent_role`")
    try:
        return StepSpec.model_validate(fields)
    except ValidationError as error:
        raise _first_problem(document, error, StepSpec, at, places) from error


def _condition_param(document: Document, at: Location, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The specification writes the condition of a conditional step as one of its params (ORCH-30)."""
    params = _mapping(document, (*at, "params"), data.get("params", {}))
    if not isinstance(params.get("condition"), str):
        raise document.invalid(at, "a conditional step needs a `condition`")
    return params["condition"], {key: value for key, value in params.items() if key != "condition"}


def _check_foreach(document: Document, at: Location, value: Any) -> None:
    params = _mapping(document, at, value)
    _known_keys(document, at, params, _FOREACH_KEYS)
    for key in ("items", "do"):
        if key not in params:
            raise document.invalid(at, f"a foreach step needs `params.{key}`")
    do = _mapping(document, (*at, "do"), params["do"])
    _known_keys(document, (*at, "do"), do, _DO_KEYS)
    if do.get("type") == "foreach":
        _check_foreach(document, (*at, "do", "params"), do.get("params"))
    elif not isinstance(do.get("name"), str):
        raise document.invalid((*at, "do"), "`do` needs the `name` of a capability")
    else:
        _mapping(document, (*at, "do", "params"), do.get("params", {}))
    try:
        check_loop(params)
    except PsgError as error:
        raise document.invalid(at, error.message.rstrip(".")) from error


def _check_subplan(document: Document, at: Location, value: Any, above: tuple[Path, ...]) -> dict[str, Any]:
    """The params of a plan step; the name of a plan file beside this one is replaced by what is in it."""
    params = dict(_mapping(document, at, value))
    _known_keys(document, at, params, _SUBPLAN_KEYS)
    wanted = params.get("plan")
    inner: LoadedPlan | None = None
    if isinstance(wanted, str) and above and _FILE_NAME.fullmatch(wanted):
        params["plan"], inner = _plan_beside(document, (*at, "plan"), wanted, above)
        wanted = params["plan"]
    elif isinstance(wanted, dict):
        try:
            inner = _plan(read_document(orjson.dumps(wanted) + b"\n", document.source), above)
        except PlanFileInvalid as error:
            where = f"`{error.details['path']}`: " if error.details.get("path") else ""
            reason = f"in the sub-plan: {where}{error.details['reason']}"
            raise document.invalid((*at, "plan"), reason) from error
    if not isinstance(wanted, (str, dict)):
        raise document.invalid(at, "a plan step needs `params.plan`: a plan document or the name of a template")
    if not isinstance(params.get("params", {}), (str, dict)):
        raise document.invalid((*at, "params"), "`params` of a plan step maps the parameters of its plan to values")
    if inner is not None:
        _check_given(document, at, params.get("params", {}), inner.declarations)
    return params


def _check_given(
    document: Document, at: Location, given: str | dict[str, Any], declared: Mapping[str, ParameterDeclaration]
) -> None:
    """The parameters that a plan step gives are those that its plan declares, and all that it requires."""
    if isinstance(given, str):  # a template: known when the step runs
        return
    _known_keys(document, (*at, "params"), given, set(declared))
    if missing := [name for name, declaration in declared.items() if declaration.required and name not in given]:
        raise document.invalid(at, f"the sub-plan requires the parameter `{missing[0]}`: give it in `params.params`")


def _plan_beside(
    document: Document, at: Location, name: str, above: tuple[Path, ...]
) -> tuple[dict[str, Any], LoadedPlan]:
    path = (above[-1].parent / name).resolve()
    if path in above:
        raise document.invalid(at, f"{name} is the sub-plan of itself")
    if len(above) >= _SUBPLANS_MAX:
        raise document.invalid(at, f"sub-plans are nested more than {_SUBPLANS_MAX} deep")
    inner = read_document(_read(path, name), name)
    loaded = _plan(inner, (*above, path))
    if loaded.approval is not None:
        raise inner.invalid(("approval",), "a sub-plan begins with its parent: put `approval` on the step")
    return _inlined(inner, (*above, path)), loaded


def _inlined(document: Document, above: tuple[Path, ...]) -> dict[str, Any]:
    """The document with the plan files that it names put in their places."""
    data = dict(document.data)
    steps = []
    for index, step in enumerate(data["steps"]):
        if step.get("type") == "plan":
            at: Location = ("steps", index, "params")
            step = {**step, "params": _check_subplan(document, at, step.get("params"), above)}
        steps.append(step)
    return data | {"steps": steps}


def _declarations(document: Document, value: Any) -> dict[str, ParameterDeclaration]:
    declarations = {}
    for name, entry in _mapping(document, ("params",), value or {}).items():
        at: Location = ("params", name)
        if isinstance(entry, dict):
            _known_keys(document, at, entry, set(ParameterDeclaration.model_fields))
            if "type" not in entry and "default" in entry:
                entry = {**entry, "type": type_of(entry["default"])}
        else:
            entry = {"default": entry, "type": type_of(entry)}
        try:
            declarations[name] = ParameterDeclaration.model_validate(entry)
        except ValidationError as error:
            raise _first_problem(document, error, ParameterDeclaration, at, {}) from error
    return declarations


def _renamed(
    document: Document,
    at: Location,
    data: dict[str, Any],
    names: dict[str, str],
    places: dict[Location, Location],
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in data.items():
        name = names.get(key)
        if name is None or value is None:
            continue
        if name in fields:
            if name == "objective":  # an objective is more precise than a description
                fields[name] = data["objective"]
                continue
            raise document.invalid((*at, key), f"`{key}` says again what another key of this mapping says")
        fields[name] = value
        places[(*at, name)] = (*at, key)
    return fields


def _mapping(document: Document, at: Location, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        what = f"`{at[-1]}`" if at and isinstance(at[-1], str) else "this"
        raise document.invalid(at, f"{what} must be a mapping of keys to values")
    return value


def _known_keys(document: Document, at: Location, data: dict[str, Any], known: set[str]) -> None:
    for key in data:
        if key not in known:
            raise document.invalid((*at, key), f"unknown key `{key}`: {choices(key, known)}", key=key)


def _first_problem(
    document: Document,
    error: ValidationError,
    model: type[BaseModel],
    at: Location,
    places: dict[Location, Location],
) -> PlanFileInvalid:
    place, message, problems = told(error, model)
    location = (*at, *place)
    for length in range(len(location), 0, -1):
        if written := places.get(location[:length]):
            location = (*written, *location[length:])
            break
    field = ".".join(str(part) for part in location)
    return document.invalid(location, f"`{field}`: {message}", problems=problems)
