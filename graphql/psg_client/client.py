"""The client: every operation of ``graphql/operations`` as a method, and two subscriptions that never lose a place."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import anyio

from psg_client.generated import Event, EventBatch, EventFamily, Operations, PlanProgress
from psg_client.transport import Backoff, Token, Transport

DEFAULT_URL = "http://127.0.0.1:8765/graphql"


class Client(Operations):
    """One connection to the API; use as ``async with Client(url) as client``.

    ``token`` is the bearer token or a function that gives it, ``actor`` the name that commands carry, ``timeout_s`` the
    seconds for one answer, ``retry_for_s`` how long a call is repeated while nobody answers (each mutation carries a
    command id, so that the repeat has no second effect), ``silence_s`` how long a subscription may be silent before it
    connects anew. With ``document_ids`` operations are sent as hashes where the server knows them. Methods raise errors
    of :mod:`psg_client.errors`.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: Token | None = None,
        actor: str | None = None,
        timeout_s: float = 60.0,
        retry_for_s: float = 10.0,
        silence_s: float = 40.0,
        document_ids: bool = False,
    ) -> None:
        headers = {"X-PSG-Actor": actor} if actor else {}
        super().__init__(
            Transport(
                url,
                token=token,
                timeout_s=timeout_s,
                retry_for_s=retry_for_s,
                silence_s=silence_s,
                headers=headers,
                document_ids=document_ids,
            )
        )
        self.url = url

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def events(
        self,
        project_id: str,
        *,
        after: str | None = None,
        families: Sequence[EventFamily] | None = None,
        plan_id: str | None = None,
    ) -> AsyncGenerator[Event]:
        """The project's events behind the cursor ``after`` (exclusive), without end, gaps or repeats.

        Goes on across lost connections and restarts of the server. An event's ``cursor`` is where to go on later.
        Raises CursorExpired, and for want of an answer for ``retry_for_s`` ApiUnavailable or the server's last
        retryable error.
        """
        backoff = Backoff()
        while True:
            stream = self.watch_events(
                project_id=project_id, after=after, families=list(families) if families else None, plan_id=plan_id
            )
            async with aclosing(stream):
                async for item in stream:
                    after = item.cursor
                    if isinstance(item, EventBatch):
                        backoff.reset()
                        for event in item.events:
                            yield event
            await anyio.sleep(backoff.next())  # the server said good-bye; its successor knows the cursor

    async def plan_progress(self, plan_id: str, *, after: str | None = None) -> AsyncGenerator[PlanProgress]:
        """Where a plan stands, each time that changes, until it is finished; goes on like ``events``."""
        backoff = Backoff()
        while True:
            async with aclosing(self.watch_plan(plan_id=plan_id, after=after)) as stream:
                async for item in stream:
                    after = item.cursor
                    if isinstance(item, PlanProgress):
                        backoff.reset()
                        yield item
                        if item.finished:
                            return
            await anyio.sleep(backoff.next())


def client_of(url: str | None = None, token: Token | None = None, actor: str | None = None, **options: Any) -> Client:
    """A client of what the environment names where the caller does not: PSG_API_URL, PSG_API_TOKEN, PSG_ACTOR.

    An address without a path is that of a platform, whose API is at ``/graphql``.
    """
    named = url or os.environ.get("PSG_API_URL") or DEFAULT_URL
    if urlsplit(named).path in ("", "/"):
        named = f"{named.rstrip('/')}/graphql"
    return Client(
        named, token=token or os.environ.get("PSG_API_TOKEN") or None,
        actor=actor or os.environ.get("PSG_ACTOR") or None, **options,
    )  # fmt: skip
