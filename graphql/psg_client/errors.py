"""What calling the API can end in; ``code``, ``category`` and ``retryable`` are the server's own.

::

    ClientError
    ├── ApiUnavailable            nobody answers, or the connection broke (retryable)
    │   └── ApiTimeout            no answer in time
    ├── Unauthenticated           the bearer token is missing or not known
    ├── RequestRejected           the API does not accept the request as GraphQL, or failed unexpectedly
    │   ├── ServerTooOld          it does not know something that this client asks for: upgrade it
    │   └── UnknownAnswer         it answers with something that this client does not know: upgrade the client
    └── CommandFailed             the API answered with an error of its own
        ├── NotFound, Conflict, ValidationError, Forbidden, Refused
        └── CursorExpired         events after this cursor were removed; ``details["cursor"]`` is where to go on
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ClientError(Exception):
    """A call of the API did not succeed.

    ``code`` is stable and the same as in the server and on the command line, ``category`` one of the six error
    categories of the specification, ``retryable`` whether the same call may succeed later, ``details`` are facts
    for programs.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        category: str = "system_error",
        retryable: bool = False,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.category = category
        self.retryable = retryable
        self.details: dict[str, Any] = dict(details or {})

    def to_dict(self) -> dict[str, Any]:
        """The error as data: code, message, category, retryable, details."""
        return {
            "code": self.code,
            "message": self.message,
            "category": self.category,
            "retryable": self.retryable,
            "details": dict(self.details),
        }


class ApiUnavailable(ClientError):
    """Nobody answers at the API's address, or the connection broke before the answer was complete."""

    def __init__(self, message: str, *, code: str = "api_unavailable", **details: Any) -> None:
        super().__init__(message, code=code, category="communication_error", retryable=True, details=details)


class ApiTimeout(ApiUnavailable):
    """The API did not answer in time."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, code="api_timeout", **details)


class Unauthenticated(ClientError):
    """The API wants a bearer token, or does not know the one given."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, code="unauthenticated", category="validation_error", details=details)


class RequestRejected(ClientError):
    """The API does not accept the request, or failed in a way it has no name for."""


class ServerTooOld(RequestRejected):
    """The server's schema lacks something that this client asks for: it is older than the client."""

    def __init__(self, message: str, errors: Sequence[Any] = ()) -> None:
        super().__init__(
            f"The server does not know what this client asks for ({message}): it is the older one of the two. Upgrade "
            "the server, or install the psg-platform of its version here.",
            code="server_too_old", category="validation_error", details={"errors": list(errors)},
        )  # fmt: skip


class UnknownAnswer(RequestRejected):
    """The server answered with a kind of thing that this client does not know: the client is the older one."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The server answered with {kind!r}, which this client does not know: it is the older one of the two. "
            "Whatever was asked for has been done; upgrade psg-platform here to read the answer.",
            code="unknown_answer", category="validation_error", details={"typename": kind},
        )  # fmt: skip


class CommandFailed(ClientError):
    """The API understood the request and answered with an error."""


class NotFound(CommandFailed):
    """What the request names does not exist in this project."""


class Conflict(CommandFailed):
    """The request contradicts what is stored: a stale revision, a duplicate, a reused command id."""


class ValidationError(CommandFailed):
    """The request cannot succeed as it is; correct it."""


class Forbidden(CommandFailed):
    """The actor may not do this."""


class Refused(CommandFailed):
    """The present state does not allow this."""


class CursorExpired(CommandFailed):
    """The events after the cursor were removed by retention; ``details["cursor"]`` is where to start instead."""


FAILURES: dict[str, type[CommandFailed]] = {
    "NotFound": NotFound,
    "Conflict": Conflict,
    "ValidationError": ValidationError,
    "Forbidden": Forbidden,
    "Refused": Refused,
    "CursorExpired": CursorExpired,
}


_FIELDS = {"__typename", "code", "message", "category", "retryable", "details"}


def failure(answer: Mapping[str, Any]) -> CommandFailed:
    """The exception for an error member of a result union, chosen by its ``__typename``."""
    kind = FAILURES.get(str(answer.get("__typename")), CommandFailed)
    more = {name: value for name, value in answer.items() if name not in _FIELDS}
    return kind(
        str(answer.get("message", "the API refused the request")),
        code=str(answer.get("code", "unknown")),
        category=str(answer.get("category", "system_error")),
        retryable=bool(answer.get("retryable", False)),
        details={**more, **(answer.get("details") or {})},
    )
