"""Runs a set of actions group by group, by their dependencies (DD-33)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio

from psg.errors import ControlSignal, DependencyCycle, ReferenceMissing
from psg_runtime.ael.failures import failure_of
from psg_runtime.ael.port import ActionExecutionLayer, ActionResult


async def parallel_ael_execution(actions: Sequence[Mapping[str, Any]], ael: ActionExecutionLayer) -> list[Any]:
    """Run the actions, each after those its ``dependencies`` name by ``id`` (default: ``step_id``).

    Actions are partitioned into groups; a group runs at the same time, the groups one after another. Every action
    gives one result, in the order given; a raised error becomes a failed ActionResult, and what depends on a
    failure is not started. Raises DependencyCycle or ReferenceMissing before anything runs.
    """
    ids = [str(action.get("id") or action.get("step_id") or index) for index, action in enumerate(actions)]
    results: dict[str, Any] = {}
    signals: list[ControlSignal] = []

    async def run(name: str, action: Mapping[str, Any]) -> None:
        failed = [d for d in action.get("dependencies", ()) if not _succeeded(results[d])]
        if failed:
            error = {"code": "dependency_failed", "message": f"`{failed[0]}` did not succeed", "retryable": False}
            results[name] = ActionResult(False, error=error)
            return
        try:
            results[name] = await ael.execute(action)
        except Exception as error:
            results[name] = ActionResult(False, error=failure_of(error))
        except ControlSignal as signal:
            signals.append(signal)
            tasks.cancel_scope.cancel()

    for group in _groups(dict(zip(ids, actions, strict=True))):
        async with anyio.create_task_group() as tasks:
            for name, action in group:
                tasks.start_soon(run, name, action)
        if signals:
            raise signals[0]
    return [results[name] for name in ids]


def _groups(actions: dict[str, Mapping[str, Any]]) -> list[list[tuple[str, Mapping[str, Any]]]]:
    for name, action in actions.items():
        for dependency in action.get("dependencies", ()):
            if dependency not in actions:
                raise ReferenceMissing(f"Action `{name}` depends on `{dependency}`, which is not given.", id=name)
    groups, done = [], set[str]()
    while len(done) < len(actions):
        group = [
            (name, action)
            for name, action in actions.items()
            if name not in done and done.issuperset(action.get("dependencies", ()))
        ]
        if not group:
            raise DependencyCycle("The actions depend on each other in a cycle.", ids=sorted(set(actions) - done))
        done.update(name for name, _ in group)
        groups.append(group)
    return groups


def _succeeded(result: Any) -> bool:
    if isinstance(result, Mapping):
        return bool(result.get("success", True))
    return bool(getattr(result, "success", True))
