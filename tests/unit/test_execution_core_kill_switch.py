"""Which signals deny which actions; what cannot be understood denies."""

from __future__ import annotations

from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from psg_runtime.execution_core import FinalDecision, action_type_of, execute, kill_switch_active


class Kind(Enum):
    SEND = "send"


class Slotted:
    __slots__ = ("deny_actions",)

    def __init__(self, deny_actions: Any) -> None:
        self.deny_actions = deny_actions


DENYING: list[Any] = [
    True, 1, "true", "yes", "ture", ["send"], ("SEND",), {"send"}, ["*"], ["all"], [Kind.SEND], [7], {"send": True},
    {"*": True}, {"Send": 1}, {"global": True}, {"active": True}, {"active": True, "action_types": ["send"]},
    {"action_types": ["send"]}, {"active": True, "actions": {"send": True}}, {"reason": "maintenance"}, object(),
    float("nan"), {"active": {"active": {"active": True}}}, {"active": True, "reason": "fire"},
]  # fmt: skip
QUIET: list[Any] = [
    None, False, 0, "", "false", "Off", [], (), {}, ["read"], {"read": True}, {"send": False}, {"active": False},
    {"active": True, "action_types": ["read"]}, {"active": False, "action_types": ["send"]}, {"action_types": []},
    {"send": None, "read": True}, {"active": None},
]  # fmt: skip


@pytest.mark.req("EXEC-17", "EXEC-18")
@pytest.mark.parametrize("signal", DENYING, ids=lambda signal: type(signal).__name__)
def test_signals_that_deny(signal: Any) -> None:
    for context in contexts(signal):
        assert kill_switch_active(context, "send")


@pytest.mark.req("EXEC-17", "EXEC-18")
@pytest.mark.parametrize("signal", QUIET, ids=repr)
def test_signals_that_do_not(signal: Any) -> None:
    for context in contexts(signal):
        assert not kill_switch_active(context, "send")


def contexts(signal: Any) -> list[dict[str, Any]]:
    return [
        {"ops_deny_actions": signal},
        {"opsDenyActions": signal},
        {"kill_switch": signal},
        {"ops_health": {"kill_switch": signal, "score": 0.9}},
        {"opsHealth": {"killSwitch": signal}},
        {"ops-health": {"signals": [], "kill-switch": signal}},
        {"ops": {"health": {"deny_actions": signal}}},
        {"ops_health": [{"kill_switch_active": signal}]},
        {"ops_health": SimpleNamespace(ops_deny_actions=signal)},
        {"ops_health": Slotted(signal)},
        {"global_kill_switch": signal},
        {"KILL_SWITCH_ENGAGED": signal},
    ]


@pytest.mark.req("EXEC-18")
@pytest.mark.parametrize(
    "context",
    [
        {},
        {"kill_switch_checked_at": "noon"},
        {"skill_switch": 1},
        {"ops_health": None},
        {"ops_health": "green"},
        {"health": 100},
        {"ops_health": {}},
    ],
)
def test_no_signal_does_not_deny(context: Any) -> None:
    assert not kill_switch_active(context, "send")


@pytest.mark.parametrize("context", [None, [], "x", 5])
def test_no_context_denies(context: Any) -> None:
    assert kill_switch_active(context, "send")


def test_an_action_of_an_unknown_type_is_denied_by_any_signal() -> None:
    assert kill_switch_active({"ops_deny_actions": ["read"]}, None)
    assert not kill_switch_active({"ops_deny_actions": []}, None)


def test_signals_nested_without_end_deny() -> None:
    group: dict[str, Any] = {}
    group["ops"] = group
    signal: dict[str, Any] = {}
    signal["active"] = signal
    assert kill_switch_active(group, "send")
    assert kill_switch_active({"kill_switch": signal}, "send")


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("send", "send"), (Kind.SEND, "send"), ({"type": "send"}, "send"), ({"action_type": Kind.SEND}, "send"),
        ({"actionType": "send"}, "send"), (SimpleNamespace(type=Kind.SEND), "send"), ({"name": "x"}, None), (5, None),
        (None, None), ({"type": 5}, None),
    ],
)  # fmt: skip
def test_the_type_of_an_action(action: Any, kind: str | None) -> None:
    assert action_type_of(action) == kind


@pytest.mark.anyio
@pytest.mark.req("EXEC-17", "EXEC-18")
async def test_a_switch_of_some_actions_leaves_the_others() -> None:
    done = []

    async def executor(action: Any, context: Any) -> None:
        done.append(action)

    context = {"ops_health": {"kill_switch": {"active": True, "action_types": ["send"]}}}
    reports = [await execute(FinalDecision(a, True), context, None, executor) for a in ("send", "read")]
    assert [report.status for report in reports] == ["denied", "success"]
    assert done == ["read"]
