"""What makes a workflow one that can be run: every mistake is named before anything is (CORE-07, CORE-10, CORE-12)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import orjson

from psg.errors import ExpressionInvalid
from psg_runtime.core_orchestrator.conditions import condition_text
from psg_runtime.core_orchestrator.definition import WorkflowDefinition, WorkflowStage
from psg_runtime.core_orchestrator.ports import ModuleCatalog
from psg_runtime.core_orchestrator.references import INPUT, Stages, translate
from psg_runtime.expressions import default_engine
from psg_runtime.expressions.syntax import RESERVED_KEYS

_KEY = r"[A-Za-z_][A-Za-z0-9_.\-]*"
MAX_INPUT_BYTES = 1_000_000


@dataclass(slots=True)
class Checked:
    """A stage whose references are templates of the platform: ``needs`` are all the stages that go before it."""

    stage: WorkflowStage
    inputs: dict[str, Any]
    condition: str | None
    compensation: dict[str, Any] | None
    needs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Checking:
    """Collects the problems of one definition, in the order of its stages."""

    definition: WorkflowDefinition
    inputs: Mapping[str, Any] | None
    catalog: ModuleCatalog | None
    problems: list[str] = field(default_factory=list)
    stages: dict[str, Checked] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        """Look at everything; ``problems`` are empty afterwards when the workflow can be run."""
        if not self.definition.stages:
            self.problems.append("stages: a workflow has at least one stage")
        self._ids()
        self.keys = step_keys(self.definition.stages)
        self._inputs()
        for stage in self.definition.stages:
            if stage.id not in self.stages:
                self.stages[stage.id] = self._stage(stage)
        self._cycles()

    def _ids(self) -> None:
        seen: set[str] = set()
        for stage in self.definition.stages:
            if stage.id in seen:
                self.problems.append(f"two stages have the id `{stage.id}`; ids are unique")
            if stage.id == INPUT:
                self.problems.append("a stage cannot be called `input`: that is how the workflow's inputs are read")
            seen.add(stage.id)

    def _inputs(self) -> None:
        if self.inputs is None:
            return
        try:
            text = orjson.dumps(self.inputs)
        except (TypeError, ValueError, RecursionError) as error:
            self.problems.append(f"inputs: not JSON: {error}")
            return
        if orjson.loads(text) != self.inputs:
            self.problems.append("inputs: not JSON that can be kept: no NaN, text in UTF-8, keys are text")
        if len(text) > MAX_INPUT_BYTES:
            self.problems.append(f"inputs: {len(text)} bytes; the limit is {MAX_INPUT_BYTES}")

    def _stage(self, stage: WorkflowStage) -> Checked:
        where = f"stage `{stage.id}`"
        known = {s.id: tuple(s.outputs) if s.outputs else None for s in self.definition.stages}
        stages = Stages(self.keys, known, self.inputs)

        def problem(text: str) -> None:
            self.problems.append(f"{where}: {text}")

        self._target(stage.module_type, stage.operation, where)
        inputs = translate(stage.inputs, stages, problem)
        conditions = [condition_text(condition, stages, problem) for condition in stage.conditions]
        readable = [text for text in conditions if text is not None and self._compiles(text, stages, problem)]
        if stage.id in stages.seen:
            problem("reads its own output")
        read = sorted(stages.seen - {stage.id}, key=list(known).index)
        needs = list(dict.fromkeys([*self._dependencies(stage, where), *read]))
        condition = " && ".join(f"({text})" for text in readable) or None
        return Checked(stage, inputs, condition, self._compensation(stage, known), needs)

    def _compensation(self, stage: WorkflowStage, known: Mapping[str, tuple[str, ...] | None]) -> dict[str, Any] | None:
        inverse = stage.compensation
        if inverse is None:
            return None
        where = f"stage `{stage.id}`: compensation"
        self._target(inverse.module_type, inverse.operation, where)
        stages = Stages(self.keys, known, self.inputs)
        inputs: dict[str, Any] = translate(
            inverse.inputs, stages, lambda text: self.problems.append(f"{where}: {text}")
        )
        return inputs

    def _target(self, module_type: str, operation: str, where: str) -> None:
        if self.catalog is None:
            return
        modules = self.catalog.module_types()
        if module_type not in modules:
            self.problems.append(f"{where}: there is no module `{module_type}`{_near(module_type, modules)}")
        elif not self.catalog.supports(module_type, operation):
            offered = self.catalog.operations(module_type)
            hint = _near(operation, offered) if offered else " (it is not running)"
            self.problems.append(f"{where}: module `{module_type}` has no operation `{operation}`{hint}")

    def _compiles(self, text: str, stages: Stages, problem: Any) -> bool:
        try:
            expression = default_engine().compile_condition(text).expression
        except ExpressionInvalid as error:
            problem(f"condition: {error.message}")
            return False
        ids = {key: stage_id for stage_id, key in self.keys.items()}
        unknown = sorted(key for key in expression.syntax.steps if key not in ids)
        if unknown:
            problem(f"condition `{text}`: there is no stage {', '.join(f'`{key}`' for key in unknown)}")
            return False
        stages.seen.update(ids[key] for key in expression.syntax.steps)
        return True

    def _dependencies(self, stage: WorkflowStage, where: str) -> Iterator[str]:
        for name in stage.dependencies:
            if name == stage.id:
                self.problems.append(f"{where}: depends on itself")
            elif name not in self.keys:
                self.problems.append(f"{where}: depends on `{name}`, which is no stage{_near(name, self.keys)}")
            else:
                yield name

    def _cycles(self) -> None:
        """Kahn's algorithm; what is left over goes in circles."""
        order = topological({name: checked.needs for name, checked in self.stages.items()})
        rest = [name for name in self.stages if name not in set(order)]
        if rest:
            told = ", ".join(f"`{name}`" for name in rest[:10])
            self.problems.append(f"stages {told} wait for each other in a circle")


def topological(needs: Mapping[str, Collection[str]]) -> list[str]:
    """The names in their order, each as early as what it needs allows; those in circles are left out."""
    order: dict[str, None] = {}
    left = list(needs)
    while True:
        ready = next((name for name in left if all(need in order for need in needs[name])), None)
        if ready is None:
            return list(order)
        order[ready] = None
        left.remove(ready)


def step_keys(stages: Collection[WorkflowStage]) -> dict[str, str]:
    """The key of each stage's step: the id itself where a plan can have it, else one made of its position."""
    keys: dict[str, str] = {}
    taken = {stage.id for stage in stages}
    for position, stage in enumerate(stages):
        usable = re.fullmatch(_KEY, stage.id, re.ASCII) and stage.id.split(".", 1)[0] not in RESERVED_KEYS
        if usable and not re.search(r"\.(output|status)\b", stage.id):
            keys.setdefault(stage.id, stage.id)
            continue
        key = f"stage_{position}"
        while key in taken:
            key += "_"
        keys.setdefault(stage.id, key)
    return keys


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), n=3)
    if near:
        return f"; did you mean {' or '.join(f'`{n}`' for n in near)}?"
    return f" (there are {', '.join(sorted(known)[:15])})" if known else ""
