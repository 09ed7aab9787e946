"""The role module's judgement: which of those named may do something to a resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psg.read.nodes import Reader, Row
from psg_runtime.modules.operations.documents import Documents
from psg_runtime.modules.operations.inputs import Request

PAGE = 500


class Roles(Documents):
    """Roles of a project, and what they may do."""

    def __init__(self) -> None:
        super().__init__("role")

    async def check(self, request: Request) -> dict[str, Any]:
        """Tell which ``approvers`` may do ``permission`` (``approve``) to ``resource``: ``validApprovers``, and others.

        An approver is the id or name of a role, or ``{actor, role}``: an actor in a role. A role may when one of its
        capabilities is ``*``, the resource, or resource and permission joined by ``:`` or ``.`` in either order; a
        capability that ends with ``*`` is meant for all that begin so.
        """
        approvers = request.take("approvers", default=())
        resource = request.text("resource")
        permission = request.text("permission", "action", default="approve")
        request.done()
        if not isinstance(approvers, Sequence) or isinstance(approvers, str):
            raise request.refused("approvers", "a list")
        known = await self._known(request)
        valid, refused = [], []
        for approver in approvers:
            reason = _reason(approver, resource, permission, known)
            if reason is not None:
                refused.append({"approver": approver, "reason": reason})
            elif approver not in valid:
                valid.append(approver)
        return {
            "resource": resource, "permission": permission, "validApprovers": valid, "invalidApprovers": refused,
            "allowed": bool(valid),
        }  # fmt: skip

    async def _known(self, request: Request) -> dict[str, list[Row]]:
        """The roles of the project by id and by name; several may have one name."""
        reader, known, after = Reader(request.graph.db), dict[str, list[Row]](), ""
        while rows := await reader.roles(request.project_id, after, PAGE):
            after = rows[-1]["id"]
            for row in rows:
                for name in {row["id"], row["name"]}:
                    known.setdefault(name, []).append(row)
        return known


def role_of(approver: Any) -> tuple[str, str] | None:
    """Return actor and role of an approver; ``None`` for what is none."""
    if isinstance(approver, str) and approver:
        return approver, approver
    if isinstance(approver, Mapping):
        named = [approver.get(name) for name in ("actor", "id", "name")]
        actor = next((value for value in named if isinstance(value, str) and value), None)
        role = approver.get("role") or actor
        if actor is not None and isinstance(role, str):
            return actor, role
    return None


def permits(capability: str, resource: str, permission: str) -> bool:
    """Whether a capability of a role covers a permission on a resource."""
    joined = [f"{a}{mark}{b}" for a, b in ((resource, permission), (permission, resource)) for mark in ":."]
    if capability.endswith("*"):
        return any(text.startswith(capability[:-1]) for text in (resource, *joined))
    return capability in (resource, *joined)


def _reason(approver: Any, resource: str, permission: str, known: Mapping[str, list[Row]]) -> str | None:
    named = role_of(approver)
    if named is None:
        return "it is neither a role nor an actor with a role"
    roles = known.get(named[1], [])
    if not roles:
        return f"there is no role {named[1]!r}"
    if any(permits(c, resource, permission) for role in roles for c in role.get("capabilities") or ()):
        return None
    return f"role {named[1]!r} has no capability for {permission} on {resource}"
