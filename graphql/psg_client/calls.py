"""What the generated operations stand on: calls, subscriptions that resume, and small readers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar
from uuid import uuid4

import anyio

from psg_client.errors import ClientError, Unauthenticated, UnknownAnswer, failure
from psg_client.transport import Backoff, TextWanted, Transport

T = TypeVar("T")
Reader = Callable[[Mapping[str, Any]], T]


def command_id_or_new(command_id: str | None) -> str:
    """The caller's command id, or a new one; sent with every repeat, so that a mutation takes effect once."""
    return command_id or str(uuid4())


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The values without those that were not given."""
    return {name: value for name, value in values.items() if value is not None}


def member(answer: Mapping[str, Any], readers: Mapping[str, Reader[T]]) -> T:
    """Read the member of a union; a failure member is raised as its CommandFailed.

    Raises UnknownAnswer for a member that only a newer server has.
    """
    name = str(answer.get("__typename"))
    read = readers.get(name)
    if read is None and "code" not in answer:
        raise UnknownAnswer(name)
    if read is None:
        raise failure(answer)
    return read(answer)


class Calls:
    """A client's calls over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _call(self, document: str, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        return await self._transport.execute(document, name, variables)

    async def _subscribe(
        self,
        document: str,
        name: str,
        variables: dict[str, Any],
        read: Callable[[dict[str, Any]], T],
    ) -> AsyncGenerator[T]:
        """The messages of a subscription, through any number of connections, as if there had been one.

        A message that carries a ``cursor`` moves ``after``, so a new connection goes on behind it. Ends when the
        server completes the subscription. Raises what the API refuses: what is retryable, and ApiUnavailable where
        nobody answers, when the transport's ``retry_for_s`` passed without a message.
        """
        backoff = Backoff()
        lost_at: float | None = None
        renewed = False
        while True:
            try:
                async with self._transport.stream(document, name, variables) as messages, aclosing(messages):
                    async for data in messages:
                        values = _understood(read, data)
                        lost_at, renewed = None, False
                        backoff.reset()
                        for value in values:
                            cursor = getattr(value, "cursor", None)
                            if cursor is not None:
                                variables = {**variables, "after": cursor}
                            yield value
                return
            except TextWanted:
                continue
            except Unauthenticated:
                if renewed or not self._transport.renews:
                    raise
                renewed = True
                continue
            except ClientError as error:
                if not error.retryable:
                    raise
                now = anyio.current_time()
                lost_at = lost_at if lost_at is not None else now
                if now - lost_at >= self._transport.retry_for_s:
                    raise
            await anyio.sleep(backoff.next())


def _understood(read: Callable[[dict[str, Any]], T], data: dict[str, Any]) -> list[T]:
    """The message, or nothing where a newer server tells more than this client understands."""
    try:
        return [read(data)]
    except UnknownAnswer:
        return []
