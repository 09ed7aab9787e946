"""Keyset connections: a cursor is the key of its row, so a page costs the same wherever it begins (ECOSYSTEM 1.4)."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
import strawberry

from psg.errors import ValidationFailed

T = TypeVar("T")
Row = Mapping[str, Any]

Key = str | int | list[str | int]
"""What rows of a list are ordered by."""
K = TypeVar("K", str, int, list[str | int])

MAX_FIRST = 100
DEFAULT_FIRST = 50

First = Annotated[int, strawberry.argument(description="Page size, 1 to 100.")]
After = Annotated[str | None, strawberry.argument(description="Cursor to go on after (exclusive).")]


@strawberry.type(description="Where a page begins and ends.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One item of a page with its cursor.")
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type(description="One page of a list; go on with `after: pageInfo.endCursor`.")
class Connection(Generic[T]):
    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="How many there are in all; counted only when asked for.")
    async def total_count(self) -> int:
        return await self.count()


def page_size(first: int) -> int:
    """Return ``first`` when it is 1 to 100, else raise ``ValidationFailed``."""
    if not 1 <= first <= MAX_FIRST:
        raise ValidationFailed(f"first: {first} is not between 1 and {MAX_FIRST}", field="first", value=first)
    return first


def cursor_of(key: Key) -> str:
    """Return the opaque cursor of a row with this key."""
    return urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def key_of(cursor: str | None, start: K) -> K:
    """Return the key in a cursor, ``start`` for none; raises ``ValidationFailed`` for a foreign text."""
    if cursor is None:
        return start
    try:
        key = orjson.loads(urlsafe_b64decode(f"{cursor}==="))
    except (binascii.Error, ValueError):
        key = None
    if type(key) is not type(start):
        raise ValidationFailed(
            f"after: {cursor[:120]!r} is no cursor of this list; take one from pageInfo.endCursor", field="after"
        )
    return key


def connection(
    rows: Sequence[Row],
    first: int,
    after: str | None,
    key: str,
    make: Callable[[Row], T],
    count: Callable[[], Awaitable[int]],
) -> Connection[T]:
    """Return the page of up to ``first`` of ``rows`` (one more was asked for, to know whether there is a next)."""
    shown = rows[:first]
    edges = [Edge(cursor=cursor_of(row[key]), node=make(row)) for row in shown]
    info = PageInfo(
        has_next_page=len(rows) > first,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, nodes=[e.node for e in edges], page_info=info, count=count)


def log_position(cursor: str | None) -> int:
    """Return the log position in an event cursor, 0 (the beginning) for none; raises ``ValidationFailed``."""
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 16:
        raise ValidationFailed(f"after: {cursor[:120]!r} is no cursor of an event log", field="after")
    return int(cursor)
