"""The hooks of a process: those that installed packages offer, and the rules of its configuration."""

from __future__ import annotations

import inspect
from importlib.metadata import entry_points
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.ael.failures import message_of
from psg_runtime.ael.settings import AelSettings
from psg_runtime.hooks.chain import HookChain
from psg_runtime.hooks.port import PolicyHook, policy_hook
from psg_runtime.hooks.rules import rules_hook

ENTRY_POINT_GROUP = "psg.policy_hooks"


def load_hooks(settings: AelSettings | None = None) -> HookChain:
    """Return the chain of all configured hooks: entry points ``psg.policy_hooks`` by name, then the rules file.

    An entry point is a hook, a class or function that makes one, or a list of hooks. Raises ``ValidationFailed`` for
    one that cannot be loaded: a process whose policy is not whole must not start.
    """
    settings = settings or AelSettings()
    hooks: list[PolicyHook] = []
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: e.name):
        try:
            hooks += _hooks(entry.load())
        except Exception as error:
            message = f"The policy hook `{entry.name}` ({entry.value}) cannot be loaded: {message_of(error)}."
            raise ValidationFailed(message, name=entry.name) from error
    if settings.policy_rules is not None:
        hooks.append(rules_hook(settings.policy_rules))
    return HookChain(hooks, timeout_ms=settings.policy_hook_timeout_ms)


def _hooks(found: Any) -> list[PolicyHook]:
    if inspect.isclass(found) or inspect.isfunction(found):
        found = found()
    return [policy_hook(one) for one in (found if isinstance(found, list | tuple) else [found])]
