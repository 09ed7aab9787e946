"""Root fields: each asks the policy first, by its own name and its own arguments."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from psg.errors import Denied, PsgError
from psg_graphql.access import admit, judge_again, record_denial, record_outcome
from psg_graphql.failures import failure
from psg_graphql.policy import ROOT_FIELDS, NoAccess

F = TypeVar("F", bound=Callable[..., Any])


def query(description: str) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """Make a method a field of Query; errors go to the response's ``errors``."""

    def decorate(resolver: Callable[..., Awaitable[Any]]) -> Any:
        name = f"Query.{to_camel_case(resolver.__name__)}"

        @functools.wraps(resolver)
        async def guarded(self: Any, info: Any, **arguments: Any) -> Any:
            try:
                begun = await admit(info.context, name, arguments)
            except NoAccess:
                if ROOT_FIELDS[name].null:
                    return None
                raise
            return await _watched(info.context, name, arguments, resolver(self, info, **arguments), begun)

        return strawberry.field(resolver=guarded, description=description)

    return decorate


def mutation(description: str) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """Make a method a field of Mutation; expected errors become members of its result union."""

    def decorate(resolver: Callable[..., Awaitable[Any]]) -> Any:
        name = f"Mutation.{to_camel_case(resolver.__name__)}"

        @functools.wraps(resolver)
        async def guarded(self: Any, info: Any, **arguments: Any) -> Any:
            try:
                begun = await admit(info.context, name, arguments)
                return await _watched(info.context, name, arguments, resolver(self, info, **arguments), begun)
            except PsgError as error:
                return failure(error)

        return strawberry.mutation(resolver=guarded, description=description)

    return decorate


def subscription(description: str) -> Callable[[Callable[..., AsyncGenerator[Any]]], Any]:
    """Make a method a field of Subscription; what it yields is judged anew before it is sent.

    One that may not go on ends with an error of code ``forbidden`` or ``unauthenticated``; ``details.cursor`` is that
    of the last item that was sent.
    """

    def decorate(resolver: Callable[..., AsyncGenerator[Any]]) -> Any:
        name = f"Subscription.{to_camel_case(resolver.__name__)}"

        @functools.wraps(resolver)
        async def guarded(self: Any, info: Any, **arguments: Any) -> AsyncGenerator[Any]:
            context = info.context
            await admit(context, name, arguments)
            stream = resolver(self, info, **arguments)
            cursor = arguments.get("after") or context.last_event_id
            try:
                async for item in stream:
                    await judge_again(context, name, arguments)
                    cursor = getattr(item, "cursor", cursor)
                    yield item
            except Denied as denied:  # also while there was nothing to tell
                await record_denial(context, name, ROOT_FIELDS[name], arguments, denied)
                denied.details["cursor"] = cursor
                raise
            finally:
                await stream.aclose()

        return strawberry.subscription(resolver=guarded, description=description)

    return decorate


async def _watched(
    context: Any, name: str, arguments: dict[str, Any], resolving: Awaitable[Any], begun: str | None
) -> Any:  # fmt: skip
    """Resolve; what is denied on the way is recorded like what the policy denies, and so is privilege that failed."""
    try:
        return await resolving
    except PsgError as error:
        await record_outcome(context, name, arguments, error, begun)
        raise
