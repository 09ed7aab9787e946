"""CloudEvents 1.0: the envelope in which an event leaves the platform, the same on every bus (L3-44)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from psg.tracing import TRACEPARENT
from psg_runtime.bus.errors import EnvelopeInvalid
from psg_runtime.bus.port import ProtocolEvent

CONTENT_TYPE = "application/cloudevents+json"
MAX_BYTES = 1 << 20
"""A larger message is not looked at; the largest event the platform records is a fraction of it."""
_SOURCE = "/psg/projects/"
_TYPE = "psg."

Text = Annotated[str, StringConstraints(min_length=1)]


class CloudEvent(BaseModel):
    """One event on its way: the attributes of CloudEvents 1.0, and ``psgseq``, the event's number in its project's log.

    ``source`` and ``id`` name an event uniquely; ``source`` and ``psgseq`` also tell its place, so that a consumer
    drops what it has seen and notices what it has not. ``traceparent`` is the request that it comes from, where traces
    are made. ``data`` is the event of the protocol, unchanged.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: Text
    source: Text
    type: Text
    subject: Text | None = None
    time: Text | None = None
    traceparent: Text | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    psgseq: Annotated[StrictInt, Field(ge=1)]
    data: dict[str, Any]

    @classmethod
    def of(cls, event: ProtocolEvent) -> CloudEvent:
        """Return the envelope of a protocol event of a project."""
        payload = event.get("payload")
        said = payload if isinstance(payload, Mapping) else {}
        subject, trace = event.get("plan_id") or said.get("resource_id"), said.get("correlation_id")
        return cls(
            id=event["event_id"], source=f"{_SOURCE}{event['project_id']}",
            type=f"{_TYPE}{event['event_family']}.{event['event_type']}",
            subject=subject if isinstance(subject, str) and subject else None, time=event["timestamp"],
            traceparent=trace if isinstance(trace, str) and TRACEPARENT.fullmatch(trace) else None,
            psgseq=event["lamport_timestamp"], data=dict(event),
        )  # fmt: skip

    @classmethod
    def parse(cls, raw: bytes | str) -> CloudEvent:
        """Return the envelope in a message; raises ``EnvelopeInvalid`` for one that is none of ours."""
        if len(raw) > MAX_BYTES:
            raise EnvelopeInvalid(f"a message of {len(raw)} bytes is no event of ours: {MAX_BYTES} is the most")
        try:
            found = cls.model_validate(orjson.loads(raw))
        except (ValueError, RecursionError) as error:  # pydantic's and orjson's are ValueErrors too
            raise EnvelopeInvalid(f"a message is not a CloudEvent with `psgseq`: {_what(error)}") from None
        wanted = {"event_id": found.id, "project_id": found.project_id, "lamport_timestamp": found.psgseq}
        if found.project_id is None or any(found.data.get(name) != value for name, value in wanted.items()):
            raise EnvelopeInvalid("a CloudEvent says something else than the event in it")
        if not all(isinstance(found.data.get(name), str) for name in ("event_family", "event_type", "timestamp")):
            raise EnvelopeInvalid("the data of a CloudEvent is not an event of the protocol")
        return found

    @property
    def project_id(self) -> str | None:
        """The project whose log it is in; ``None`` when another source sent it."""
        found = re.fullmatch(re.escape(_SOURCE) + r"([0-9a-fA-F-]{36})", self.source)
        return found[1] if found else None

    def encoded(self) -> bytes:
        """Return it as JSON, in the structured mode of CloudEvents."""
        return orjson.dumps(self.model_dump(exclude_none=True))


def _what(error: Exception) -> str:
    if isinstance(error, ValidationError):  # its text quotes what was sent
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found[:5])
    return "it is not JSON"
