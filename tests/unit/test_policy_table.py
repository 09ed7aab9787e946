"""The policy as a table and as a decision: every root field, every argument that names a project, every role."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLSchema, get_named_type, is_input_object_type

from psg.errors import Forbidden, InvalidId, Unauthenticated
from psg_graphql.access import check_plan, decide, projects_named
from psg_graphql.global_id import global_id
from psg_graphql.policy import (
    NESTED_FIELDS,
    PERMITS,
    ROOT_FIELDS,
    NoAccess,
    Rule,
    accessible,
    acting_name,
    authorize,
    check_role,
    worker_name,
)
from psg_graphql.policy_tables import TARGET, written
from psg_graphql.principal import Principal
from psg_graphql.schema import make_schema
from psg_graphql.settings import ApiSettings

OWN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
NODE = "33333333-3333-4333-8333-333333333333"

# Written down independently of the code: what each role may do in its project.
MAY = {
    "viewer": "read",
    "operator": "read create update operate record",
    "approver": "read approve",
    "agent": "read work record",
    "admin": "read create update operate approve work record delete administer query",
    "cypher": "query",
}
ACTIONS = ["read", "create", "update", "operate", "approve", "work", "record", "delete", "administer", "query"]


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return make_schema(ApiSettings())._schema


def principal(**grants: str) -> Principal:
    """A principal by project: ``own``, ``other`` and ``everywhere``."""
    places = {"own": OWN, "other": OTHER, "everywhere": "*"}
    return Principal("ann", grants={places[p]: frozenset(roles.split()) for p, roles in grants.items()})


def paths_of(args: Any, prefix: str = "", seen: frozenset[str] = frozenset()) -> set[str]:
    """The places of arguments of type ID, also inside inputs and lists."""
    found = set()
    for name, arg in args.items():
        kind, path = get_named_type(arg.type), f"{prefix}{snake(name)}"
        if kind.name == "ID":
            found.add(path)
        elif is_input_object_type(kind) and kind.name not in seen:
            assert isinstance(kind, GraphQLInputObjectType)
            found |= paths_of(kind.fields, f"{path}.", seen | {kind.name})
    return found


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def roots_of(schema: GraphQLSchema) -> dict[str, Any]:
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    return {f"{root.name}.{name}": field for root in roots if root for name, field in root.fields.items()}


def test_every_argument_that_is_an_id_is_in_the_table_and_none_else(schema: GraphQLSchema) -> None:
    for name, field in roots_of(schema).items():
        rule = ROOT_FIELDS[name]
        known = {path.partition(":")[0] for path in (*rule.paths, *rule.each, *rule.foreign)}
        assert paths_of(field.args) == known, name


def test_below_the_roots_ids_come_from_rows_only(schema: GraphQLSchema) -> None:
    roots = {root.name for root in (schema.query_type, schema.mutation_type, schema.subscription_type) if root}
    taking, others = set(), set()
    for kind in schema.type_map.values():
        if kind.name in roots or kind.name.startswith("__") or is_input_object_type(kind):
            continue
        for name, field in getattr(kind, "fields", {}).items():
            if paths_of(field.args):
                taking.add(f"{kind.name}.{name}")
            others |= {arg for arg in field.args if f"{kind.name}.{name}" not in NESTED_FIELDS}
    assert taking == set(NESTED_FIELDS)
    harmless = {"first", "after", "status", "latestFirst", "afterNumber"}
    assert others <= harmless, "look whether this can name another project"


@pytest.mark.parametrize("role", sorted(MAY))
@pytest.mark.parametrize("action", ACTIONS)
def test_what_each_role_may_do(role: str, action: Any) -> None:
    allowed = action in MAY[role].split()
    for where, project in (("own", OWN), ("everywhere", OWN), ("everywhere", OTHER), ("everywhere", None)):
        if allowed:
            authorize(principal(**{where: role}), action, "thing", project)
        else:
            with pytest.raises(Forbidden) as refused:
                authorize(principal(**{where: role}), action, "thing", project)
            assert refused.value.code == "forbidden"
            assert refused.value.details["needs"] == sorted(r for r, may in MAY.items() if action in may.split())
    with pytest.raises(NoAccess):
        authorize(principal(own=role), action, "thing", OTHER)
    with pytest.raises(Forbidden):
        authorize(principal(own=role), action, "thing", None)
    assert PERMITS.keys() == MAY.keys()


def test_a_foreign_project_is_refused_as_one_that_does_not_exist() -> None:
    told = []
    for project in (OTHER, NODE):
        with pytest.raises(NoAccess) as refused:
            authorize(principal(own="admin"), "read", "plan", project)
        told.append(refused.value.to_dict())
    assert told[0] == told[1]


def test_who_is_not_restricted_may_do_everything_and_who_proved_nothing_may_not() -> None:
    for field, rule in ROOT_FIELDS.items():
        assert decide(Principal("operator"), rule, {"id": "no id at all"}) is None, field
        with pytest.raises(Unauthenticated):
            decide(Principal("stranger", authenticated=False), rule, {})
        with pytest.raises(Unauthenticated):
            decide(Principal("stranger", authenticated=False, grants={"*": frozenset(("admin",))}), rule, {})


def test_projects_are_found_in_arguments_inputs_and_lists() -> None:
    def member(project: str) -> Any:
        return SimpleNamespace(role_id=global_id("Role", project, NODE))

    rule = ROOT_FIELDS["Mutation.createCollab"]
    given = SimpleNamespace(context_id=global_id("Context", OWN, NODE), participants=[member(OWN), member(OTHER)])
    assert projects_named(rule, {"input": given}) == [OWN, OTHER]
    with pytest.raises(NoAccess):
        decide(principal(own="admin"), rule, {"input": given})
    with pytest.raises(Forbidden, match="several projects"):
        decide(principal(own="admin", other="admin"), rule, {"input": given})
    assert projects_named(ROOT_FIELDS["Query.project"], {"id": OWN}) == [OWN]
    assert projects_named(ROOT_FIELDS["Query.plans"], {"project_id": OWN, "context_id": None}) == [OWN]
    with pytest.raises(InvalidId, match="planId"):
        projects_named(ROOT_FIELDS["Query.steps"], {"plan_id": OWN})


def test_a_field_that_names_no_project_needs_a_role_everywhere_or_anywhere() -> None:
    here, everywhere, nobody = principal(own="viewer"), principal(everywhere="viewer"), principal()
    for kind, passes in (("platform", 0b010), ("members", 0b011), ("anyone", 0b111)):
        rule = Rule("read", "thing", unbound=kind)  # type: ignore[arg-type]
        for bit, who in enumerate((here, everywhere, nobody)):
            if passes >> bit & 1:
                assert decide(who, rule, {}) is None
            else:
                with pytest.raises(Forbidden):
                    decide(who, rule, {})


def test_lists_are_open_where_a_role_is_granted() -> None:
    assert accessible(Principal("x")) is None
    assert accessible(principal(everywhere="approver")) is None
    assert accessible(principal(own="agent", other="viewer")) == {OWN, OTHER}
    assert accessible(principal(own="agent", other="viewer"), "work") == {OWN}
    assert accessible(principal(everywhere="cypher")) == frozenset()


def test_cypher_counts_everywhere_only() -> None:
    for who, may in ((principal(everywhere="cypher"), True), (principal(own="cypher"), False),
                     (principal(own="admin"), False), (principal(everywhere="admin"), True)):  # fmt: skip
        if may:
            authorize(who, "query", "cypher")
        else:
            with pytest.raises(Forbidden):
                authorize(who, "query", "cypher")


def test_approvals_are_given_in_ones_own_name_and_in_a_role_that_one_has() -> None:
    worker = Principal("ann/7", grants={OWN: frozenset(("approver",))}, subject="ann")
    for field in ("approvePlan", "decideConfirm", "delegateApproval", "proposePlan"):
        assert acting_name(worker, f"Mutation.{field}") == "ann"
    assert acting_name(worker, "Mutation.completeTurn") == "ann/7"
    check_role(worker, OWN, "approver")
    check_role(principal(own="admin"), OWN, "security")
    check_role(Principal("operator"), OWN, "security")
    with pytest.raises(Forbidden, match="security"):
        check_role(worker, OWN, "security")
    asked = SimpleNamespace(id=global_id("Confirm", OWN, NODE), role="security")
    with pytest.raises(Forbidden, match="security"):
        decide(worker, ROOT_FIELDS["Mutation.decideConfirm"], {"input": asked})


def test_turns_are_held_under_ones_own_name() -> None:
    ann = Principal("ann/1", grants={OWN: frozenset(("agent",))}, subject="ann")
    assert worker_name(ann, "host:1") == "ann/host:1"
    assert worker_name(ann, "ann/host:1") == "ann/host:1"
    assert worker_name(ann, "bob/host:1") == "ann/bob/host:1"
    assert worker_name(Principal("anybody"), "bob/host:1") == "bob/host:1"
    long = Principal("a" * 190, grants={}, subject="a" * 190)
    names = {worker_name(long, f"{'host' * 10}:{i}") for i in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 200 for name in names)


def test_plans_do_not_call_modules_in_the_name_of_others() -> None:
    text = '{"steps":[{"name":"module.invoke","params":{"actor":"bob"}}]}'
    check_plan(Principal("operator"), OWN, text)
    check_plan(principal(own="admin"), OWN, text)
    check_plan(principal(own="operator"), OWN, '{"steps":[{"name":"http.get"}]}')
    with pytest.raises(Forbidden):
        check_plan(principal(own="operator"), OWN, text)


def test_the_documents_tables_are_those_of_the_policy() -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert text == written(text), "run: python -m psg_graphql.policy_tables"
    assert all(f"`{field.partition('.')[2]}" in text for field in ROOT_FIELDS)
