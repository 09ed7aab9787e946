"""Spans of OpenTelemetry where somebody wants them; until ``enable`` is called nothing is imported and nothing is done.

A request's trace goes on where its plan runs: the ``traceparent`` (W3C Trace Context) of the span in which a command is
made is its correlation id, and stays with the command's events in the log. Without spans it is made of the
request's own id, so that log lines of all processes can be found by it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

Kind = Literal["internal", "server", "client", "consumer"]

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
SCOPE = "psg"
_NOTHING: AbstractContextManager[None] = nullcontext()

_tracer: Tracer | None = None
_request: ContextVar[str | None] = ContextVar("psg_request", default=None)


def enable(provider: TracerProvider | None) -> None:
    """Make spans by this provider from now on in this process; ``None`` makes none any more."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer(SCOPE)


def enabled() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def span(
    name: str, kind: Kind = "internal", *, parent: str | None = None, **attributes: Any
) -> AbstractContextManager[Span | None]:
    """Return a span to be entered with ``with``; it is the current one inside, and ends with what was raised noted.

    ``parent`` is the traceparent of another process, for a span that goes on with its trace. Attributes that are
    ``None`` are left out; ``__`` in their names stands for ``.``.
    """
    return _NOTHING if _tracer is None else _spanned(_tracer, name, kind, parent, attributes)


def traceparent() -> str | None:
    """Return the current span for others to go on with, ``None`` when there is none."""
    if _tracer is None:
        return None
    from opentelemetry import trace

    return traceparent_of(trace.get_current_span())


def correlation() -> str | None:
    """Return the correlation id of what is done now: the current span, else the request that is served."""
    return traceparent() or _request.get()


@contextmanager
def serving(request_id: uuid.UUID, given: str | None = None) -> Iterator[str]:
    """Serve a request within the block; returns the trace it is in: that of ``given`` (its traceparent), or its own."""
    found = TRACEPARENT.fullmatch(given or "")
    trace = found[1] if found else request_id.hex
    token = _request.set(f"00-{trace}-{request_id.hex[16:]}-01")
    try:
        yield trace
    finally:
        _request.reset(token)


def trace_id_of(correlation_id: str | None) -> str | None:
    """Return the trace that a correlation id is in, ``None`` when it is no traceparent."""
    found = TRACEPARENT.fullmatch(correlation_id or "")
    return found[1] if found else None


def traceparent_of(span: Span) -> str | None:
    """Return a span for others to go on with, ``None`` when it is none."""
    found = span.get_span_context()
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}" if found.is_valid else None


def started(name: str, kind: Kind = "internal", parent: str | None = None) -> Span | None:
    """Begin a span that is not made the current one; whoever asks for it has to ``end()`` it."""
    return None if _tracer is None else _started(_tracer, name, kind, parent, {})


def enter(span: Span) -> Callable[[], None]:
    """Make a span the current one of this task; what is returned, called in the same task, takes that back."""
    from opentelemetry import context, trace

    token = context.attach(trace.set_span_in_context(span))
    return lambda: context.detach(token)


def note_failure(current: Span | None, code: str) -> None:
    """Mark a span as failed, with a stable code and without the message: that may quote what was sent."""
    if current is not None:
        from opentelemetry.trace import Status, StatusCode

        current.set_status(Status(StatusCode.ERROR, code))
        current.set_attribute("error.type", code)


@contextmanager
def _spanned(
    tracer: Tracer, name: str, kind: Kind, parent: str | None, attributes: dict[str, Any]
) -> Iterator[Span | None]:
    made = _started(tracer, name, kind, parent, attributes)
    leave = enter(made)
    try:
        yield made
    except BaseException as error:
        note_failure(made, str(getattr(error, "code", None) or type(error).__name__))
        raise
    finally:
        leave()
        made.end()


def _started(tracer: Tracer, name: str, kind: Kind, parent: str | None, attributes: dict[str, Any]) -> Span:
    from opentelemetry.trace import SpanKind

    said = {key.replace("__", "."): value for key, value in attributes.items() if value is not None}
    return tracer.start_span(name, context=_context(parent), kind=SpanKind[kind.upper()], attributes=said)


def _context(parent: str | None) -> Context | None:
    """The context of a span elsewhere; ``None``, that is the present one, where no valid one is named."""
    found = TRACEPARENT.fullmatch(parent or "")
    if found is None:
        return None
    from opentelemetry import trace

    at = trace.SpanContext(int(found[1], 16), int(found[2], 16), True, trace.TraceFlags(int(found[3], 16)))
    return trace.set_span_in_context(trace.NonRecordingSpan(at))
