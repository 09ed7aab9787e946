"""Agents of pydantic-ai as participants: each turn is one run of the agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson

from psg_runtime.ael import ActionContext

Prompt = Callable[[Mapping[str, Any]], str]


class RunsPrompts(Protocol):
    """A ``pydantic_ai.Agent``, or what does the same."""

    async def run(self, user_prompt: str, /) -> Any:
        """Answer a prompt; the result has an ``output``, and tells its ``usage``."""


def pydantic_agent(agent: RunsPrompts, prompt: Prompt | None = None) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Return a function to be registered as the capability of a participant.

    ``registry.register(name="critic", type="agent", call=pydantic_agent(agent))``. ``prompt`` makes the agent's prompt
    of the turn (``Turn.to_dict``); without one it is told the step, what came before, and what is shared. The output
    is ``{"answer": …, "usage": {"input_tokens": …, "output_tokens": …}}``; the tokens count against budgets.
    """
    make = prompt or turn_prompt

    async def take(turn: dict[str, Any], ctx: ActionContext) -> dict[str, Any]:
        ctx.report("asked")
        result = await agent.run(make(turn))
        output = result.output
        dump = getattr(output, "model_dump", None)
        return {"answer": dump(mode="json") if dump else output, "usage": _usage(result)}

    return take


def turn_prompt(turn: Mapping[str, Any]) -> str:
    """Return what an agent is told of its turn when nobody says otherwise."""
    step = turn["step"]
    known = {name: turn[name] for name in ("inputs", "before", "metadata") if turn[name]}
    told = f"\n\nWhat is known (JSON):\n{orjson.dumps(known, option=orjson.OPT_INDENT_2).decode()}" if known else ""
    return f"You are {turn['participant_id']}. Your task: {step['description'] or step['key']}{told}"


def _usage(result: Any) -> dict[str, int]:
    told = getattr(result, "usage", None)  # a property, that may still be called as the method it was
    names = ("input_tokens", "output_tokens")
    return {name: found for name in names if isinstance(found := getattr(told, name, None), int)}
