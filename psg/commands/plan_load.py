"""The way of whole plans into the graph: chunks in the shape that one statement takes at the speed of a bulk load."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio import to_thread

from psg.model.codec import INLINE_BYTES, dumps, for_log, sealed_props
from psg.model.entities import ENTITIES
from psg.model.ids import new_id
from psg.model.lifecycle import status_labels
from psg.plan.steps import StepRecord, frontier_state
from psg.write.change import Change
from psg.write.command import Answer, Command

if TYPE_CHECKING:
    from psg.write.writer import ProjectWriter

T = TypeVar("T")
Progress = Callable[[int, int], object]

CHUNK_STEPS = 2_000
_STEP = ENTITIES["Step"]
_PLAN = ENTITIES["Plan"]
_STEP_LOGGED = _STEP.logged


class PlanChunk:
    """Steps of one plan for one commit; stands where a ``Change`` stands, for the statement ``plan_load``.

    The first chunk of a plan carries the plan itself. It does and logs the same as a ``Change`` that creates the same
    nodes one by one; a test holds the two against each other.
    """

    def __init__(self, command: Command, fingerprint: str, plan_id: str, owner: tuple[str, str, str]) -> None:
        self.command = command
        self.answer: dict[str, Any] = {"plan": plan_id}
        self._fingerprint = fingerprint
        self._plan_id = plan_id
        self._owner = owner
        self._plan: dict[str, Any] | None = None
        self._ids: list[str] = []
        self._steps: list[dict[str, Any]] = []
        self._links: list[list[Any]] = []

    @property
    def steps(self) -> int:
        """Number of steps in this chunk."""
        return len(self._steps)

    @property
    def weight(self) -> int:
        """Number of elements written, to keep one transaction small."""
        return 2 * len(self._ids) + len(self._steps) + len(self._links)

    @property
    def guards(self) -> Sequence[Mapping[str, Any]]:
        """What is demanded: the owner alive, every id free; in the order in which the statement counts faults."""
        node_id, label, _ = self._owner
        holds = {"loading": True} if self._plan is None else None
        owner = {"id": node_id, "labels": [label], "holds": holds}
        return [owner, *({"id": i, "labels": [], "absent": True} for i in self._ids)]

    @property
    def fields(self) -> Sequence[str]:
        """The fields that the guards are about."""
        begun = [] if self._plan is None else [_PLAN.id_field]
        return [self._owner[2], *begun, *([_STEP.id_field] * len(self._steps))]

    def begin(self, props: Mapping[str, Any], context_id: str) -> None:
        """Create the plan with this chunk, before any of its steps."""
        stored = sealed_props({k: v for k, v in props.items() if v is not None})
        after = _logged(_PLAN.logged, stored | {"id": self._plan_id, "revision": 1})
        changes = {"op": "create", "after": after, "links": [["IN_CONTEXT", context_id]]}
        command = self.command
        event = {
            "event_id": new_id(), "family": "graph_update", "type": "plan_created", "op": "create",
            "entity_type": "Plan", "entity": self._plan_id, "plan": self._plan_id, "actor": command.actor,
            "correlation_id": command.correlation_id, "changes": dumps(changes), "update_kind": "node_add",
            "node_delta": 1, "edge_delta": 1, "command_id": command.command_id, "command_hash": self._fingerprint,
            "answer": dumps(self.answer),
        }  # fmt: skip
        self._plan = {"props": stored, "labels": status_labels("Plan", stored.get("status")), "event": event}
        self._ids.append(self._plan_id)

    def add(self, record: StepRecord, status_of: Mapping[str, str], rank: int) -> None:
        """Create a step; what it depends on is in this plan, in an earlier chunk or before it in this one."""
        derived, labels = frontier_state(record, status_of, rank)
        props = sealed_props({k: v for k, v in record.props.items() if v is not None})
        props |= derived
        props["plan"] = self._plan_id
        targets = [["DEPENDS_ON", target] for target in record.dependencies]
        links = [["IN_PLAN", self._plan_id], *targets]
        changes = {"op": "create", "after": _logged(_STEP_LOGGED, props), "links": links}
        props["id"] = record.step_id
        at = len(self._steps)
        self._links += [[at, target, place] for place, target in enumerate(record.dependencies)]
        self._ids.append(record.step_id)
        shown = [*labels, *status_labels("Step", record.status)]
        self._steps.append({"props": props, "labels": shown, "changes": dumps(changes), "edges": len(links)})

    def row(self, project_id: str) -> dict[str, Any]:
        """Return the parameter row of ``plan_load``."""
        created = {"project_id": project_id, "revision": 1}
        for step in self._steps:
            step["props"] |= created
        if self._plan is not None:
            self._plan["props"] |= created | {"id": self._plan_id}
        node_id, label, _ = self._owner
        return {
            "command_id": self.command.command_id, "command_hash": self._fingerprint, "answer": dumps(self.answer),
            "actor": self.command.actor, "correlation_id": self.command.correlation_id,
            "owner": {"id": node_id, "label": label}, "plan_id": self._plan_id, "plan": self._plan,
            "ids": self._ids, "steps": self._steps, "links": self._links,
        }  # fmt: skip


def _logged(names: frozenset[str], stored: Mapping[str, Any]) -> dict[str, Any]:
    # Asked here for each value, not by a call: it is a million of them in a large plan.
    return {
        k: for_log(v) if isinstance(v, str) and len(v) > INLINE_BYTES else v for k, v in stored.items() if k in names
    }


@dataclass(frozen=True, slots=True)
class PlanLoad:
    """A whole plan on its way: its chunks, how many ``steps`` they have together, and what makes it usable at last."""

    chunks: Iterator[PlanChunk]
    steps: int
    seal: Change | None


async def load(
    plan: PlanLoad, loader: ProjectWriter, writer: ProjectWriter, progress: Progress | None = None
) -> Answer:
    """Commit the chunks of a plan in order, seal it, and return the answer of the first.

    While one chunk is being committed the next is made, in a thread: neither waits for the other, and the loop for
    neither. ``progress`` is called with (steps stored, steps in all) after every commit.
    """
    first: Answer | None = None
    done = 0
    chunk: PlanChunk | None = next(plan.chunks)
    while chunk is not None:
        following: PlanChunk | None = None
        if plan.seal is None:
            answer = await loader.submit(chunk)
        else:
            answer, following = await _meanwhile(loader.submit, chunk, lambda: next(plan.chunks, None))
        first = first or answer
        done += chunk.steps
        if progress is not None:
            progress(done, plan.steps)
        chunk = following
    if plan.seal is not None:
        await writer.submit(plan.seal)
    assert first is not None
    return first


async def _meanwhile(
    submit: Callable[[PlanChunk], Awaitable[Answer]], chunk: PlanChunk, make: Callable[[], T]
) -> tuple[Answer, T]:
    """Submit a chunk while ``make`` runs in a thread; the refusal of the chunk comes out as it is, in no group."""
    answers: list[Answer | BaseException] = []

    async def commit() -> None:
        try:
            answers.append(await submit(chunk))
        except Exception as error:
            answers.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commit)
        made = await to_thread.run_sync(make)
    (answer,) = answers
    if isinstance(answer, BaseException):
        raise answer
    return answer, made
