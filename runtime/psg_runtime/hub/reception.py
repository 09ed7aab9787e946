"""The modules of this process as receivers: who there is, and what becomes of a message that one of them takes."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import isawaitable
from typing import Any

import orjson
import structlog

from psg.errors import ValidationFailed
from psg.model.codec import storable
from psg.model.ids import derived_id
from psg_runtime.ael.failures import failure_of
from psg_runtime.ael.masking import SecretMask
from psg_runtime.hub.errors import UnknownTarget
from psg_runtime.hub.message import MESSAGE_BYTES, InterModuleMessage, MessageResult
from psg_runtime.hub.port import MessageHandler, ModuleDirectory

log = structlog.get_logger(__name__)

_speaking: ContextVar[str | None] = ContextVar("psg_hub_speaking", default=None)


def speaking() -> str | None:
    """The module whose code runs here now, as far as the hub called it; ``None`` outside of modules."""
    return _speaking.get()


@contextmanager
def speaks(module: str | None) -> Iterator[None]:
    """Let the code of the block be that of a module, or of none."""
    token = _speaking.set(module)
    try:
        yield
    finally:
        _speaking.reset(token)


class Reception:
    """Modules that were registered with a handler of their own, and those that a directory knows."""

    def __init__(self, directory: ModuleDirectory | None) -> None:
        self._directory = directory
        self._handlers: dict[str, MessageHandler] = {}
        self._mask = SecretMask()
        self._keyed = directory is not None and _takes_key(directory)

    @property
    def fixed(self) -> bool:
        """Whether modules come and go through ``add`` and ``remove`` only."""
        return self._directory is None

    def add(self, module: str, handler: MessageHandler) -> None:
        """Take messages for ``module``; another handler for it takes the place of the first."""
        self._handlers[module] = handler

    def remove(self, module: str) -> bool:
        """Take no more messages for ``module``; whether any were taken."""
        return self._handlers.pop(module, None) is not None

    async def known(self) -> set[str]:
        """The modules of this process, also those that are out of service for a while."""
        return {*self._handlers, *(await self._listed())}

    async def serving(self) -> set[str]:
        """The modules that take messages here now."""
        return {*self._handlers, *(name for name, serves in (await self._listed()).items() if serves)}

    async def _listed(self) -> dict[str, bool]:
        if self._directory is None:
            return {}
        listed = self._directory.list_modules()
        found = await listed if isawaitable(listed) else listed
        status = {str(module.module_type): str(getattr(module, "status", "running")) for module in found}
        return {name: state == "running" for name, state in status.items() if state != "stopped"}

    async def handle(self, message: InterModuleMessage, *, since: float, deliveries: int = 1) -> MessageResult:
        """Give a message to its module; ``since`` is when it was accepted, by this process's monotonic clock."""
        output: Any = None
        error: dict[str, Any] | None = None
        try:
            with speaks(message.target_module):
                output = _checked(await self._call(message))
        except Exception as raised:
            error = self._mask.value(failure_of(raised))
            log.info(
                "message_failed", message=message.id, target=message.target_module, operation=message.operation,
                code=error["code"], correlation_id=message.correlation_id,
            )  # fmt: skip
        return result_of(message, output, error, (time.monotonic() - since) * 1000, deliveries)

    async def _call(self, message: InterModuleMessage) -> Any:
        handler = self._handlers.get(message.target_module)
        if handler is not None:
            return await handler(message)
        if self._directory is None:
            raise UnknownTarget(
                f"target_module: {message.target_module!r} was shut down before it took the message",
                target=message.target_module, correlation_id=message.correlation_id,
            )  # fmt: skip
        key = {"idempotency_key": derived_id("hub_operation", message.id)} if self._keyed else {}
        return await self._directory.invoke(
            message.target_module, message.operation, dict(message.payload),
            correlation_id=message.correlation_id, **key,
        )  # fmt: skip


def _takes_key(directory: ModuleDirectory) -> bool:
    parameters = inspect.signature(directory.invoke).parameters
    return "idempotency_key" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def result_of(
    message: InterModuleMessage, output: Any, error: dict[str, Any] | None, duration_ms: float, deliveries: int = 1
) -> MessageResult:
    """The result of a message that was answered so."""
    return MessageResult(
        message_id=message.id, correlation_id=message.correlation_id, source_module=message.source_module,
        target_module=message.target_module, operation=message.operation,
        status="completed" if error is None else "failed", output=output, error=error,
        duration_ms=max(0.0, duration_ms), deliveries=deliveries,
    )  # fmt: skip


def _checked(output: Any) -> Any:
    """An output as JSON, as every process sees it."""
    try:
        text = orjson.dumps(output)
    except TypeError as error:
        raise ValidationFailed(f"the module's output is not JSON: {error}") from None
    if len(text) > MESSAGE_BYTES:
        raise ValidationFailed(
            f"the module's output has {len(text)} bytes; up to {MESSAGE_BYTES} are allowed: return where it is",
            size=len(text), limit=MESSAGE_BYTES,
        )  # fmt: skip
    plain = orjson.loads(text)
    if not storable(plain):
        raise ValidationFailed("the module's output is not JSON that can be kept")
    return plain
