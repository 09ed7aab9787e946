"""How retention can be refused, beside what the database can do to us."""

from __future__ import annotations

from psg.errors import Refused, ValidationFailed


class RetentionPolicyInvalid(ValidationFailed):
    """What a project is to keep is said in a way that makes no sense, or was not said at all."""

    code = "retention_policy_invalid"


class RetentionRefused(Refused):
    """The log contradicts itself, or somebody else is cutting it just now; nothing was removed by this attempt."""

    code = "retention_refused"
