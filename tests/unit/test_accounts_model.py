"""Scopes of tokens never widen what is granted; texts of tokens; who is asked and who is not."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from psg.accounts import EVERYWHERE, GRANTABLE, ROLES, Accounts, check_actor, scoped
from psg.accounts.secret import fits, hashed, id_in, new_token
from psg.errors import Unauthenticated, ValidationFailed
from psg_graphql.identity.errors import ActorRefused, IdentityUnavailable
from psg_graphql.identity.identify import Identity, identity_failure, identity_refusal
from psg_graphql.policy import PERMITS
from psg_graphql.principal import Principal
from psg_graphql.settings import ApiSettings
from psg_neo4j.errors import DatabaseUnavailable

PROJECTS = [str(uuid.UUID(int=n, version=4)) for n in range(3)]
GRANTS = st.dictionaries(
    st.sampled_from([EVERYWHERE, *PROJECTS]), st.frozensets(st.sampled_from(GRANTABLE), min_size=1), max_size=4
)
OPERATOR = "the-token-of-the-operator"


def may(grants: dict[str, frozenset[str]], project: str | None) -> set[str]:
    """What can be done in a project, by the policy."""
    held = Principal("x", grants=grants).granted(project)
    assert held is not None
    return {action for role in held for action in PERMITS[role]}


@given(GRANTS, st.none() | st.frozensets(st.sampled_from(PROJECTS), min_size=1),
       st.none() | st.frozensets(st.sampled_from(GRANTABLE), min_size=1))  # fmt: skip
def test_a_scope_only_ever_narrows(
    grants: dict[str, frozenset[str]], projects: frozenset[str] | None, roles: frozenset[str] | None
) -> None:
    left = scoped(grants, projects, roles)
    for project in (None, *PROJECTS):
        can = may(left, project)
        assert can <= may(grants, project)
        if roles is not None:
            assert can <= {action for role in roles for action in PERMITS[role]}
        if projects is not None and project not in projects:
            assert can == set()
    if projects is None and roles is None:
        assert left == grants


@given(GRANTS, st.frozensets(st.sampled_from(ROLES), min_size=1))
def test_a_scope_leaves_what_both_allow(grants: dict[str, frozenset[str]], roles: frozenset[str]) -> None:
    """A token for `viewer` of an admin may view."""
    for project in PROJECTS:
        if "admin" in (Principal("x", grants=grants).granted(project) or ()):
            held = Principal("x", grants=scoped(grants, None, roles)).granted(project)
            assert held is not None and roles <= held


def test_the_text_of_a_token_is_found_again_by_its_hash_only() -> None:
    token_id, text, kept = new_token()
    assert id_in(text) == token_id
    assert fits(text, kept)
    assert not fits(text, hashed(text + "x"))
    assert not fits(text, "")
    assert text.split("_")[2] not in kept
    assert len({new_token()[1] for _ in range(100)}) == 100
    again = [new_token(("ann", "command")) for _ in range(2)]
    assert again[0][0] == again[1][0] != new_token(("bob", "command"))[0]
    assert again[0][1] != again[1][1]


@pytest.mark.parametrize("name", ["ann", "oidc:auth0|5f", "a.b@c-d+e/worker-1", "A" * 200])
def test_names_of_actors(name: str) -> None:
    assert check_actor(name) == name


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a\n", "A" * 201, "é", "<b>", "a'", None, 5, ["a"]])
def test_what_is_no_name_of_an_actor(name: object) -> None:
    with pytest.raises(ValidationFailed):
        check_actor(name)


class Untouched:
    """A database that nobody may ask."""

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"the database was asked: {name}")


def identity(**settings: object) -> Identity:
    return Identity(Accounts(Untouched()), ApiSettings(**settings))  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_where_nobody_is_asked_and_for_the_operator_nothing_is_read() -> None:
    for authorization in (None, "Bearer x", f"Bearer psg_{'0' * 16}_{'0' * 64}", 5):
        who = await identity().identify(authorization, "ann")
        assert (who.name, who.grants, who.method) == ("ann", None, "none")
        assert await identity().refresh(who) == who
    asked = identity(token=SecretStr(OPERATOR))
    who = await asked.identify(f"Bearer {OPERATOR}", None)
    assert (who.grants, who.method) == (None, "operator_token")
    assert await asked.refresh(who) == who


@pytest.mark.anyio
async def test_a_mode_that_is_off_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def record(self: Accounts, record: object) -> None:
        told.append(str(getattr(record, "reason", "")))

    monkeypatch.setattr(Accounts, "record", record)
    monkeypatch.setenv("PSG_OIDC_ISSUER", "https://id.example.org")
    monkeypatch.setenv("PSG_OIDC_AUDIENCE", "psg")
    with pytest.raises(Unauthenticated):
        await identity(auth="oidc").identify(f"Bearer {new_token()[1]}", None)
    with pytest.raises(Unauthenticated):
        await identity(auth="token").identify("Bearer a.b.c", None)
    assert told == ["unknown", "unknown"]


def test_strangers_learn_nothing_of_the_database() -> None:
    away = DatabaseUnavailable("bolt://db.internal:7687 does not answer")
    assert isinstance(identity_failure(away), IdentityUnavailable)
    answer = identity_refusal(away)
    assert answer.status_code == 503
    assert b"db.internal" not in bytes(answer.body)
    assert identity_refusal(ActorRefused("no")).status_code == 403
    assert identity_refusal(ValidationFailed("no")).status_code == 400
    assert identity_refusal(Unauthenticated("no")).status_code == 401
