"""The door for parts of stored documents, beside ``psg.graph``: messages, participants and nodes of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.commands.parts import add_part
from psg.graph import Graph
from psg.model.ids import new_id
from psg.write.command import Answer, Command


async def add(
    graph: Graph,
    project_id: str,
    module: str,
    owner_id: str,
    part: Mapping[str, Any],
    *,
    expected_revision: int | None = None,
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Add a message to a dialog, a participant to a collab, or a node to a network, behind those there are.

    ``module`` is ``dialog``, ``collab`` or ``network``, ``part`` the part as the protocol has it inside the document.
    ids: the module's id, and ``message``, ``participant`` or ``network_node``. Raises ``ValidationFailed``,
    ``NotFound``, ``NotEditable``, ``ReferenceMissing``, ``DuplicateId``, ``StaleRevision``.
    """
    command = Command("add_part", [module, owner_id, part, expected_revision], actor, command_id or new_id())
    return await graph.locked(
        project_id, command, lambda inside: add_part(inside, module, owner_id, part, expected_revision, command)
    )
