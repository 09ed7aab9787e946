"""Whether what a project knows of files and refs hangs together: state, hashes, contents and requests (L3-48)."""

from __future__ import annotations

from collections.abc import Iterator

from psg.audit.facts import Facts, Finding
from psg.drift.model import Expected, content_digest
from psg.drift.uris import parse
from psg.errors import ValidationFailed
from psg.model.cipher import PayloadUnreadable
from psg.model.codec import cipher

STATES = frozenset(("synced", "ahead", "drifted", "conflict"))


def check_resource(facts: Facts) -> Iterator[Finding]:
    """What is in sync expects what both sides had last; a conflict has its request; a content is that of its hash."""
    if facts.label != "Resource" or facts.deleted:
        return
    uri, state = facts.props.get("uri"), facts.props.get("state")
    try:
        kind, _, _ = parse(str(uri))
    except ValidationFailed as error:
        yield "drift", str(error)
        return
    if kind != facts.props.get("kind") or state not in STATES:
        yield "drift", f"{uri} is a {facts.props.get('kind')} in the state {state!r}"
        return
    props = facts.props
    differs = props.get("hash") != props.get("base_hash")
    if state == "synced" and (differs or props.get("found") or props.get("confirm")):
        yield "drift", f"{uri} is said to be synced, but its two sides are not the same"
    if state == "conflict" and not (props.get("found") and props.get("confirm")):
        yield "drift", f"{uri} is a conflict that nobody can decide"
    yield from _check_content(facts, kind)


def _check_content(facts: Facts, kind: str) -> Iterator[Finding]:
    props, uri = facts.props, facts.props.get("uri")
    try:
        content = Expected.of({"revision": 0, **props}).content() if kind == "file" else None
    except PayloadUnreadable:
        if cipher() is not None:  # without a key nobody can tell; with it, it is not what was written
            yield "drift", f"the content of {uri} cannot be decrypted"
        return
    except (KeyError, TypeError, ValueError, AttributeError):
        yield "drift", f"the content of {uri} cannot be read"
        return
    if content is not None and content_digest(content) != props.get("hash"):
        yield "drift", f"the content that is kept of {uri} is not that of its hash"
