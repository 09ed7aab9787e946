"""``EncryptedVSL``: values encrypted before any backend sees them (DD-19 … DD-21)."""

from __future__ import annotations

import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from psg.errors import ValidationFailed
from psg_runtime.vsl.errors import DecryptionFailed
from psg_runtime.vsl.json_text import from_text, to_text
from psg_runtime.vsl.port import Json, TransactionHandle, ValueStore

_KEY = re.compile(r"[0-9a-fA-F]{64}")
_STORED = re.compile(r"([0-9a-f]{32})::([0-9a-f]{32})::((?:[0-9a-f]{2})+)")
_TAG_BYTES = 16


class EncryptedVSL(ValueStore):
    """AES-256-GCM over the values of any backend; keys (names) stay readable, so that they can be listed.

    ``key`` is 32 bytes as 64 hexadecimal digits. Each ``set`` takes 16 fresh random bytes; stored is the text
    ``hex(iv)::hex(tag)::hex(ciphertext)`` of the JSON text. Snapshots and transactions are those of the backend. Nodes
    are refused, since their backend has to read them to keep the graph's rules.
    """

    name = "encrypted"

    def __init__(self, backend: ValueStore, key: str) -> None:
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise ValidationFailed("key: an encryption key is 32 bytes, written as 64 hexadecimal digits", field="key")
        self._backend = backend
        self._cipher = AESGCM(bytes.fromhex(key))
        self.offers = backend.offers - {"nodes"}

    async def __aenter__(self) -> EncryptedVSL:
        await self._backend.__aenter__()
        return self

    async def aclose(self) -> None:
        """Close the backend."""
        await self._backend.aclose()

    async def get(self, key: str, tx: TransactionHandle | None = None) -> Json:
        """Return the value of ``key``, or ``None``; raises ``DecryptionFailed`` and leaves the stored value alone."""
        stored = await self._backend.get(key, tx)
        return None if stored is None else self._decrypted(key, stored)

    async def set(self, key: str, value: Json, tx: TransactionHandle | None = None) -> None:
        """Encrypt ``value`` and store it under ``key``."""
        iv = os.urandom(16)
        sealed = self._cipher.encrypt(iv, to_text(value).encode(), None)
        ciphertext, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
        await self._backend.set(key, f"{iv.hex()}::{tag.hex()}::{ciphertext.hex()}", tx)

    async def delete(self, key: str, tx: TransactionHandle | None = None) -> None:
        """Forget ``key``."""
        await self._backend.delete(key, tx)

    async def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        return await self._backend.keys(prefix)

    async def create_snapshot(self) -> str:
        """Have the backend remember this state."""
        return await self._backend.create_snapshot()

    async def restore_snapshot(self, snapshot_id: str) -> None:
        """Have the backend go back."""
        await self._backend.restore_snapshot(snapshot_id)

    async def begin_transaction(self) -> TransactionHandle:
        """Begin a transaction of the backend."""
        return await self._backend.begin_transaction()

    async def commit_transaction(self, handle: TransactionHandle) -> None:
        """Commit a transaction of the backend."""
        await self._backend.commit_transaction(handle)

    async def rollback_transaction(self, handle: TransactionHandle) -> None:
        """Roll back a transaction of the backend."""
        await self._backend.rollback_transaction(handle)

    def _decrypted(self, key: str, stored: Json) -> Json:
        found = _STORED.fullmatch(stored) if isinstance(stored, str) else None
        if found is None:
            raise DecryptionFailed(
                f"the stored value of {key!r} is not encrypted as iv::tag::ciphertext; it was left as it is", key=key
            )
        iv, tag, ciphertext = (bytes.fromhex(part) for part in found.groups())
        try:
            text = self._cipher.decrypt(iv, ciphertext + tag, None)
        except InvalidTag as error:
            raise DecryptionFailed(
                f"the value of {key!r} cannot be decrypted: the key is another one, or the value was tampered with; it "
                "was left as it is",
                key=key,
            ) from error  # fmt: skip
        return from_text(text, key)
