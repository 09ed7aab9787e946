"""Identifiers: every node is known by its project and a UUID v4 in lower case (DESIGN §8)."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from typing import NewType

from psg.errors import InvalidId

ProjectId = NewType("ProjectId", str)
NodeId = NewType("NodeId", str)
CommandId = NewType("CommandId", str)

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_id() -> NodeId:
    """Return a new UUID v4 in lower case."""
    # Written out: making a UUID object only to turn it into text again takes ten times as long.
    text = os.urandom(16).hex()
    variant = "89ab"[int(text[16], 16) & 3]
    return NodeId(f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}")


def check_id(value: object, field: str) -> NodeId:
    """Return ``value`` when it is a UUID v4 in lower case, else raise ``InvalidId`` naming ``field`` (L3-12)."""
    if isinstance(value, str) and UUID4.fullmatch(value):
        return NodeId(value)
    raise InvalidId(f"{field}: {value!r} is not a UUID v4 in lower case", field=field, value=str(value)[:100])


def derived_id(*parts: str) -> NodeId:
    """Return the same UUID (in v4 form) for the same parts: a repeated command names the same nodes."""
    raw = hashlib.sha256("\x1f".join(parts).encode()).digest()[:16]
    return NodeId(str(uuid.UUID(bytes=raw, version=4)))
