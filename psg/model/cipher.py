"""AES-256-GCM over texts, in the one format of the platform: ``hex(iv)::hex(tag)::hex(ciphertext)`` (DD-20, DD-21)."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from psg.errors import PsgError, ValidationFailed

KEY_VARIABLE = "PSG_ENCRYPTION_KEY"
OLD_KEYS_VARIABLE = "PSG_ENCRYPTION_KEYS_BEFORE"

_KEY = re.compile(r"[0-9a-fA-F]{64}")
_SEALED = re.compile(r"([0-9a-f]{32})::([0-9a-f]{32})::((?:[0-9a-f]{2})*)")
_IV_BYTES = _TAG_BYTES = 16
_ID_CHARS = 16


class PayloadUnreadable(PsgError):
    """A stored payload cannot be decrypted: no key, another key, or it was tampered with; it was left as it is."""

    code = "payload_unreadable"
    category = "validation_error"


class EncryptionKeyRefused(PsgError):
    """The key of this process is not the one of the database; nothing was read or written with it."""

    code = "encryption_key_refused"
    category = "validation_error"


class CannotOpen(ValueError):
    """No key opens this text."""


class Cipher:
    """Seals with one key, opens with it and with those it replaced.

    ``key`` and each of ``before`` are 32 bytes as 64 hexadecimal digits. Each ``seal`` takes 16 fresh random bytes.
    """

    def __init__(self, key: str, before: Sequence[str] = (), *, field: str = "key") -> None:
        for one in (key, *before):
            if not isinstance(one, str) or not _KEY.fullmatch(one):
                raise ValidationFailed(
                    f"{field}: an encryption key is 32 bytes, written as 64 hexadecimal digits", field=field
                )
        self.key_id = key_id(key)
        self._ciphers = {key_id(one): AESGCM(bytes.fromhex(one)) for one in (key, *before)}

    @property
    def known(self) -> frozenset[str]:
        """The ids of all keys that it can open with."""
        return frozenset(self._ciphers)

    def seal(self, text: str) -> str:
        """Return ``text`` encrypted and authenticated."""
        iv = os.urandom(_IV_BYTES)
        sealed = self._ciphers[self.key_id].encrypt(iv, text.encode(), None)
        ciphertext, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        return f"{iv.hex()}::{tag.hex()}::{ciphertext.hex()}"

    def open(self, text: str) -> str:
        """Return what was sealed; raises ``CannotOpen`` for another key or a text that was tampered with."""
        found = _SEALED.fullmatch(text)
        if found is None:
            raise CannotOpen
        iv, tag, ciphertext = (bytes.fromhex(part) for part in found.groups())
        for cipher in self._ciphers.values():
            try:
                return cipher.decrypt(iv, ciphertext + tag, None).decode()
            except InvalidTag:
                continue
        raise CannotOpen


def key_id(key: str) -> str:
    """Return a name of a key that tells nothing about it: what is noted in the database."""
    return hashlib.sha256(b"psg-key-id:" + bytes.fromhex(key)).hexdigest()[:_ID_CHARS]


def is_sealed(text: str) -> bool:
    """Whether a text has the form of a sealed one; no JSON text has it."""
    return text[32:34] == "::" and _SEALED.fullmatch(text) is not None


def from_environment() -> Cipher | None:
    """Return the cipher of ``PSG_ENCRYPTION_KEY`` (and ``PSG_ENCRYPTION_KEYS_BEFORE``), ``None`` without them.

    Raises ``ValidationFailed`` naming the variable, never its value.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    before = [one.strip() for one in os.environ.get(OLD_KEYS_VARIABLE, "").split(",") if one.strip()]
    if not key:
        if before:
            raise ValidationFailed(
                f"{OLD_KEYS_VARIABLE} is set without {KEY_VARIABLE}: name the key to write with", field=KEY_VARIABLE
            )
        return None
    return Cipher(key, before, field=f"{KEY_VARIABLE} or {OLD_KEYS_VARIABLE}")
