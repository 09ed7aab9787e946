"""Permissions, consent, rates; and rules from configuration."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import ValidationFailed
from psg_runtime.ael import AelSettings
from psg_runtime.hooks import (
    HookChain,
    PolicyHook,
    RateLimiter,
    consent_hook,
    detect_sensitive_data,
    load_hooks,
    loading,
    permission_hook,
    rate_limit_hook,
    rules_hook,
)

pytestmark = pytest.mark.anyio


async def refusal(hook: PolicyHook, context: dict[str, Any] | None = None, **step: Any) -> str | None:
    """Why the hook refuses a step, None when it allows it."""
    decision = await HookChain([hook]).before({"type": "tool", "name": "send", "params": {}, **step}, context)
    assert decision.allow == (decision.reason is None)
    return decision.reason


@pytest.mark.req("ORCH-18")
async def test_missing_permission_is_refused_with_the_specifications_words() -> None:
    asked: list[Any] = []

    async def later(user: Any, capability: str) -> bool:
        asked.append((user, capability))
        return user == "123"

    table = {"123": ["send"], "root": ["*"]}
    for permissions in (table, later, lambda user, capability: user == "123"):
        hook = permission_hook(permissions)
        assert await refusal(hook, {"userId": "123"}) is None
        assert await refusal(hook, {"user_id": "123"}) is None
        for context in ({"userId": "9"}, {}, {"userId": None}, {"userId": ["123"]}):
            assert await refusal(hook, context) == "Insufficient permissions"
    assert asked[0] == ("123", "send")
    assert await refusal(permission_hook(table), {"userId": "123"}, name="delete") == "Insufficient permissions"
    assert await refusal(permission_hook(table), {"userId": "root"}, name="delete") is None
    truthy = permission_hook(lambda user, capability: "no")  # type: ignore[arg-type,return-value]
    assert await refusal(truthy, {"userId": "123"}) == "Insufficient permissions"


@pytest.mark.req("ORCH-18", "EXEC-19")
async def test_a_permission_check_that_breaks_denies() -> None:
    def broken(user: Any, capability: str) -> bool:
        raise ConnectionError("no answer")

    decision = await HookChain([permission_hook(broken)]).before({"name": "send"}, {"userId": "123"})
    assert (decision.allow, decision.fail_closed) == (False, True)


@pytest.mark.req("ORCH-19")
async def test_sensitive_params_need_consent() -> None:
    hook, params = consent_hook(), {"to": {"ssn": "078-05-1120"}}
    says = "Sensitive data detected, consent required"
    assert await refusal(hook, {}, params=params) == says
    for consent in (False, None, "true", 1):
        assert await refusal(hook, {"consentGiven": consent}, params=params) == says
    assert await refusal(hook, {"consentGiven": True}, params=params) is None
    assert await refusal(hook, {"consent_given": True}, params=params) is None
    assert await refusal(hook, {}, params={"query": "weather in Oslo", "maxResults": 5}) is None
    assert await refusal(consent_hook(lambda params: "x" in params), {}, params={"x": 1}) == says


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({"apiKey": "x"}, ["apiKey"]),
        ({"API-KEY": "x"}, ["API-KEY"]),
        ({"db": {"dbPassword": "x"}}, ["db.dbPassword"]),
        ({"client_secret": "x"}, ["client_secret"]),
        ({"list": [{"cvv": 123}]}, ["list[0].cvv"]),
        ({"date_of_birth": "2000-01-01"}, ["date_of_birth"]),
        ({"creditCard": "x"}, ["creditCard"]),
        ({"text": "mail ann@example.org"}, ["text"]),
        ({"n": 4111111111111111}, ["n"]),
        ({"text": "card 4111 1111 1111 1111."}, ["text"]),
        ({"text": "call +44 20 7946 0958"}, ["text"]),
        ({"text": "GB29 NWBK 6016 1331 9268 19"}, ["text"]),
        ({"text": "Authorization: Bearer abcdefgh123"}, ["text"]),
        ({"text": "password=hunter22"}, ["text"]),
        ("ann@example.org", ["value"]),
        ({"max_tokens": 5, "token_count": 9, "tokens": 3, "author": "Ann", "monkey": 1, "keyboard": "x"}, []),
        ({"order": "1234 5678 9012 3456", "sha": "a" * 40, "at": "2026-11-21T10:00:00Z", "n": 1234567890123}, []),
        ({"secret": None, "password": "", "token": False}, []),
        ({}, []),
        (None, []),
    ],
)
def test_what_is_sensitive(params: Any, places: list[str]) -> None:
    assert detect_sensitive_data(params) == places


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_looking_for_sensitive_data_never_raises_and_finds_what_is_planted(value: Any) -> None:
    detect_sensitive_data(value)
    assert "deep[0].mail" in detect_sensitive_data({"x": value, "deep": [{"mail": "ann@example.org"}]})


def test_what_is_nested_too_deep_to_look_through_counts_as_sensitive() -> None:
    value: Any = "x"
    for _ in range(200):
        value = [value]
    assert detect_sensitive_data({"a": value})


@pytest.mark.req("ORCH-16")
async def test_a_rate_is_limited_in_a_sliding_window_per_user_and_capability() -> None:
    clock = [0.0]
    hook = rate_limit_hook(RateLimiter(2, 1000, clock=lambda: clock[0]))
    context = {"userId": "u"}
    assert [await refusal(hook, context) for _ in range(3)] == [None, None, "Rate limit exceeded"]
    assert await refusal(hook, {"userId": "v"}) is None
    assert await refusal(hook, context, name="other") is None
    clock[0] = 0.999
    assert await refusal(hook, context) == "Rate limit exceeded"
    clock[0] = 1.0
    assert [await refusal(hook, context) for _ in range(3)] == [None, None, "Rate limit exceeded"]
    assert await refusal(rate_limit_hook(RateLimiter(0, 1))) == "Rate limit exceeded"

    async def check(user: Any, capability: str) -> bool:
        return user == "u"

    assert await refusal(rate_limit_hook(check), context) is None
    assert await refusal(rate_limit_hook(check), {}) == "Rate limit exceeded"
    for limit, window in ((-1, 1), (1, 0), (True, 1)):
        with pytest.raises(ValidationFailed):
            RateLimiter(limit, window)


RULES = """\
rules:
  - name: large-transfers
    match: step.name == "transfer"
    allow: params.amount <= 1000.0 || context.role == "treasurer"
    reason: Transfers above 1000 need the treasurer
  - name: no-deletes
    deny: step.name.startsWith("delete")
"""


async def test_rules_of_a_file_decide(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    hook = rules_hook(file)
    assert await refusal(hook, {"role": "clerk"}, name="transfer", params={"amount": 10}) is None
    big = {"name": "transfer", "params": {"amount": 5000}}
    assert await refusal(hook, {"role": "clerk"}, **big) == "Transfers above 1000 need the treasurer"
    assert await refusal(hook, {"role": "treasurer"}, **big) is None
    assert await refusal(hook, {}, name="delete_all") == "denied by policy rule `no-deletes`"
    assert await refusal(hook, {}, name="read") is None
    nested = rules_hook([{"name": "r", "deny": "step.params.amount > 5"}])
    assert await refusal(nested, params={"amount": 6}) == "denied by policy rule `r`"


@pytest.mark.req("EXEC-19")
async def test_a_rule_that_cannot_be_evaluated_denies_and_shows_no_value() -> None:
    hook = rules_hook(
        [
            {"name": "r", "allow": "context.level > 3"},
        ]
    )
    for context in ({}, {"level": "marker-secret"}, {"level": None}):
        decision = await HookChain([hook]).before({"name": "x", "params": {}}, context)
        assert (decision.allow, decision.fail_closed) == (False, True)
        assert "rule `r`" in (decision.reason or "") and "marker" not in (decision.reason or "")
    assert await refusal(hook, {"level": 4}) is None
    assert "neither" in (await refusal(rules_hook([{"name": "r", "allow": "context.level"}]), {"level": 4}) or "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules:\n  - name: a\n    allow: step.name ==\n", "line 3"),
        ("rules:\n  - name: a\n", "either `allow` or `deny`"),
        ("rules:\n  - name: a\n    allow: x.y == 1\n", "undeclared"),
        ("rules: []\n", "from 1"),
        ("- a\n", "`rules`"),
        ("rules:\n  - name: a\n    allow: 'true'\n    deny: 'true'\n", "either"),
        ("", "empty"),
        ("rules:\n  - name: a\n    allow: 1 + 1\n", "not true or false"),
        ("rules:\n  - name: a\n    alow: 'true'\n", "unknown key `alow`"),
        ("rules:\n  - name: a\n    allow: true\n", "put it in quotes"),
        ("rules:\n  - name: a\n    allow: 'true'\n  - name: a\n    deny: 'true'\n", "two rules are named `a`"),
        ("rules: !!python/object:os.system []\n", "tag"),
    ],
)
def test_a_file_that_holds_no_rules_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(ValidationFailed, match=says) as caught:
        rules_hook(file)
    assert "rules.yaml" in caught.value.message


async def test_the_hooks_of_a_process_come_from_packages_and_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    offered = EntryPoint("limits", f"{__name__}:offered_hooks", loading.ENTRY_POINT_GROUP)
    monkeypatch.setattr(loading, "entry_points", lambda group: [offered] if group == "psg.policy_hooks" else [])
    monkeypatch.setenv("PSG_POLICY_RULES", str(file))
    chain = load_hooks()
    assert [hook.name for hook in chain.hooks] == ["offered", "policy_rules"]
    assert not (await chain.before({"name": "delete", "params": {}})).allow
    broken = EntryPoint("broken", f"{__name__}:nothing_here", loading.ENTRY_POINT_GROUP)
    monkeypatch.setattr(loading, "entry_points", lambda group: [broken])
    with pytest.raises(ValidationFailed, match="`broken`"):
        load_hooks()
    monkeypatch.setattr(loading, "entry_points", lambda group: [])
    with pytest.raises(ValidationFailed, match="cannot be read"):
        load_hooks(AelSettings(policy_rules=tmp_path / "missing.yaml"))


def offered_hooks() -> list[PolicyHook]:
    """What an installed package would offer."""
    return [PolicyHook("offered", lambda step, context: {"allow": True})]
