"""The loader of named statements, migrations and Browser assets."""

from __future__ import annotations

import zlib

import pytest

import psg_cypher
from psg_cypher import StatementSourceError, UnknownStatement, parse_migration, parse_statements

TWO = """// A comment of the file.

// name: plan_get :read :one
// One plan.
// With its counters.
MATCH (p:Plan {id: $id})
// inner comment stays
RETURN p;

// name: plan_touch :write :none
MATCH (p:Plan {id: $id}) SET p.at = 1
"""


def test_statements_are_split_at_their_headers() -> None:
    first, second = parse_statements(TWO, "plan.cypher")
    assert (first.name, first.mode, first.cardinality) == ("plan_get", "read", "one")
    assert first.file == "plan.cypher"
    assert first.description == "One plan. With its counters."
    assert first.text == "MATCH (p:Plan {id: $id})\n// inner comment stays\nRETURN p"
    assert (second.name, second.mode, second.cardinality) == ("plan_touch", "write", "none")
    assert second.text == "MATCH (p:Plan {id: $id}) SET p.at = 1"


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("MATCH (n) RETURN n", "x.cypher:1: text before"),
        ("// name: Plan-Get :read :one\nRETURN 1", "x.cypher:1: bad header"),
        ("// name: plan_get :both :one\nRETURN 1", "bad header"),
        ("// name: plan_get :read\nRETURN 1", "bad header"),
        ("\n// name: plan_get :read :one\n// only words\n", "x.cypher:2: statement 'plan_get' is empty"),
    ],
)
def test_bad_files_are_refused_with_their_line(text: str, fragment: str) -> None:
    with pytest.raises(StatementSourceError, match=fragment):
        parse_statements(text, "x.cypher")


def test_unknown_name_proposes_near_matches() -> None:
    known = next(iter(psg_cypher.statements()))
    with pytest.raises(UnknownStatement) as caught:
        psg_cypher.statement(known + "x")
    assert isinstance(caught.value, KeyError)
    assert known in str(caught.value)


def test_every_packaged_statement_can_be_asked_for_by_name() -> None:
    known = psg_cypher.statements()
    assert known
    for name, item in known.items():
        assert psg_cypher.statement(name) is item
        assert item.name == name
        assert item.description, f"{item.file}: {name} says nothing about itself"


def test_migration_checksum_sees_statements_and_ignores_comment_lines() -> None:
    text = "// why\nCREATE INDEX a IF NOT EXISTS FOR (n:A) ON (n.x);\nRETURN ';' AS a;\n"
    made = parse_migration("V0001__first_step.cypher", text)
    assert (made.version, made.description, made.order) == ("0001", "first step", (1,))
    assert made.statements == ("CREATE INDEX a IF NOT EXISTS FOR (n:A) ON (n.x)", "RETURN ';' AS a")
    assert made.checksum == str(zlib.crc32("".join(made.statements).encode()))
    assert parse_migration("V0001__first_step.cypher", "// else\n" + text).checksum == made.checksum
    assert parse_migration("V0001__first_step.cypher", text.replace("n.x", "n.y")).checksum != made.checksum


@pytest.mark.parametrize("name", ["1__x.cypher", "V1_x.cypher", "V1__.cypher", "V1__x.cql"])
def test_migration_file_names_are_checked(name: str) -> None:
    with pytest.raises(StatementSourceError, match=r"V0001__what"):
        parse_migration(name, "RETURN 1;")


def test_migration_without_statement_is_refused() -> None:
    with pytest.raises(StatementSourceError, match="no statement"):
        parse_migration("V0002__x.cypher", "// nothing\n")


@pytest.mark.parametrize("name", ["nothing.html", "../loader.py", "..", ""])
def test_asset_outside_the_browser_folder_is_not_found(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        psg_cypher.asset(name)
