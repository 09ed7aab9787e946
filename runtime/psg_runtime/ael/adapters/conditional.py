"""A conditional step without a capability: that it runs at all is its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg_runtime.ael.port import Action, ActionResult


class ConditionalAdapter:
    """The condition was decided before the claim; params are the output, for steps that build on it (ORCH-30)."""

    limiter = None

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        """Nothing is needed."""

    async def run(self, action: Action) -> ActionResult:
        return ActionResult(True, {"condition": True, **action.params})
