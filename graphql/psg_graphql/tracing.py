"""A span for each GraphQL operation, in the trace that the request's ``traceparent`` header names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import structlog
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
        span = self._span = tracing.started("GraphQL", "server", parent)
        if span is not None and (trace_id := tracing.trace_id_of(tracing.traceparent_of(span))):
            structlog.contextvars.bind_contextvars(trace_id=trace_id)
        refused: BaseException | None = None
        try:
            yield
        except BaseException as error:
            refused = error
            raise
        finally:
            if span is not None:
                self._name(span)
                code = _code(self.execution_context, refused)
                if code is not None:
                    tracing.note_failure(span, code)
                span.end()

    def on_parse(self) -> Iterator[None]:
        """Time the parsing."""
        yield from self._timed("GraphQL parse")

    def on_validate(self) -> Iterator[None]:
        """Time the validation."""
        yield from self._timed("GraphQL validate")

    def on_execute(self) -> Iterator[None]:
        """Have what is executed belong to the operation's span."""
        if self._span is None or self._kind() is OperationType.SUBSCRIPTION:
            yield
            return
        leave = tracing.enter(self._span)
        yield
        leave()  # not after an error: then this may go on in another place, and the request's own context ends anyway

    def _timed(self, name: str) -> Iterator[None]:
        # Never the current span: an extension that refuses leaves this generator to the garbage collector.
        span = None if self._span is None else tracing.started(name, parent=tracing.traceparent_of(self._span))
        try:
            yield
        finally:
            if span is not None:
                span.end()

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


def _code(ran: Any, refused: BaseException | None) -> str | None:
    """The code of the first error, which is masked by then, or of what an extension refused the request with."""
    for error in getattr(ran.result, "errors", None) or ran.pre_execution_errors or (refused,):
        return None if error is None else str((getattr(error, "extensions", None) or {}).get("code", "graphql_error"))
    return None
