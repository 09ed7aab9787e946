"""Operations on what is inside a dialog, a collab or a network: messages, participants, nodes."""

from __future__ import annotations

import time
from typing import Any

from psg import parts
from psg.model.codec import timestamp
from psg_runtime.modules.operations.documents import Documents
from psg_runtime.modules.operations.inputs import Request


class OwnersOfParts(Documents):
    """Documents that are added to part by part."""

    async def add(self, request: Request) -> dict[str, Any]:
        """Add a message, participant or node: given as ``message``, ``participant`` or ``node``, or by its fields."""
        owner_id = request.id(self.id_field)
        given = [request.fields(name) for name in ("message", "participant", "node") if name in request.rest]
        part = {**(given[0] if given else {}), **request.rest}
        request.rest = {}
        if self.module == "dialog":
            part = {"role": "agent", "timestamp": timestamp(round(time.time() * 1000)), **part}
        elif self.module == "collab":
            part = {"kind": "agent", **part}
        else:
            part = {"node_id": request.made_id("node"), "kind": "agent", "status": "active", **part}
        answer = await parts.add(
            request.graph, request.project_id, self.module, owner_id, part, **request.command(owner_id)
        )
        made = {k: v for k, v in answer.ids.items() if k != self.module}
        return self.answer(owner_id, {}, **{f"{_camel(k)}Id": v for k, v in made.items()})


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
