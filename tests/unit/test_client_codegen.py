"""The generator of the client's typed operations, on a small schema of its own, and the checked-in result."""

from __future__ import annotations

import ast
import sys
from types import ModuleType
from typing import Any

import pytest

from psg_client import Conflict
from psg_client.codegen import GENERATED, OperationInvalid, generate, sources

SCHEMA = '''
scalar JSON
enum Colour { RED GREEN }
interface Failure { code: String!  message: String! }
type Shelf { id: ID!  books(first: Int = 10): [Book!]! }
"""One book."""
type Book { id: ID!  title: String!  colour: Colour  shelf: Shelf  extra: JSON!  similar: [Book]! }
type Added { book: Book!  replayed: Boolean! }
type Conflict implements Failure { code: String!  message: String! }
union AddResult = Added | Conflict
union Entry = Book | Shelf
input Mark { page: Int!  noteText: String }
input AddInput { commandId: ID  title: String!  marks: [Mark!]  best: Mark  colour: Colour = RED }
type Query { book(id: ID!): Book  entries(kinds: [Colour!]): [Entry!]! }
type Mutation {
  "Put a book on the shelf."
  add(input: AddInput!): AddResult!
}
type Subscription { added(after: Int! = 0): Book! }
'''

OPERATIONS = """
fragment BookFields on Book { id title colour extra shelf { id } }
query Book($id: ID!) { book(id: $id) { ...BookFields } }
query Entries($kinds: [Colour!]) {
  entries(kinds: $kinds) { __typename ... on Book { ...BookFields } ... on Shelf { books { similar { title } } } }
}
mutation AddBook($input: AddInput!) {
  add(input: $input) { __typename ... on Added { book { ...BookFields } replayed } ... on Failure { code message } }
}
subscription Added($after: Int! = 0) { added(after: $after) { ...BookFields } }
"""


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module generated for the sample, imported."""
    module = ModuleType("generated_sample")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    text = generate(SCHEMA, {"a.graphql": OPERATIONS})
    exec(compile(text, "generated_sample.py", "exec", dont_inherit=True), vars(module))
    return module


class Recorded:
    """Stands at the place of the network: answers with one JSON object and keeps the variables."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.variables: list[dict[str, Any]] = []

    async def execute(self, document: str, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.variables.append(variables)
        return self.data


BOOK = {"id": "1", "title": "T", "colour": None, "extra": {"a": [1]}, "shelf": {"id": "s"}}


@pytest.mark.anyio
async def test_answers_become_typed_values_all_the_way_down(generated: Any) -> None:
    book = await generated.Operations(Recorded({"book": BOOK})).book(id="1")
    assert book.title == "T" and book.shelf.id == "s" and book.extra == {"a": [1]} and book.colour is None
    assert await generated.Operations(Recorded({"book": None})).book(id="2") is None


@pytest.mark.anyio
async def test_members_of_a_union_are_told_apart_by_their_typename(generated: Any) -> None:
    shelf = {"__typename": "Shelf", "books": [{"similar": [None, {"title": "S"}]}]}
    operations = generated.Operations(Recorded({"entries": [shelf, {"__typename": "Book", **BOOK}]}))
    first, second = await operations.entries()
    assert first.books[0].similar[0] is None and first.books[0].similar[1].title == "S"
    assert type(second).__name__ == "BookFields"


@pytest.mark.anyio
async def test_a_failure_member_is_raised_with_the_servers_code(generated: Any) -> None:
    answer = {"__typename": "Conflict", "code": "stale_revision", "message": "read it again"}
    with pytest.raises(Conflict, match="read it again") as caught:
        await generated.Operations(Recorded({"add": answer})).add_book(title="T")
    assert caught.value.code == "stale_revision"


@pytest.mark.anyio
async def test_input_fields_are_keyword_arguments_and_what_is_not_given_is_not_sent(generated: Any) -> None:
    network = Recorded({"add": {"__typename": "Added", "book": BOOK, "replayed": False}})
    operations = generated.Operations(network)
    mark = generated.Mark(page=3)
    await operations.add_book(title="T", marks=[mark], command_id="given")
    await operations.add_book(title="T", best=generated.Mark(page=1, note_text="n"))
    first, second = (sent["input"] for sent in network.variables)
    assert first == {"commandId": "given", "title": "T", "marks": [{"page": 3}]}
    assert second.pop("commandId") and second == {"title": "T", "best": {"page": 1, "noteText": "n"}}


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ("query A { nothing }", "nothing"),
        ("query A { a: book(id: 1) { id } b: book(id: 2) { id } }", "one root field"),
        ("{ book(id: 1) { id } }", "needs a name"),
    ],
)
def test_operations_it_cannot_use_are_refused(operation: str, reason: str) -> None:
    with pytest.raises(OperationInvalid, match=reason):
        generate(SCHEMA, {"a.graphql": operation})


def test_the_checked_in_module_is_what_schema_and_operations_say() -> None:
    assert GENERATED.read_text("utf-8") == generate(*sources()), "run python -m psg_client.codegen"


def test_the_generated_module_imports_nothing_of_the_server() -> None:
    tree = ast.parse(GENERATED.read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"__future__", "collections.abc", "dataclasses", "typing", "psg_client.calls"}
