"""Does capabilities that stand for another action: a program, a request, a tool of a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from psg_runtime.ael.capability import KINDS, Capability
from psg_runtime.ael.delegation import Delegation
from psg_runtime.ael.failures import ActionRefused
from psg_runtime.ael.port import Action, ActionResult, Parked
from psg_runtime.ael.registry import CapabilityRegistry, validated_output

Dispatch = Callable[[Action], Awaitable[ActionResult | Parked]]
Check = Callable[[str, str, None, Mapping[str, Any]], None]


class DelegateAdapter:
    """Checks what goes in and out; the work, and its bounds, are those of the action that ``dispatch`` does.

    It holds no place of its own while it waits for that action's: it could be the very one it waits for.
    """

    limiter = None

    def __init__(self, registry: CapabilityRegistry, dispatch: Dispatch, check: Check) -> None:
        self._registry = registry
        self._dispatch = dispatch
        self._check = check

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        delegation = self._delegation(self._registry.get(name))
        template = delegation.template
        self._check("tool_call", delegation.name, None, template.value if template is not None else params)

    async def run(self, action: Action) -> ActionResult | Parked:
        kinds = ("agent",) if action.type == "agent_handoff" or action.name is None else KINDS
        capability = self._registry.get(action.name or action.agent_role or "", kinds)
        delegation = self._delegation(capability)
        params = delegation.params(capability.arguments(action.params))
        result = await self._dispatch(
            replace(action, type="tool_call", name=delegation.name, params=params, agent_role=None)
        )
        if isinstance(result, Parked):
            return result
        return ActionResult(True, validated_output(capability, delegation.result(capability.name, result.output)))

    def _delegation(self, capability: Capability) -> Delegation:
        delegation = capability.delegation
        assert delegation is not None  # or it would not have been routed here
        if self._registry.delegates(delegation.name):
            raise ActionRefused(f"`{capability.name}` stands for `{delegation.name}`, which stands for yet another.")
        return delegation
