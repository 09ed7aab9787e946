"""The text of API tokens: ``psg_<id>_<secret>``.

The secret has 256 random bits, so its plain SHA-256 can be kept: slow hashes protect what people think up and others
can guess. The prefix and the fixed shape let scanners of repositories and logs find one that got lost.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import uuid

_TEXT = re.compile(r"psg_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)
_COMMANDS = uuid.UUID("0d3cc0ba-2c43-4b39-9a48-5f1d2e7f5b11")


def new_token(command: tuple[str, str] | None = None) -> tuple[str, str, str]:
    """Return the id, the text and the hash of a new token; the text is nowhere else.

    ``command`` (who, command id) fixes the id, so that a repeated command is known as such.
    """
    token_id = secrets.token_hex(8) if command is None else uuid.uuid5(_COMMANDS, "\0".join(command)).hex[:16]
    text = f"psg_{token_id}_{secrets.token_hex(32)}"
    return token_id, text, hashed(text)


def hashed(text: str) -> str:
    """The hash that is kept of a token."""
    return hashlib.sha256(text.encode()).hexdigest()


def id_in(text: str) -> str | None:
    """The id in a token, or ``None`` for what does not have the shape of one."""
    found = _TEXT.fullmatch(text)
    return None if found is None else found[1]


def fits(text: str, kept: str) -> bool:
    """Whether ``text`` is the token of which ``kept`` is the hash; takes the same time for all that are not."""
    return hmac.compare_digest(hashed(text), kept)
