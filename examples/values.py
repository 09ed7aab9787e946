"""Values by key behind one port: in memory, in files, encrypted: ``python examples/values.py`` (docs/value-state-layer.md).

The same lines work with ``redis://``, ``postgresql://`` and the graph (``Neo4jVSL``).
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
        kept = b"".join(path.read_bytes() for path in Path(folder).rglob("*") if path.is_file())
        print("readable on disk:", b"nobody" in kept)


if __name__ == "__main__":
    anyio.run(main)
