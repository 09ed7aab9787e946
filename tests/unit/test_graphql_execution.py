"""The short way through plain fields gives what graphql-core gives, errors and their places included."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from psg_graphql.execution import RowExecution

pytestmark = pytest.mark.anyio


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Leaf(Named):
    colour: Colour
    size: int | None = None
    weight: float = 1.5
    words: list[str] = strawberry.field(default_factory=list)

    @strawberry.field
    def shout(self, times: int = 1) -> str:
        return self.name.upper() * times


@strawberry.type
class Tree(Named):
    leaves: list[Leaf | None]
    fallen: list[Leaf]
    best: Leaf | None = None

    @strawberry.field
    async def later(self) -> list[Leaf]:
        return self.fallen

    @strawberry.field
    async def broken(self) -> str | None:
        raise ValueError("no")


def leaf(number: int, **given: Any) -> Leaf:
    return Leaf(**({"name": f"leaf {number}", "colour": Colour.RED, "size": number, "words": ["a", "b"]} | given))


TREES = [
    Tree(name="sound", leaves=[leaf(1), None, leaf(3, size=None)], fallen=[leaf(4), leaf(5)], best=leaf(6)),
    Tree(name="empty", leaves=[], fallen=[]),
    Tree(name="no name inside", leaves=[leaf(1, name=None), leaf(2)], fallen=[leaf(3)]),
    Tree(name="null where none may be", leaves=[leaf(1)], fallen=[leaf(2), None]),  # type: ignore[list-item]
    Tree(name="no colour", leaves=[leaf(1, colour="green")], fallen=[]),
    Tree(name="an exception as value", leaves=[leaf(1, size=ValueError("size"))], fallen=[]),
    Tree(name="an object of another kind", leaves=[Tree(name="t", leaves=[], fallen=[])], fallen=[]),  # type: ignore[list-item]
    Tree(name="a number too large", leaves=[leaf(1, size=2**40)], fallen=[leaf(2, weight=float("nan"))]),
    Tree(name=None, leaves=[], fallen=[]),  # type: ignore[arg-type]
    Tree(name="a tuple", leaves=(leaf(1),), fallen=[]),  # type: ignore[arg-type]
]
QUERIES = [
    "{ trees { name leaves { name colour size weight } } }",
    "{ trees { fallen { name } later { name colour } broken name } }",
    "{ trees { __typename best { kind: __typename name } n: name leaves { words shout } } }",
    "{ trees { ...on Tree { fallen { ...F } } leaves { ...F shout(times: 2) } } } fragment F on Leaf { colour size }",
    "query Q($no: Boolean = false) { trees { name @skip(if: true) leaves { size @include(if: $no) name } } }",
    "{ named { name __typename ... on Leaf { size } ... on Tree { fallen { name } } } }",
    "{ trees { name leaves { name } leaves { size } } first: trees { name } }",
    "{ trees { leaves { __typename } } }",
]


def schema(trees: list[Tree], execution: type | None, extensions: Any = ()) -> strawberry.Schema:
    @strawberry.type
    class Query:
        @strawberry.field
        def trees(self) -> list[Tree | None]:
            return list(trees)

        @strawberry.field
        async def named(self) -> list[Named]:
            return [*trees, leaf(9)]

    return strawberry.Schema(
        query=Query, types=[Tree, Leaf], execution_context_class=execution, extensions=extensions,
        config=StrawberryConfig(disable_field_suggestions=True),
    )  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("number", range(len(TREES)), ids=lambda n: str(TREES[n].name))
async def test_answers_and_errors_are_those_of_graphql_core(query: str, number: int) -> None:
    trees = [TREES[0], TREES[number], TREES[1]]
    ours = await schema(trees, RowExecution).execute(query)
    theirs = await schema(trees, None).execute(query)
    assert ours.data == theirs.data
    assert repr(ours.data) == repr(theirs.data)  # the order of fields too
    assert [e.formatted for e in ours.errors or ()] == [e.formatted for e in theirs.errors or ()]


async def test_plain_fields_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    usual = RowExecution.build_resolve_info

    def counted(self: Any, field: Any, nodes: Any, kind: Any, path: Any) -> Any:
        asked.append(path.key)
        return usual(self, field, nodes, kind, path)

    monkeypatch.setattr(RowExecution, "build_resolve_info", counted)
    await schema([TREES[0]], RowExecution).execute(QUERIES[0])
    assert asked == ["trees", "leaves"]


async def test_an_extension_that_watches_fields_still_sees_each() -> None:
    seen: list[str] = []

    class Watch(SchemaExtension):
        def resolve(self, _next: Any, root: Any, info: Any, *arguments: Any, **named: Any) -> Any:
            seen.append(info.path.key)
            return _next(root, info, *arguments, **named)

        def on_operation(self) -> Iterator[None]:
            yield

    await schema([TREES[0]], RowExecution, [Watch]).execute("{ trees { name best { name size } } }")
    assert seen == ["trees", "name", "best", "name", "size"]
