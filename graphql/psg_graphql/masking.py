"""What a caller learns of an error: everything of our own, nothing of an unexpected one but an id to ask about."""

from __future__ import annotations

import re
import traceback
import uuid
from collections.abc import Iterator
from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from psg_neo4j.errors import DatabaseError, EmbeddedError, PsgError

# Messages of these name servers, files and statements: the log has them, the caller gets the first sentence.
_PRIVATE = (DatabaseError, EmbeddedError)

# Guessing names is what a schema that is not shown is protected against; strawberry leaves out those of fields only.
_SUGGESTION = re.compile(r" Did you mean [^\n]*\?$")


def public_error(error: GraphQLError) -> GraphQLError:
    """Return ``error`` as a caller may see it; an unexpected one is logged under a new id."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        error.message = _SUGGESTION.sub("", error.message)
        if error.extensions is None or "code" not in error.extensions:
            error.extensions = {**(error.extensions or {}), "code": "request_invalid"}
        return error
    if isinstance(cause, PsgError):
        return _named(error, _expected(cause))
    error_id = str(uuid.uuid4())
    # As text: a renderer of exceptions may show local variables, and with them what callers sent.
    trace = "".join(traceback.format_exception(cause))
    structlog.get_logger().error("unexpected_error", error_id=error_id, path=error.path, trace=trace)
    extensions = {
        "code": "unexpected_error", "category": "system_error", "retryable": False, "error_id": error_id
    }  # fmt: skip
    return _named(error, {"message": f"Unexpected error {error_id}; the server's log tells more.", **extensions})


def _expected(cause: PsgError) -> dict[str, Any]:
    if not isinstance(cause, _PRIVATE):
        return cause.to_dict()
    structlog.get_logger().warning("database_error", code=cause.code, message=cause.message)
    return type(cause)().to_dict()


def _named(error: GraphQLError, facts: dict[str, Any]) -> GraphQLError:
    extensions = {k: v for k, v in facts.items() if k != "message"}
    return GraphQLError(
        facts["message"], nodes=error.nodes, source=error.source, positions=error.positions, path=error.path,
        extensions=extensions,
    )  # fmt: skip


class PublicErrors(SchemaExtension):
    """Masks the errors of every result, streamed ones too."""

    def on_operation(self) -> Iterator[None]:
        yield
        self._mask(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """Mask the errors of one item of a subscription."""
        self._mask(result)
        yield

    def _mask(self, result: Any) -> None:
        if result is not None and getattr(result, "errors", None):
            result.errors = [public_error(error) for error in result.errors]
