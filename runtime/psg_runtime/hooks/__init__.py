"""Policy hooks: who may stop a step before it runs, and who is told after it (ORCH-15 to ORCH-20)."""

from __future__ import annotations

from psg_runtime.hooks.builtin import RateLimiter, consent_hook, permission_hook, rate_limit_hook
from psg_runtime.hooks.chain import HookChain, HookDecision
from psg_runtime.hooks.loading import load_hooks
from psg_runtime.hooks.port import PolicyHook, policy_hook
from psg_runtime.hooks.rules import rules_hook
from psg_runtime.hooks.sensitive import detect_sensitive_data

__all__ = [
    "HookChain",
    "HookDecision",
    "PolicyHook",
    "RateLimiter",
    "consent_hook",
    "detect_sensitive_data",
    "load_hooks",
    "permission_hook",
    "policy_hook",
    "rate_limit_hook",
    "rules_hook",
]
