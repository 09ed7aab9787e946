"""Kill switches as an orchestrator sees them: parsed once per text; one that cannot be read denies everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from psg.model.codec import loads
from psg_runtime.execution_core.kill_switch import kill_switch_active
from psg_runtime.orchestrator.denials import KillSwitchActive

OVERTAKEN_MS = 5_000


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch that is on: for everything, or for one plan, one type of action, or both together."""

    plan: str | None = None
    action_type: str | None = None
    reason: str | None = None
    actor: str | None = None
    scope: str = "project"

    def denies(self, plan_id: str, names: Iterable[str]) -> bool:
        """Whether it is about an action of this plan that goes by these names (action type, step type, capability)."""
        if self.plan is not None and self.plan != plan_id:
            return False
        signal: Any = True if self.action_type is None else [self.action_type]
        return any(kill_switch_active({"ops_deny_actions": signal}, name) for name in names)


@dataclass(slots=True)
class Rules:
    """What holds for a whole project at this moment: its policy and the switches that are on.

    It is told by every commit of the frontier and by the watch. ``seq`` and ``at_ms``, the log's position and the
    database's time of what is known, keep an answer that was overtaken from bringing back what is over.
    """

    policy: str | None = None
    budget: str | None = None
    seq: int = -1
    at_ms: int = 0
    _texts: tuple[str | None, str | None] = (None, None)
    _switches: tuple[Switch, ...] = ()
    _broken: str | None = field(default=None)

    def tell(self, seq: int, at_ms: int, rules: Mapping[str, Any]) -> None:
        """Take over what a read or a commit saw at ``seq`` of the log and ``at_ms`` of the database's clock."""
        # What holds everywhere moves no log. A clock that was set back further than that is believed again at once.
        if seq < self.seq or (seq == self.seq and self.at_ms - OVERTAKEN_MS < at_ms < self.at_ms):
            return
        self.seq, self.at_ms, self.policy, self.budget = seq, at_ms, rules["policy"], rules["budget"]
        texts = (rules["kill"], rules["kill_all"])
        if texts != self._texts:
            self._texts = texts
            self._read()

    def _read(self) -> None:
        self._broken = None
        try:
            self._switches = tuple(
                _switch(item, scope)
                for text, scope in zip(self._texts, ("project", "global"), strict=True)
                for item in (loads(text) or ())
            )
        except (ValueError, TypeError, AttributeError) as error:
            self._broken = f"the kill switches cannot be read ({error})"

    def check(self, plan_id: str, names: Iterable[str]) -> None:
        """Raise KillSwitchActive when a switch is on for such an action, or when it cannot be told."""
        if self._broken is not None:
            raise KillSwitchActive(f"{self._broken}: nothing runs until they are set anew", fail_closed=True)
        if not self._switches:
            return
        names = tuple(names)
        for switch in self._switches:
            if switch.denies(plan_id, names):
                about: dict[str, Any] = {"plan": switch.plan, "action_type": switch.action_type, "actor": switch.actor}
                what = f"for actions `{switch.action_type}`" if switch.action_type else "for every action"
                of = f"of plan {switch.plan}" if switch.plan else ("everywhere" if switch.scope == "global" else "here")
                why = f": {switch.reason}" if switch.reason else ""
                raise KillSwitchActive(
                    f"the kill switch is on {what} {of}{why}", scope=switch.scope,
                    **{name: value for name, value in about.items() if value is not None},
                )  # fmt: skip


def _switch(item: Any, scope: str) -> Switch:
    if not isinstance(item, Mapping):
        raise TypeError("a switch is a mapping")
    texts = {name: item.get(name) for name in ("plan", "action_type", "reason", "actor")}
    if not all(value is None or isinstance(value, str) for value in texts.values()):
        raise TypeError("what a switch says are texts")
    return Switch(**texts, scope=scope)


def action_names(claim: Mapping[str, Any], action_type: str) -> tuple[str, ...]:
    """The names that a switch for a type of action may know a step by: action type, step type, capability."""
    name = claim["capability"]
    return (action_type, claim["type"], name) if name else (action_type, claim["type"])
