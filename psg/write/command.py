"""A command: who asks for what, under which id, so that the same request has one effect however often it comes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from psg import tracing
from psg.model.ids import new_id


@dataclass(frozen=True, slots=True)
class Command:
    """Identity of one request to change a project.

    ``command_id`` is unique in the project: repeated with the same ``payload`` it is answered with the first answer,
    with another payload it is refused. ``actor`` is who asks, ``correlation_id`` ties the events of one piece of work
    together; unless another is given it is the span in which the command was made, where traces are. ``kind`` and
    ``payload`` say what is asked for and make the fingerprint.
    """

    kind: str
    payload: Any
    actor: str = "system"
    command_id: str = field(default_factory=new_id)
    correlation_id: str | None = field(default_factory=tracing.correlation)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of kind and payload, canonical: equal requests have equal fingerprints."""
        raw = orjson.dumps([self.kind, self.payload], option=orjson.OPT_SORT_KEYS, default=str)
        return hashlib.sha256(raw).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command did: the log position of its first event, and the ids it made or touched.

    ``seq`` is the project's sequence number of the first event of the command, ``ids`` are named node ids (for example
    ``{"plan": "…"}``), ``replayed`` tells that an earlier identical command had this effect already.
    """

    project_id: str
    command_id: str
    seq: int
    ids: dict[str, Any]
    replayed: bool = False
