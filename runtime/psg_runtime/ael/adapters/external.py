"""Work that somebody outside fetches: the step is offered in the graph until a worker takes it and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import anyio

from psg.errors import ActionFailed, ActionTimeout
from psg_neo4j.errors import Category
from psg_runtime.ael.port import Action, ActionResult, Parked
from psg_runtime.ael.registry import CapabilityRegistry, validated_output
from psg_runtime.ael.secret_guard import SecretAccess
from psg_runtime.recovery.categories import reported
from psg_runtime.secrets.errors import SecretRefused
from psg_runtime.secrets.reference import secret_texts

LOSSES_MAX = 5


class TurnWorkersLost(ActionFailed):
    """Every worker that took this turn disappeared; it is not offered again."""

    code = "worker_lost"
    retryable = False


class TurnUnclaimed(ActionFailed):
    """No worker took the turn within the queue time of its step."""

    code = "queue_timeout"
    category: ClassVar[Category] = "resource_error"
    retryable = False


class TurnSilent(ActionFailed):
    """The worker gave no sign of life for longer than the policy of its step allows."""

    code = "heartbeat_timeout"


class ExternalAdapter:
    """Parks the step for the workers of its capability; when it goes on, their answer is the result.

    A worker whose lease ran out is lost: the turn is offered again, at most ``LOSSES_MAX`` times. Params and output
    have the shapes of the capability, as with any other adapter.
    """

    def __init__(self, registry: CapabilityRegistry) -> None:
        self._registry = registry

    @property
    def limiter(self) -> anyio.CapacityLimiter | None:
        """Nothing: nobody waits here."""
        return None

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        """Raise UnknownCapability or CapabilityDenied."""
        self._registry.get(name)

    async def run_with(self, action: Action, access: SecretAccess) -> ActionResult | Parked:
        """Do the action; raises SecretRefused for params that name a secret: they are stored until a worker comes."""
        for place, text in secret_texts(action.params):
            where = ".".join(map(str, place))
            raise SecretRefused(f"{text} cannot stand in `{where}`: a worker outside looks up its secrets itself.")
        return await self.run(action)

    async def run(self, action: Action) -> ActionResult | Parked:
        """Park with the turn to offer, or tell what became of it."""
        capability = self._registry.get(action.name or action.agent_role or "")
        resumed = action.resumed or {}
        lost = 0
        if resumed.get("reason") == "turn":
            turn = resumed.get("turn") or {}
            if "answer" in turn:
                answer = turn["answer"]
                if answer.get("error") is not None:
                    return ActionResult(False, error=reported(answer["error"]))
                return ActionResult(True, validated_output(capability, answer.get("output")))
            lost = _missed(action, turn)
        capability.arguments(action.params)
        return Parked(turn={"offered_to": capability.name, "action": _shown(action), "lost": lost})


def _missed(action: Action, turn: Mapping[str, Any]) -> int:
    """Return how many workers were lost with a turn that is to be offered again; raises when it is over."""
    why, lost = turn.get("why"), turn.get("lost", 0)
    of = f"step {action.step_key!r}"
    if why == "unclaimed":
        raise TurnUnclaimed(f"{of}: no worker took the turn in time")
    if why == "overdue":
        limit = turn.get("attempt_ms")
        raise ActionTimeout(f"{of}: the worker {turn.get('worker')} did not answer within {limit} ms", timeout_ms=limit)
    if why == "silent":
        limit = turn.get("heartbeat_ms")
        raise TurnSilent(f"{of}: no sign of life from the worker {turn.get('worker')} for {limit} ms")
    if why != "lost":
        return lost
    if lost >= LOSSES_MAX:
        raise TurnWorkersLost(f"{of}: {lost + 1} workers disappeared while they had it")
    return lost + 1


def _shown(action: Action) -> dict[str, Any]:
    """The action as a worker gets it."""
    return {
        "type": action.type, "name": action.name, "agent_role": action.agent_role, "params": action.params,
        "step_key": action.step_key, "attempt": action.attempt, "idempotency_key": action.idempotency_key,
        "timeout_ms": action.timeout_ms,
    }  # fmt: skip
