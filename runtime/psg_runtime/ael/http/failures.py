"""What can go wrong with a request; ``retryable`` decides whether the plan's retries apply."""

from __future__ import annotations

from typing import ClassVar

from psg.errors import ActionFailed, CapabilityDenied
from psg_neo4j.errors import Category
from psg_runtime.ael.failures import ActionRefused


class HttpDenied(CapabilityDenied):
    """The configuration of this orchestrator does not let requests go there."""

    code = "http_denied"


class HttpUnreachable(ActionFailed):
    """The server could not be reached, or did not answer in time, or broke off."""

    code = "http_unreachable"
    category: ClassVar[Category] = "communication_error"


class HttpRefused(ActionRefused):
    """The exchange cannot succeed as it is: TLS, protocol, redirects, size."""

    code = "http_refused"
    category: ClassVar[Category] = "communication_error"


class HttpStatusFailed(ActionFailed):
    """The server answered with a status that may be another one next time: 408, 425, 429, 5xx."""

    code = "http_status"
    category: ClassVar[Category] = "communication_error"


class HttpStatusRefused(ActionRefused):
    """The server answered with a status that was not expected and will not change."""

    code = "http_status"
    category: ClassVar[Category] = "communication_error"
