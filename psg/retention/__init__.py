"""Keeping a project for years: what its policy does not keep is removed, and what stays still folds to its graph."""

from __future__ import annotations

from psg.retention.errors import RetentionPolicyInvalid, RetentionRefused
from psg.retention.facts import facts
from psg.retention.policy import Policy, policy, set_policy, with_policy
from psg.retention.running import Outcome, retain, told
from psg.retention.survey import Forecast, Hold, survey

__all__ = [
    "Forecast",
    "Hold",
    "Outcome",
    "Policy",
    "RetentionPolicyInvalid",
    "RetentionRefused",
    "facts",
    "policy",
    "retain",
    "set_policy",
    "survey",
    "told",
    "with_policy",
]
