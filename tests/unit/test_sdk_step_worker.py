"""How the functions of a worker are called: with what they ask for, async or not, and what misfits is said."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest

from psg_client import TurnFailed, WorkerTurn
from psg_client.step_worker import _Function

pytestmark = pytest.mark.anyio


def turn(**params: Any) -> WorkerTurn:
    facts = {
        "id": "i", "projectId": "p", "planId": "l", "key": "k", "agent": "worker:a", "worker": "w", "fence": 1,
        "attempt": 1, "lost": 0, "type": "agent", "name": "worker:a", "agentRole": None, "description": "",
        "params": params, "idempotencyKey": "x", "planTitle": "t", "objective": "o", "leaseUntil": 1, "leaseMs": 1,
        "until": None,
    }  # fmt: skip
    return WorkerTurn.read(facts)


async def with_turn(turn: WorkerTurn) -> str:
    return turn.key


async def with_both(text: str, turn: Any, *, times: int = 1) -> str:
    return f"{turn.key} {text * times}"


def in_thread(text: str = "none") -> tuple[str, bool]:
    return text, threading.current_thread() is threading.main_thread()


async def anything(**given: Any) -> dict[str, Any]:
    return given


class Agent:
    """An agent that is an object."""

    async def __call__(self, text: str) -> str:
        return text.upper()

    async def method(self, text: str) -> str:
        return text.lower()


@pytest.mark.parametrize(
    ("function", "params", "answer"),
    [
        (with_turn, {"text": "not asked for"}, "k"),
        (with_both, {"text": "ab", "times": 2}, "k abab"),
        (in_thread, {}, ("none", False)),
        (in_thread, {"text": "x"}, ("x", False)),
        (anything, {"a": 1, "b": [2]}, {"a": 1, "b": [2]}),
        (Agent(), {"text": "a"}, "A"),
        (Agent().method, {"text": "A"}, "a"),
        (functools.partial(anything, a=1), {"b": 2}, {"a": 1, "b": 2}),
        (lambda text: with_both(text, turn()), {"text": "x"}, "k x"),
    ],
)
async def test_a_function_gets_what_it_asks_for(function: Any, params: dict[str, Any], answer: Any) -> None:
    assert await _Function(function)(turn(**params)) == answer


@pytest.mark.parametrize(("params", "word"), [({}, "'text'"), ({"text": "a", "odd": 1}, "'odd'")])
async def test_params_that_misfit_fail_the_step_for_good(params: dict[str, Any], word: str) -> None:
    with pytest.raises(TurnFailed, match=word) as caught:
        await _Function(with_both)(turn(**params))
    assert (caught.value.error["code"], caught.value.error["retryable"]) == ("params_invalid", False)


async def test_a_type_error_inside_of_a_function_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(text: str) -> None:
        raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        await _Function(odd)(turn(text="a"))
