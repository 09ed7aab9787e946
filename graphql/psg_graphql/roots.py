"""Root fields: each asks the policy first, by its own name."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from psg.errors import PsgError
from psg_graphql.failures import failure
from psg_graphql.policy import authorize_field

F = TypeVar("F", bound=Callable[..., Any])


def query(description: str) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """Make a method a field of Query; errors go to the response's ``errors``."""

    def decorate(resolver: Callable[..., Awaitable[Any]]) -> Any:
        name = f"Query.{to_camel_case(resolver.__name__)}"

        @functools.wraps(resolver)
        async def guarded(self: Any, info: Any, **arguments: Any) -> Any:
            authorize_field(info.context.actor, name)
            return await resolver(self, info, **arguments)

        return strawberry.field(resolver=guarded, description=description)

    return decorate


def mutation(description: str) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """Make a method a field of Mutation; expected errors become members of its result union."""

    def decorate(resolver: Callable[..., Awaitable[Any]]) -> Any:
        name = f"Mutation.{to_camel_case(resolver.__name__)}"

        @functools.wraps(resolver)
        async def guarded(self: Any, info: Any, **arguments: Any) -> Any:
            try:
                authorize_field(info.context.actor, name)
                return await resolver(self, info, **arguments)
            except PsgError as error:
                return failure(error)

        return strawberry.mutation(resolver=guarded, description=description)

    return decorate


def subscription(description: str) -> Callable[[Callable[..., AsyncGenerator[Any]]], Any]:
    """Make a method a field of Subscription."""

    def decorate(resolver: Callable[..., AsyncGenerator[Any]]) -> Any:
        name = f"Subscription.{to_camel_case(resolver.__name__)}"

        @functools.wraps(resolver)
        async def guarded(self: Any, info: Any, **arguments: Any) -> AsyncGenerator[Any]:
            authorize_field(info.context.actor, name)
            stream = resolver(self, info, **arguments)
            try:
                async for item in stream:
                    yield item
            finally:
                await stream.aclose()

        return strawberry.subscription(resolver=guarded, description=description)

    return decorate
