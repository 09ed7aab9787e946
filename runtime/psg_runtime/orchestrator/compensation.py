"""Undoing a plan: one step for each completed one that declares its inverse, last first (L3-58, L3-59, C-14)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psg_cypher
from psg.commands import reactions
from psg.commands.lifecycle import run_name
from psg.errors import NotFound, PsgError, Refused
from psg.graph import Graph
from psg.model.codec import loads
from psg.model.ids import derived_id
from psg.model.lifecycle import TERMINAL_PLAN
from psg.plan.order import levels
from psg.plan.policy import CompensationSpec
from psg.plan.spec import PlanSpec, StepSpec
from psg.workflows.invocations import Invocations
from psg.write.command import Answer, Command
from psg_runtime.expressions import default_engine
from psg_runtime.expressions.syntax import placeholder_end
from psg_runtime.orchestrator.rollback import rollback_actions, rollback_steps

EDGES_MAX = 100_000
KEY_MAX = 200
NAMESPACES = frozenset(("params", "item", "index", "steps", "secrets"))

Row = Mapping[str, Any]


def compensation_id(plan_id: str, restores: int) -> str:
    """Return the id of the plan that undoes a plan's present run, whether there is one or not."""
    return derived_id("compensation", run_name(plan_id, restores))


async def compensate(graph: Graph, project_id: str, plan_id: str, *, actor: str = "system") -> Answer | None:
    """Undo a finished plan by a plan of its own; ``None`` when there is nothing to undo.

    ids: ``plan`` (the one that undoes), ``origin``. However often it is asked for, by however many, there is one such
    plan: a repetition is answered with the first answer. Raises ``NotFound`` and, for a plan that is
    not finished, ``Refused``.
    """
    db = graph.db
    plan = await db.read_one(psg_cypher.statement("reaction_plan"), project_id=project_id, plan_id=plan_id)
    if plan is None or plan["deleted"]:
        raise NotFound(f"id: plan {plan_id} does not exist in this project", id=plan_id)
    if plan["status"] not in TERMINAL_PLAN:
        raise Refused(
            f"plan {plan_id} is {plan['status']}; only what is finished can be undone (cancel it first)", id=plan_id
        )
    if plan["steps_open"]:
        raise Refused(f"the steps of plan {plan_id} are still being closed; ask again in a moment", id=plan_id)
    if plan["derivation"] == "compensation":
        raise Refused(f"plan {plan_id} undoes another one and cannot be undone itself", id=plan_id)
    undo_id = compensation_id(plan_id, plan["restores"])
    made = await _spec(graph, project_id, plan)
    if made is None:
        return None
    spec, undone = made
    mark = Invocations.of(plan["invokes"])
    undoing = None if mark is None else mark.undoing({key: undo_key(key) for key in undone})
    stored = f"compensation:{undo_id}"
    command = Command("compensate", [plan_id], actor, f"{stored}:start")
    found = await db.read_one(
        psg_cypher.statement("command_find"), project_id=project_id, command_id=command.command_id
    )
    if found is None:
        await graph.create_plan(
            project_id, plan["context_id"], spec, plan_id=undo_id, actor=actor, command_id=stored,
            invokes=None if undoing is None else undoing.stored(),
        )
    reason = f"undoes plan {plan_id}"
    return await graph.locked(
        project_id, command,
        lambda locked: reactions.start_derived(locked, undo_id, plan_id, "compensation", reason, command),
    )  # fmt: skip


async def _spec(graph: Graph, project_id: str, plan: Row) -> tuple[PlanSpec, list[str]] | None:
    """The plan that undoes a plan, and the keys of the steps whose inverses are in it; ``None``: nothing is."""
    db, plan_id = graph.db, plan["id"]
    rows = await db.read(psg_cypher.statement("compensation_steps"), project_id=project_id, plan_id=plan_id)
    rollback = rollback_actions(
        await db.read(psg_cypher.statement("rollback_steps"), project_id=project_id, plan_id=plan_id)
    )
    if not rows and not rollback:
        return None
    everything = await db.read(psg_cypher.statement("plan_dependencies"), project_id=project_id, plan_id=plan_id)
    dependencies = {row["id"]: row["dependencies"] for row in everything}
    inverses = {row["id"]: CompensationSpec.model_validate(loads(row["compensation"])) for row in rows}
    read = (_references(one.params) for one in [*inverses.values(), *rollback])
    keys = sorted(set().union(*read) - NAMESPACES)
    inputs = await db.read(
        psg_cypher.statement("step_inputs"), project_id=project_id, plan_id=plan_id, keys=keys
    )
    steps = {r["key"]: {"status": r["status"], "output": loads(r["output"])} for r in inputs}
    values = Values({"steps": steps, "params": loads(plan["params"]) or {}})
    spec = undo_plan(plan, rows, inverses, dependencies, values, rollback)
    return spec, [row["key"] for row in rows]


def undo_plan(
    plan: Row,
    rows: Sequence[Row],
    inverses: Mapping[str, CompensationSpec],
    dependencies: Mapping[str, Sequence[str]],
    values: Values,
    rollback: Sequence[CompensationSpec] = (),
) -> PlanSpec:
    """Return the plan that undoes ``rows`` (id, key, position, finished_ms): the last completed first.

    The actions of rollback procedures come before that, one after the other.
    """
    level = levels(dependencies)
    last_first = sorted(rows, key=lambda r: (-r["finished_ms"], -level[r["id"]], -r["position"]))
    ids = [row["id"] for row in last_first]
    keys = {row["id"]: undo_key(row["key"]) for row in rows}
    before = undo_order(dependencies, ids)
    if before is None:
        before = {step: {ids[at - 1]} if at else set() for at, step in enumerate(ids)}
    steps = rollback_steps(rollback, values)
    behind = [step.key for step in steps[-1:]]
    for at, row in enumerate(last_first, len(steps)):
        inverse = inverses[row["id"]]
        params, problem = values.bind(inverse.params)
        described = f"undo {row['key']}" + (f": {problem}" if problem else "")
        steps.append(
            StepSpec(
                key=keys[row["id"]], type=inverse.type, name=inverse.name, description=described[:10_000],
                params=params, dependencies=sorted(keys[i] for i in before[row["id"]]) + behind, order_index=at,
                timeout_ms=inverse.timeout_ms, retries=inverse.retries, agent_role=inverse.agent_role, join="settled",
            )
        )  # fmt: skip
    return PlanSpec(
        title=f"Undo: {plan['title']}"[:1000], objective=f"Undo what plan {plan['id']} did", steps=steps,
        params=values.bound,
    )  # fmt: skip


def undo_key(key: str) -> str:
    """Return the key of the step that undoes the step ``key``."""
    if len(key) + 5 <= KEY_MAX:
        return f"undo_{key}"
    return f"undo_{key[: KEY_MAX - 20]}_{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def undo_order(dependencies: Mapping[str, Sequence[str]], undone: Iterable[str]) -> dict[str, set[str]] | None:
    """Return for each undone step what is undone before it: what depends on it, also through steps not undone.

    ``None`` when that would be more than ``EDGES_MAX`` relations: then they are undone one after the other.
    """
    wanted, level = set(undone), levels(dependencies)
    dependents: dict[str, list[str]] = {step: [] for step in dependencies}
    for step, needed in dependencies.items():
        for other in needed:
            dependents[other].append(step)
    nearest: dict[str, set[str]] = {}
    edges = 0
    for step in sorted(dependencies, key=lambda s: -level[s]):
        found: set[str] = set()
        for after in dependents[step]:
            found |= {after} if after in wanted else nearest[after]
        nearest[step] = found
        edges += len(found)
        if edges > EDGES_MAX:
            return None
    return {step: nearest[step] for step in wanted}


class Values:
    """What the templates of inverses come to, kept as parameters of the undoing plan.

    So data never becomes a template: an output that looks like a placeholder stays text. Secrets keep their names.
    """

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._scope = scope
        self._names: dict[str, str] = {}
        self.bound: dict[str, Any] = {}

    def bind(self, params: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Return params that read the values, and what could not be evaluated: such a step fails, and says why."""
        problems: list[str] = []
        return self._value(params, problems), problems[0] if problems else None

    def _value(self, value: Any, problems: list[str]) -> Any:
        if isinstance(value, str):
            return "".join(self._parts(value, problems)) if "{{" in value else value
        if isinstance(value, dict):
            return {key: self._value(item, problems) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, problems) for item in value]
        return value

    def _parts(self, text: str, problems: list[str]) -> Iterable[str]:
        position = 0
        for start, end in placeholders(text):
            yield text[position:start]
            yield self._placeholder(text[start + 2 : end].strip(), problems)
            position = end + 2
        yield text[position:]

    def _placeholder(self, text: str, problems: list[str]) -> str:
        name = self._names.setdefault(text, f"v{len(self._names) + 1}")
        if name not in self.bound:
            try:
                expression = default_engine().compile(text)
                if expression.syntax.secret is not None:
                    return f"{{{{{text}}}}}"
                self.bound[name] = expression.evaluate(self._scope)
            except PsgError as error:
                problems.append(error.message)
                return f"{{{{params.unknown_{name}}}}}"
        return f"{{{{params.{name}}}}}"


def placeholders(text: str) -> Iterable[tuple[int, int]]:
    """Yield where each placeholder of a text begins and where its closing braces are."""
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = placeholder_end(text, start + 2)
        if end < 0:
            return
        yield start, end
        position = end + 2


def _references(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset().union(*(_read(value[start + 2 : end].strip()) for start, end in placeholders(value)))
    if isinstance(value, dict):
        return frozenset().union(*(_references(item) for item in value.values()))
    if isinstance(value, list):
        return frozenset().union(*(_references(item) for item in value))
    return frozenset()


def _read(text: str) -> frozenset[str]:
    try:
        return default_engine().compile(text).references
    except PsgError:  # told where it is evaluated
        return frozenset()
