"""``run_single_agent_flow``: the context module, then the plan module, in one run (L3-37, L3-38)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.ael.failures import failure_of
from psg_runtime.ael.masking import SecretMask
from psg_runtime.ael.port import ActionExecutionLayer
from psg_runtime.single_agent.context import RuntimeContext
from psg_runtime.single_agent.loop import ModuleError, RuntimeLoop, Sink, Values, run_key
from psg_runtime.single_agent.registry import RuntimeModule
from psg_runtime.single_agent.result import RuntimeResult
from psg_runtime.vsl.memory import InMemoryVSL

ORDER = ("context", "plan")
_SPELLINGS = {"runtimeContext": "runtime_context", "event_bus": "bus", "eventBus": "bus"}
_active: set[tuple[int, str]] = set()
"""Runs of this process that are under way, by their store and id."""


@dataclass(frozen=True, slots=True)
class RunSingleAgentFlowOptions:
    """What a run is given (the specification's ``RunSingleAgentFlowOptions``).

    ``flow`` is what the modules work on, any JSON object; it may name further modules, to be run after the first two:
    ``{"modules": ["trace"]}``. ``bus`` takes the events: an ``EventBus``, anything else with ``publish``, or a
    callable. ``ael`` is what the modules act through, where they act.
    """

    flow: Any = None
    runtime_context: RuntimeContext | Mapping[str, Any] | None = None
    modules: Mapping[str, RuntimeModule] | None = None
    vsl: Values | None = None
    bus: Sink | None = None
    ael: ActionExecutionLayer | None = None


async def run_single_agent_flow(
    options: RunSingleAgentFlowOptions | Mapping[str, Any] | None = None, /, **given: Any
) -> RuntimeResult:
    """Run the context module and then the plan module, each where it is loaded, and return what came of it.

    Give the options as one object or as keywords: ``flow``, ``runtime_context``, ``modules``, ``vsl`` and, beyond the
    specification, ``bus`` and ``ael``. A module is called with ``ctx``: ``flow``, ``runtime`` (the context of the run),
    ``vsl``, ``ael`` and the outputs of the modules before it under their names. What a module raises ends the run with
    ``success`` false.

    No two runs of a value state layer have the same id: a context whose run is over, or under way, gets a new one;
    one whose run was interrupted goes on under its id, with the metadata it had. Raises ``ValidationFailed`` for
    options of another shape, before anything is run.
    """
    asked = _options(options, given)
    modules = asked.modules or {}
    context = RuntimeContext.new() if asked.runtime_context is None else RuntimeContext.of(asked.runtime_context)
    names = _names(asked.flow)
    vsl: Values = asked.vsl if asked.vsl is not None else InMemoryVSL()
    if (id(vsl), context.run_id) in _active:
        context = RuntimeContext.new(context.coordination.metadata)
    _active.add((id(vsl), context.run_id))
    loop = RuntimeLoop(context, modules, vsl, bus=asked.bus)
    output: dict[str, Any] = dict.fromkeys(ORDER)
    try:
        await _begin(context, vsl)
        for name in names:
            scope = {"flow": asked.flow, "runtime": context, "vsl": vsl, "ael": asked.ael, **_done(output)}
            output[name] = await loop.drive(name, scope)
        await loop.save("completed")
    except Exception as error:
        return await _failed(loop, output, error)
    finally:
        _active.discard((id(vsl), context.run_id))
    return RuntimeResult(True, output, None, loop.events, context.run_id, loop.ticks)


async def _begin(context: RuntimeContext, vsl: Values) -> None:
    """Make sure that the run's id is its own; take over what an interrupted run of this id had."""
    found = await vsl.get(run_key(context.run_id))
    if not isinstance(found, Mapping):
        return
    if found.get("status") != "running":
        _active.discard((id(vsl), context.run_id))
        context.renew()
        _active.add((id(vsl), context.run_id))
    else:
        context.coordination.metadata.update({**(found.get("metadata") or {}), **context.coordination.metadata})


async def _failed(loop: RuntimeLoop, output: dict[str, Any], error: Exception) -> RuntimeResult:
    module = error.module if isinstance(error, ModuleError) else None
    failure = SecretMask().value(failure_of(error.error if isinstance(error, ModuleError) else error))
    if module is not None:
        failure = {**failure, "details": {**failure["details"], "module": module}}
    try:
        await loop.save("failed", module=module)
    except Exception as second:
        failure = {**failure, "details": {**failure["details"], "not_saved": failure_of(second)["message"]}}
    return RuntimeResult(False, output, failure, loop.events, loop.context.run_id, loop.ticks)


def _done(output: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in output.items() if value is not None}


def _names(flow: Any) -> list[str]:
    more = flow.get("modules", ()) if isinstance(flow, Mapping) else ()
    if not isinstance(more, list | tuple) or not all(isinstance(name, str) for name in more):
        raise ValidationFailed("flow.modules: expected a list of names", field="flow.modules")
    return list(dict.fromkeys((*ORDER, *more)))


def _options(
    options: RunSingleAgentFlowOptions | Mapping[str, Any] | None, given: Mapping[str, Any]
) -> RunSingleAgentFlowOptions:
    if isinstance(options, RunSingleAgentFlowOptions):
        if given:
            raise ValidationFailed(f"{', '.join(sorted(given))}: give options as one object or as keywords, not both")
        asked = options
    else:
        named = {_SPELLINGS.get(name, name): value for name, value in {**(options or {}), **given}.items()}
        known = RunSingleAgentFlowOptions.__slots__
        unknown = sorted(named.keys() - set(known))
        if unknown:
            raise ValidationFailed(f"{', '.join(unknown)}: no option of a flow; known are {', '.join(known)}")
        asked = RunSingleAgentFlowOptions(**named)
    if asked.modules is not None and not isinstance(asked.modules, Mapping):
        kind = type(asked.modules).__name__
        raise ValidationFailed(f"modules: expected modules by name, not {kind}", field="modules")
    return asked
