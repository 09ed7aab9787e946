"""``CommunicationHub``: one door for messages and events between modules, in this process or across all of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

import anyio

from psg.errors import ValidationFailed
from psg.graph import Graph
from psg.model.ids import check_id
from psg_runtime.hub.durable import GraphTransport
from psg_runtime.hub.errors import HubNotRunning
from psg_runtime.hub.events import LogEvents, Subscribers
from psg_runtime.hub.memory import MemoryTransport
from psg_runtime.hub.message import InterModuleMessage, MessagePriority, MessageResult, SystemEvent
from psg_runtime.hub.port import EventHandler, HubSettings, MessageHandler, ModuleDirectory, Transport
from psg_runtime.hub.reception import Reception, speaking
from psg_runtime.hub.refusals import foreign_name, unknown_source, unknown_target

MOST = 10**10
"""No setting is larger: as milliseconds, about four months."""


class CommunicationHub:
    """Routes messages between modules and brings events to subscribers (CORE-27 … CORE-32).

    Without a graph it works inside this process, at once. With ``graph`` and ``project_id`` it works across every
    process that has a hub on that project: a message is stored before it is taken, outlives its sender and its taker,
    and is answered once; use it as ``async with CommunicationHub(graph, project_id) as hub``.

    ``modules`` is who knows the modules of this process (a module manager); others are added by ``register``.
    ``queue_size`` messages at most may wait for an answer of one module, ``timeout_ms`` milliseconds each. ``more`` are
    further settings of ``HubSettings``. Raises ``ValidationFailed`` for settings that are no positive whole numbers.
    """

    def __init__(
        self,
        graph: Graph | None = None,
        project_id: str | None = None,
        *,
        modules: ModuleDirectory | None = None,
        queue_size: int = 1_000,
        timeout_ms: int = 30_000,
        **more: int,
    ) -> None:
        self.settings = _settings(queue_size=queue_size, timeout_ms=timeout_ms, **more)
        self._reception = Reception(modules)
        self._subscribers = Subscribers(timeout_ms)
        self._stack = AsyncExitStack()
        self._durable: GraphTransport | None = None
        self._log: LogEvents | None = None
        self._running = False
        if graph is None:
            self._transport: Transport = MemoryTransport(self._reception, self.settings)
            return
        if project_id is None:
            raise ValidationFailed("project_id: a hub on the graph belongs to a project", field="project_id")
        check_id(project_id, "project_id")
        self._durable = GraphTransport(graph, project_id, self._reception, self.settings)
        self._transport = self._durable
        self._log = LogEvents(graph, project_id, self._subscribers, self.settings)

    async def __aenter__(self) -> Self:
        """Begin to take messages and events from the graph; in memory there is nothing to begin."""
        if self._running:
            raise HubNotRunning("this hub runs already: one block for each hub")
        if self._durable is not None and self._log is not None:
            await self._log.begin()
            async with AsyncExitStack() as stack:
                tasks = await stack.enter_async_context(anyio.create_task_group())
                stack.callback(tasks.cancel_scope.cancel)
                await self._durable.run(tasks)
                tasks.start_soon(self._log.run)
                self._stack = stack.pop_all()
        self._running = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running = False
        if self._durable is not None:
            with anyio.CancelScope(shield=True):
                await self._durable.close()
        await self._stack.aclose()

    # Modules

    async def register(self, module: str, handler: MessageHandler) -> ModuleDoor:
        """Have ``handler`` take the messages to ``module``; what is returned sends messages in its name."""
        _name(module)
        self._reception.add(module, handler)
        await self._transport.announce(module)
        return ModuleDoor(self, module)

    async def unregister(self, module: str) -> None:
        """Take no more messages for ``module`` here; without another process that has it, it is unknown from now on."""
        if self._reception.remove(module):
            await self._transport.withdraw(module)

    def door(self, module: str) -> ModuleDoor:
        """Return what sends messages in the name of ``module``, and of no other."""
        return ModuleDoor(self, _name(module))

    # Messages

    async def route_message(
        self, message: InterModuleMessage | Mapping[str, Any], *, timeout_ms: int | None = None
    ) -> MessageResult:
        """Bring a message to its target module, to nobody else, and return what that made of it.

        ``timeout_ms`` stands in for the hub's own. A module that raises gives a result with ``success`` false. Raises
        ``UnknownTarget``, ``ForeignSource`` (the source is not registered, or the code that sends belongs to another
        module), ``QueueFull`` and ``MessageTimeout``, each a communication error that tells the ``correlation_id``;
        ``ValidationFailed`` for what is no message; ``CommandReused`` for an id that was another message's.
        """
        parsed = await self._admitted(InterModuleMessage.parse(message))
        return await self._transport.deliver(parsed, self._limit(timeout_ms))

    async def enqueue(
        self, message: InterModuleMessage | Mapping[str, Any], *, timeout_ms: int | None = None
    ) -> str:
        """Store a message and wait for no answer; its id, by which ``result`` tells what came of it.

        Without ``timeout_ms`` it waits for its module for as long as that takes. On the graph only; raises as
        ``route_message``.
        """
        parsed = await self._admitted(InterModuleMessage.parse(message))
        await self._graph_only().accept(parsed, None if timeout_ms is None else _positive("timeout_ms", timeout_ms))
        return parsed.id

    async def result(self, message_id: str, *, timeout_ms: int | None = None) -> MessageResult:
        """Wait for the result of a message that was sent by anybody, from this or an earlier process.

        Raises ``MessageForgotten`` for one that is not known (any more), and ``MessageTimeout``.
        """
        return await self._graph_only().result(message_id, self._limit(timeout_ms))

    # Events

    async def broadcast(self, event: SystemEvent | Mapping[str, Any]) -> None:
        """Bring an event to all subscribers of its type; when this returns, those of this process had it.

        On the graph it is an entry of the log, and the subscribers of other processes read it from there. Inside a
        handler it does not wait for the others.
        """
        parsed = SystemEvent.parse(event)
        if parsed.source_module is not None:
            await self._check_source(parsed.source_module, parsed.correlation_id)
        if self._log is None:
            await self._subscribers.deliver(parsed)
            return
        seq = await self._log.broadcast(parsed)
        if self._running and self._subscribers.wants(parsed.type):
            with anyio.move_on_after(self.settings.timeout_ms / 1000):
                await self._log.delivered(seq)

    def subscribe(self, event_type: str, handler: EventHandler) -> None:
        """Deliver events of this type to ``handler`` from now on; on the graph maybe some of the moment before, too."""
        if not callable(handler):
            raise ValidationFailed(f"handler: expected something to call, not {type(handler).__name__}")
        self._subscribers.add(_name(event_type, "event_type"), handler)

    def unsubscribe(self, event_type: str, handler: EventHandler) -> None:
        """Deliver nothing of this type to ``handler`` any more."""
        self._subscribers.remove(event_type, handler)

    # Inside

    async def _admitted(self, message: InterModuleMessage) -> InterModuleMessage:
        _own_name(message.source_module, message.correlation_id)
        if self._durable is None:  # the graph judges it in the commit
            await self._check_source(message.source_module, message.correlation_id)
            if not await self._transport.knows(message.target_module):
                raise unknown_target(message.target_module, message.correlation_id)
        return message

    async def _check_source(self, source: str, correlation_id: str | None) -> None:
        _own_name(source, correlation_id)
        if not await self._transport.knows(source):
            raise unknown_source(source, correlation_id)

    def _limit(self, timeout_ms: int | None) -> int:
        return self.settings.timeout_ms if timeout_ms is None else _positive("timeout_ms", timeout_ms)

    def _graph_only(self) -> GraphTransport:
        if self._durable is None:
            raise HubNotRunning("a hub in memory keeps no messages: give it a graph and a project, or route_message")
        return self._durable


class ModuleDoor:
    """Sends in the name of one module, and refuses any other name."""

    def __init__(self, hub: CommunicationHub, module: str) -> None:
        self._hub = hub
        self.module = module

    async def send(
        self,
        target: str,
        operation: str,
        payload: Mapping[str, Any] | None = None,
        *,
        priority: MessagePriority | str = MessagePriority.NORMAL,
        correlation_id: str | None = None,
        timeout_ms: int | None = None,
    ) -> MessageResult:
        """Make a message and route it (see ``CommunicationHub.route_message``)."""
        fields: dict[str, Any] = {
            "source_module": self.module, "target_module": target, "operation": operation,
            "payload": dict(payload or {}), "priority": priority,
        }  # fmt: skip
        if correlation_id is not None:
            fields["correlation_id"] = correlation_id
        return await self._hub.route_message(InterModuleMessage(**fields), timeout_ms=timeout_ms)

    async def route_message(
        self, message: InterModuleMessage | Mapping[str, Any], *, timeout_ms: int | None = None
    ) -> MessageResult:
        """Route a message of this module; raises ``ForeignSource`` for one in another name."""
        parsed = InterModuleMessage.parse(message)
        _own_name(parsed.source_module, parsed.correlation_id, self.module)
        return await self._hub.route_message(parsed, timeout_ms=timeout_ms)


def _own_name(source: str, correlation_id: str | None, module: str | None = None) -> None:
    """Refuse a name that is not that of ``module``, or of the module whose code runs here."""
    sender = module or speaking()
    if sender is not None and sender != source:
        raise foreign_name(source, sender, correlation_id)


def _settings(**given: int) -> HubSettings:
    known = HubSettings.__slots__
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise ValidationFailed(f"{', '.join(unknown)}: no setting of a hub; known are {', '.join(known)}")
    return HubSettings(**{name: _positive(name, value) for name, value in given.items()})


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise ValidationFailed(f"{name}: {value!r} is not a whole number from 1 to {MOST}", field=name)
    return value


def _name(value: Any, field: str = "module") -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 200:
        raise ValidationFailed(f"{field}: expected a name of 1 to 200 characters", field=field)
    return value
