"""``EncryptedVSL``: values encrypted before any backend sees them (DD-19 … DD-21)."""

from __future__ import annotations

from psg.model.cipher import CannotOpen, Cipher, is_sealed
from psg_runtime.vsl.errors import DecryptionFailed
from psg_runtime.vsl.json_text import from_text, to_text
from psg_runtime.vsl.port import Json, TransactionHandle, ValueStore


class EncryptedVSL(ValueStore):
    """AES-256-GCM over the values of any backend; keys (names) stay readable, so that they can be listed.

    ``key`` is 32 bytes as 64 hexadecimal digits. Each ``set`` takes 16 fresh random bytes; stored is the text
    ``hex(iv)::hex(tag)::hex(ciphertext)`` of the JSON text. Snapshots and transactions are those of the backend. Nodes
    are refused, since their backend has to read them to keep the graph's rules.
    """

    name = "encrypted"

    def __init__(self, backend: ValueStore, key: str) -> None:
        self._cipher = Cipher(key)
        self._backend = backend
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
        await self._backend.set(key, self._cipher.seal(to_text(value)), tx)

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
        if not isinstance(stored, str) or not is_sealed(stored):
            raise DecryptionFailed(
                f"the stored value of {key!r} is not encrypted as iv::tag::ciphertext; it was left as it is", key=key
            )
        try:
            text = self._cipher.open(stored)
        except CannotOpen as error:
            raise DecryptionFailed(
                f"the value of {key!r} cannot be decrypted: the key is another one, or the value was tampered with; it "
                "was left as it is",
                key=key,
            ) from error  # fmt: skip
        return from_text(text, key)
