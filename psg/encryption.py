"""Whether a database holds encrypted payloads, and with which keys: told at the start, not at the first payload."""

from __future__ import annotations

import psg_cypher
from psg.model.cipher import KEY_VARIABLE, OLD_KEYS_VARIABLE, EncryptionKeyRefused
from psg.model.codec import cipher
from psg_neo4j.database import Database


async def keys_of(db: Database) -> list[str]:
    """Return the ids of the keys that payloads of this database were encrypted with, the latest last."""
    row = await db.read_one(psg_cypher.statement("encryption_keys"))
    return row["keys"] if row else []


async def check_keys(db: Database, *, reading: bool = False) -> None:
    """Make sure that this process can read every payload of ``db``, and note its key there when it is a new one.

    ``reading``: the process writes no payload, so that its key is none of the database's.

    Raises ``EncryptionKeyRefused`` when payloads are encrypted and this process has no key, or lacks one of the keys;
    nothing is changed then. Asked wherever a database is opened.
    """
    noted, known = await keys_of(db), cipher()
    if known is None:
        if noted:
            raise EncryptionKeyRefused(
                f"the payloads of this database are encrypted (key {noted[-1]}), and this process has no key: set "
                f"{KEY_VARIABLE}",
                keys=noted,
            )
        return
    missing = [one for one in noted if one not in known.known]
    if missing:
        raise EncryptionKeyRefused(
            f"payloads of this database are encrypted with the key {', '.join(missing)}; {KEY_VARIABLE} is the key "
            f"{known.key_id}. Set the right one, or after a change of keys name the former ones too: "
            f"{OLD_KEYS_VARIABLE}",
            keys=missing,
        )
    if known.key_id not in noted and not reading:
        await db.write(psg_cypher.statement("encryption_note"), key=known.key_id)
