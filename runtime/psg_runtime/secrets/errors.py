"""What can be wrong with a secret; messages name it and never show it."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import Denied
from psg_neo4j.errors import Category


class SecretMissing(Denied):
    """No provider of this orchestrator has the secret."""

    code = "secret_missing"


class SecretRefused(Denied):
    """The secret cannot be used as it is, or not here."""

    code = "secret_refused"


class SecretUnavailable(Denied):
    """A provider of secrets does not answer."""

    code = "secret_unavailable"
    category: ClassVar[Category] = "resource_error"
    retryable = True
