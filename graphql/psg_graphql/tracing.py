"""A span for each GraphQL operation, in the trace that the request's ``traceparent`` header names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from graphql import OperationType
from strawberry.extensions import SchemaExtension

from psg import tracing

if TYPE_CHECKING:
    from opentelemetry.trace import Span


class Traces(SchemaExtension):
    """Spans of the operation, its parsing, validation and execution; without the query's text and variables.

    No ``resolve``: that would cost every field of every answer. A subscription's commands are nobody's, so it is not
    the current span while its events are made.
    """

    _span: Span | None = None

    def on_operation(self) -> Iterator[None]:
        """Begin with the request, end with the answer (of a subscription: with its last event)."""
        request = getattr(self.execution_context.context, "request", None)
        parent = None if request is None else request.headers.get("traceparent")
        span = self._span = tracing.started("GraphQL", "server", parent, {})
        try:
            yield
        finally:
            if span is not None:
                self._name(span)
                code = _code(self.execution_context.result)
                if code is not None:
                    tracing.note_failure(span, code)
                span.end()

    def on_parse(self) -> Iterator[None]:
        """Time the parsing."""
        with tracing.within(self._span), tracing.span("GraphQL parse"):
            yield

    def on_validate(self) -> Iterator[None]:
        """Time the validation."""
        with tracing.within(self._span), tracing.span("GraphQL validate"):
            yield

    def on_execute(self) -> Iterator[None]:
        """Have what is executed belong to the operation's span."""
        if self._kind() is OperationType.SUBSCRIPTION:
            yield
            return
        with tracing.within(self._span):
            yield

    def _kind(self) -> OperationType | None:
        try:
            return OperationType(self.execution_context.operation_type.value.lower())
        except (RuntimeError, ValueError):  # not parsed: there is none
            return None

    def _name(self, span: Span) -> None:
        kind, name = self._kind(), self.execution_context.operation_name
        if kind is None:
            return
        span.update_name(f"GraphQL {kind.value} {name}" if name else f"GraphQL {kind.value}")
        span.set_attribute("graphql.operation.type", kind.value)
        if name:
            span.set_attribute("graphql.operation.name", name)


def _code(result: Any) -> str | None:
    for error in getattr(result, "errors", None) or ():
        return str((error.extensions or {}).get("code", "graphql_error"))
    return None
