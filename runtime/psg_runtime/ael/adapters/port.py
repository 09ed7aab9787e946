"""What an adapter is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import anyio

from psg_runtime.ael.port import Action, ActionResult, Parked


class Adapter(Protocol):
    """Does the actions of one kind; ``limiter`` bounds how many at a time, None for those that cost nothing."""

    @property
    def limiter(self) -> anyio.CapacityLimiter | None:
        """The bound on actions at the same time."""

    async def run(self, action: Action) -> ActionResult | Parked:
        """Do the action; raises on failure."""

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        """Raise when the action could not be done here at all; params may still hold placeholders."""
