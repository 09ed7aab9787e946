"""Parts of stored documents: messages of a dialog, participants of a collab, nodes of a network; added one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.commands.documents import add_parts
from psg.commands.inside import node_inside
from psg.errors import DuplicateId, NotEditable, ValidationFailed
from psg.model.documents import part_id, take_apart
from psg.model.entities import ENTITIES, MODULES
from psg.model.protocol import check_part
from psg.write.change import Change
from psg.write.command import Command
from psg.write.writer import Locked

PART_NAMES: Mapping[str, str] = {"Message": "message", "Participant": "participant", "NetworkNode": "network_node"}
"""Types of these parts, and what statements and answers call them."""
OPEN: Mapping[str, tuple[str, ...]] = {
    "Dialog": ("active",),
    "Collab": ("draft", "active", "suspended"),
    "Network": ("draft", "provisioning", "active", "degraded", "maintenance"),
}
"""Statuses in which a document takes new parts."""


async def add_part(
    locked: Locked,
    module: str,
    owner_id: str,
    document: Mapping[str, Any],
    expected_revision: int | None,
    command: Command,
) -> Change:
    """Decide one more message of a dialog, participant of a collab or node of a network, behind the others.

    A message without a timestamp is of now, by the database's clock. Raises ``ValidationFailed``, ``NotFound`` for the
    owner, ``NotEditable`` when its status takes no more, and ``DuplicateId`` for a participant that is in the collab
    already; references are judged when it is committed.
    """
    kind = part_kind(module)
    label = MODULES[module]
    if kind == "Message":
        document = {"timestamp": locked.now, **document}
    checked = check_part(kind, document)
    await _open_owner(locked, label, owner_id, expected_revision)
    last = await locked.read_one(f"{PART_NAMES[kind]}_last", owner_id=owner_id)
    position = 0 if last is None else last["position"] + 1
    if kind == "Participant":
        await _refuse_twice(locked, owner_id, checked["participant_id"])
    own = None if ENTITIES[kind].own_id else part_id(owner_id, kind, position)
    part = take_apart(kind, checked, own)
    change = Change(command)
    add_parts(change, label, owner_id, [part], position)
    change.answer = {module: owner_id, PART_NAMES[kind]: part.node_id}
    return change


def part_kind(module: str) -> str:
    """Return the type of the parts that can be added to a document of ``module``; raises ``ValidationFailed``."""
    kinds = [kind for _, kind in ENTITIES[MODULES[module]].parts if kind in PART_NAMES] if module in MODULES else []
    if not kinds:
        raise ValidationFailed(f"a {module} has no parts that are added one by one", module=module)
    return kinds[0]


async def living_parts(locked: Locked, kind: str, owner_id: str) -> list[dict[str, Any]]:
    """Read the ids of the parts of a document that are not deleted, inside the lock."""
    return await locked.read(f"{PART_NAMES[kind]}s_alive", owner_id=owner_id)


async def _open_owner(locked: Locked, label: str, owner_id: str, expected_revision: int | None) -> None:
    node = await node_inside(locked, label, owner_id, expected_revision)
    if node["status"] not in OPEN[label]:
        raise NotEditable(
            f"{label.lower()} {owner_id} is {node['status']}; it has to be {' or '.join(OPEN[label])}", id=owner_id
        )


async def _refuse_twice(locked: Locked, collab_id: str, participant_id: str) -> None:
    if any(row["participant_id"] == participant_id for row in await living_parts(locked, "Participant", collab_id)):
        raise DuplicateId(
            f"participant_id: {participant_id!r} takes part in collab {collab_id} already", id=participant_id
        )
