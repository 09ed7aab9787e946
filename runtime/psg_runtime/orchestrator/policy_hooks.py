"""The policy hooks of an orchestrator: of installed packages, of named modules, and of the rules file."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

from psg.errors import ValidationFailed
from psg_runtime.ael import AelSettings
from psg_runtime.ael.failures import message_of
from psg_runtime.hooks import HookChain, PolicyHook, load_hooks, policy_hook

MODULE_ATTRIBUTE = "policy_hooks"


def chain_of(references: tuple[str, ...], settings: AelSettings | None = None) -> HookChain:
    """Return the chain of installed hooks, those of ``references`` and the rules file, in this order.

    ``pkg.mod`` offers its ``policy_hooks`` (a list, or a function that makes one) or else every ``PolicyHook`` in it;
    ``pkg.mod:name`` offers that. Raises ``ValidationFailed``: a process whose policy is not whole must not start.
    """
    settings = settings or AelSettings()
    installed = load_hooks(settings)
    named = [hook for reference in references for hook in hooks_of(reference)]
    if not named:
        return installed
    rules = 0 if settings.policy_rules is None else 1
    before = len(installed) - rules
    hooks = [*installed.hooks[:before], *named, *installed.hooks[before:]]
    return HookChain(hooks, timeout_ms=settings.policy_hook_timeout_ms)


def hooks_of(reference: str) -> list[PolicyHook]:
    """Return the hooks that ``pkg.mod`` or ``pkg.mod:name`` offers; raises ``ValidationFailed``."""
    module_name, _, attribute = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split(".") if attribute else []:
            found = getattr(found, part)
        hooks = _hooks(found)
    except Exception as error:
        message = f"The policy hooks `{reference}` cannot be loaded: {message_of(error)}."
        raise ValidationFailed(message, reference=reference) from error
    if not hooks:
        raise ValidationFailed(f"`{reference}` has no policy hooks.", reference=reference)
    return hooks


def _hooks(found: Any) -> list[PolicyHook]:
    if isinstance(found, ModuleType):
        found = getattr(found, MODULE_ATTRIBUTE, None) or [v for v in vars(found).values() if isinstance(v, PolicyHook)]
    if inspect.isclass(found) or inspect.isfunction(found):
        found = found()
    return [policy_hook(one) for one in (found if isinstance(found, (list, tuple)) else [found])]
