"""The Python client of the platform: typed calls and subscriptions over GraphQL, and nothing else."""

from __future__ import annotations

from psg_client.errors import (
    ApiTimeout,
    ApiUnavailable,
    ClientError,
    CommandFailed,
    Conflict,
    CursorExpired,
    Forbidden,
    NotFound,
    Refused,
    RequestRejected,
    Unauthenticated,
    ValidationError,
)

__all__ = [
    "ApiTimeout",
    "ApiUnavailable",
    "ClientError",
    "CommandFailed",
    "Conflict",
    "CursorExpired",
    "Forbidden",
    "NotFound",
    "Refused",
    "RequestRejected",
    "Unauthenticated",
    "ValidationError",
]
