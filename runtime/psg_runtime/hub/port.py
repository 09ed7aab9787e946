"""The seams of the hub: what takes messages, who knows of modules, and what brings messages there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from psg_runtime.hub.message import InterModuleMessage, MessageResult, SystemEvent

MessageHandler = Callable[[InterModuleMessage], Awaitable[Any]]
"""Takes one message and returns its output as JSON; what it raises is the error of the result."""

EventHandler = Callable[[SystemEvent], Awaitable[object] | object]
"""Takes one event; what it raises is logged and harms nobody else."""


class ModuleLike(Protocol):
    """A module as far as the hub needs to know it; a ``status`` other than ``running`` gets no messages now."""

    @property
    def module_type(self) -> str:
        """The name by which it gets messages."""


class ModuleDirectory(Protocol):
    """Who knows the modules of this process, such as a module manager: each of them can send and get messages.

    An ``invoke`` with a parameter ``idempotency_key`` is given one: a message that is delivered again has it again.
    """

    def list_modules(self) -> Iterable[ModuleLike] | Awaitable[Iterable[ModuleLike]]:
        """The modules of this process."""

    async def invoke(
        self, module_type: str, operation: str, inputs: dict[str, Any], *, correlation_id: str | None = None
    ) -> Any:
        """Have a module do one of its operations."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How a hub works.

    ``queue_size`` messages at most are accepted for a module and not answered; ``timeout_ms`` is how long an answer may
    take, waiting included; ``concurrency`` messages at most are with one module of this process at once. Between
    processes: a message is held by a lease of ``lease_ms``, looked for every ``poll_ms``, and kept with its answer for
    ``keep_ms``; one whose takers died ``max_deliveries`` times fails. On its end a hub waits ``drain_ms`` for handlers.
    """

    queue_size: int = 1_000
    timeout_ms: int = 30_000
    concurrency: int = 8
    lease_ms: int = 5_000
    poll_ms: int = 100
    keep_ms: int = 3_600_000
    max_deliveries: int = 6
    drain_ms: int = 2_000


class Transport(Protocol):
    """Brings messages to modules: in this process, or through the graph to any."""

    async def announce(self, module: str) -> None:
        """Let everybody know that a module takes messages."""

    async def withdraw(self, module: str) -> None:
        """Let everybody know that a module takes no messages any more."""

    async def deliver(self, message: InterModuleMessage, timeout_ms: int) -> MessageResult:
        """Bring a message to its module and its result back."""

    async def knows(self, module: str) -> bool:
        """Whether somebody takes messages under this name."""
