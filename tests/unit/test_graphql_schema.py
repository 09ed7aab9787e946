"""The schema is the one checked in, and the policy knows every root field."""

from __future__ import annotations

import pytest
from graphql import GraphQLSchema

from psg_graphql.export import TARGET, main, schema_text
from psg_graphql.policy import ROOT_FIELDS
from psg_graphql.schema import make_schema
from psg_graphql.settings import ApiSettings


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make_schema(ApiSettings())._schema


def test_checked_in_schema_is_the_one_of_the_code() -> None:
    assert TARGET.read_text(encoding="utf-8") == schema_text(), "run: python -m psg_graphql.export"


def test_export_writes_the_schema(tmp_path, capsys) -> None:
    assert main([str(tmp_path / "s.graphql")]) == 0
    assert main(["-"]) == 0
    assert (tmp_path / "s.graphql").read_text() == capsys.readouterr().out == schema_text()


def test_policy_table_has_exactly_the_root_fields(schema: GraphQLSchema) -> None:
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    fields = {f"{root.name}.{field}" for root in roots if root for field in root.fields}
    assert fields == set(ROOT_FIELDS)


def test_reading_is_only_read_and_writing_never() -> None:
    for field, rule in ROOT_FIELDS.items():
        assert (rule.action in ("read", "query")) == (not field.startswith("Mutation.")), field


def test_every_mutation_has_one_input_and_a_union_with_failures(schema: GraphQLSchema) -> None:
    assert schema.mutation_type
    failures = {"NotFound", "Conflict", "ValidationError", "Forbidden", "Refused"}
    for name, field in schema.mutation_type.fields.items():
        assert list(field.args) == ["input"], name
        assert "commandId" in field.args["input"].type.of_type.fields, name
        members = {t.name for t in field.type.of_type.types}
        assert failures < members and len(members) == 6, name
