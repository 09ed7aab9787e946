"""The two sides of a tracked thing: what the graph expects of it, and what was found outside."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psg.drift.uris import Kind
from psg.model.codec import dumps, loads

State = Literal["synced", "ahead", "drifted", "conflict"]
"""``ahead``: the graph was changed and the file is to follow. ``drifted``: the two differ and nothing is done about it
yet. ``conflict``: a Confirm waits for a decision."""

MODE = 0o644


def content_digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content, as ``hash`` has it."""
    return hashlib.sha256(content).hexdigest()


def encode(content: bytes) -> str:
    """Return the content of a file as it is stored: as text where it is that, else in base64."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return dumps({"base64": b64encode(content).decode()})
    return dumps({"text": text})


def decode(value: Any) -> bytes | None:
    """Return the content that ``encode`` made a (decoded) value of, ``None`` for none."""
    if value is None:
        return None
    return value["text"].encode() if "text" in value else b64decode(value["base64"])


@dataclass(frozen=True, slots=True)
class Found:
    """What is outside: ``hash`` is ``None`` when nothing is there.

    ``content`` is ``None`` where it was not read: too large to keep, or known already. ``fault`` says why it could not
    be read as a file; then nothing else of it is known. ``mtime_ms`` and ``mode`` are those of the file.
    """

    hash: str | None
    size: int = 0
    mtime_ms: int = 0
    mode: int = MODE
    content: bytes | None = None
    fault: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the graph keeps of it while it differs."""
        seen = {"hash": self.hash, "size": self.size, "mtime_ms": self.mtime_ms, "fault": self.fault}
        return {k: v for k, v in seen.items() if v is not None or k == "hash"}


ABSENT = Found(None)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the graph knows of a tracked thing.

    ``hash`` is that of the content it expects (the object id of a git ref), ``None`` when it is not to be there;
    ``base_hash`` that of the last state in which both sides were the same. ``found`` is what was seen while the two
    differ, ``confirm`` the Confirm that decides. ``row`` holds the stored properties.
    """

    id: str
    uri: str
    kind: Kind
    revision: int
    hash: str | None
    size: int
    mtime_ms: int
    mode: int
    base_hash: str | None
    state: State
    found: Mapping[str, Any] | None
    confirm: str | None
    row: Mapping[str, Any]

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> Expected:
        """Return what a stored node says."""
        return cls(
            node["id"], node["uri"], node["kind"], node["revision"], node.get("hash"), node.get("size") or 0,
            node.get("mtime_ms") or 0, node.get("mode") or MODE, node.get("base_hash"), node.get("state") or "synced",
            loads(node.get("found")), node.get("confirm"), node,
        )  # fmt: skip

    def content(self) -> bytes | None:
        """What it is to contain; ``None`` when only its hash is kept, or it is not to be there."""
        return decode(loads(self.row.get("value")))

    def base(self) -> bytes | None:
        """The content of the last common state, ``None`` when it is not kept or there was none."""
        if self.base_hash == self.hash:
            return self.content()
        return decode((loads(self.row.get("payload")) or {}).get("base"))

    def due(self) -> dict[str, Any]:
        """What is still to be done about dependents, by their ids."""
        return loads(self.row.get("due")) or {}
