"""The migration of a PSG's data from schema 1.0.0 to 1.1.0: every plan gets a priority (DD-24 … DD-27, C-08, C-34)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psg.errors import NotFound
from psg_runtime.vsl.errors import SchemaVersionMismatch
from psg_runtime.vsl.port import ValueStateLayerExtended

SCHEMA_KEY = "psg_schema_version"
SOURCE, TARGET = "1.0.0", "1.1.0"
DEFAULT_PRIORITY = "medium"
PAGE = 200


@dataclass(frozen=True, slots=True)
class SchemaMigration:
    """What a migration did: how many ``plans`` got a priority (with ``dry_run``: would get one), and the version."""

    plans: int
    version: str
    dry_run: bool = False


async def migrate_1_0_to_1_1(
    vsl: ValueStateLayerExtended, *, dry_run: bool = False, progress: Callable[[int], object] | None = None
) -> SchemaMigration:
    """Give every plan without a priority the value ``medium``, then mark the data as 1.1.0.

    Each plan is a commit of its own and the mark is the last one, so a migration that was killed is not marked done,
    and the next one goes on with the plans that are left. ``progress`` is called with the number done so far. Raises
    ``SchemaVersionMismatch`` (``Expected v1.0.0, found …``), with nothing changed, for data of any other version.
    """
    version = await vsl.get(SCHEMA_KEY)
    if version != SOURCE:
        raise SchemaVersionMismatch(f"Expected v{SOURCE}, found {version}", expected=SOURCE, found=version)
    done, after = 0, ""
    while True:
        page = await vsl.query_graph(
            {"type": "Plan", "where": {"priority": None}, "fields": ["plan_id"], "after": after, "limit": PAGE}
        )
        for plan in page:
            after = plan["plan_id"]
            done += dry_run or await _prioritised(vsl, after)
        if progress is not None:
            progress(done)
        if len(page) < PAGE:
            break
    if dry_run:
        return SchemaMigration(done, SOURCE, dry_run=True)
    await vsl.set(SCHEMA_KEY, TARGET)
    return SchemaMigration(done, TARGET)


async def _prioritised(vsl: ValueStateLayerExtended, plan_id: str) -> bool:
    try:
        await vsl.update_node("Plan", plan_id, {"priority": DEFAULT_PRIORITY})
    except NotFound:  # deleted since it was listed
        return False
    return True
