"""Values by key behind one port, in memory, in files, encrypted: ``python examples/values.py``.

See docs/value-state-layer.md; the same lines work with ``redis://``, ``postgresql://`` and the graph (``Neo4jVSL``).
"""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

import anyio

from psg_runtime.vsl import EncryptedVSL, InMemoryVSL, value_store


async def main() -> None:
    """Count visits in a transaction, go back to a snapshot, and keep a secret in a file."""
    vsl = InMemoryVSL()
    for _ in range(3):
        async with vsl.transaction() as tx:
            await vsl.set("visits", (await vsl.get("visits", tx) or 0) + 1, tx)
    before = await vsl.create_snapshot()
    await vsl.set("visits", 99)
    await vsl.restore_snapshot(before)
    print("visits:", await vsl.get("visits"))
    with tempfile.TemporaryDirectory() as folder:
        async with value_store(Path(folder).as_uri()) as files:
            safe = EncryptedVSL(files, secrets.token_hex(32))
            await safe.set("diary", {"text": "nobody reads this"})
            print("diary:", (await safe.get("diary"))["text"])
        print("readable on disk:", b"nobody" in everything_in(Path(folder)))


def everything_in(folder: Path) -> bytes:
    """All files of a folder, one behind the other."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    anyio.run(main)
