"""Global ids: type, project and id of a node in one opaque text, so that ``node(id)`` needs nothing else."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from psg.errors import InvalidId, NotFound
from psg.model.entities import ENTITIES
from psg.model.ids import UUID4


@dataclass(frozen=True, slots=True)
class GlobalId:
    """A global id taken apart: the node's type, the id of its project, and its id in that project."""

    label: str
    project_id: str
    node_id: str


def global_id(label: str, project_id: str, node_id: str) -> str:
    """Return the global id of a node; opaque to clients."""
    return urlsafe_b64encode(f"{label}:{project_id}:{node_id}".encode()).rstrip(b"=").decode()


def parse_global_id(text: str, field: str = "id", *labels: str) -> GlobalId:
    """Return the parts of a global id.

    ``field`` is the argument's name for the message, ``labels`` the types expected there (none: any). Raises
    ``InvalidId`` when the text is no global id or one of another type.
    """
    try:
        label, project_id, node_id = urlsafe_b64decode(f"{text}===").decode().split(":")
    except (binascii.Error, UnicodeError, ValueError):
        raise _bad(text, field, labels) from None
    if label not in ENTITIES or not UUID4.fullmatch(project_id) or not UUID4.fullmatch(node_id):
        raise _bad(text, field, labels)
    if labels and label not in labels:
        raise InvalidId(
            f"{field}: {text[:120]!r} is the id of a {label}; a {' or '.join(labels)} is expected",
            field=field, value=text[:120], expected=list(labels), found=label,
        )  # fmt: skip
    return GlobalId(label, project_id, node_id)


def parse_in(project_id: str, text: str, field: str, *labels: str) -> str:
    """Return the id of a node that has to be in this project; raises ``InvalidId`` or ``NotFound``."""
    parsed = parse_global_id(text, field, *labels)
    if parsed.project_id != project_id:
        raise NotFound(f"{field}: {text[:120]!r} belongs to another project", field=field)
    return parsed.node_id


def project_of(text: str, field: str = "projectId") -> str:
    """Return the project's id from its global id or from the bare UUID; raises ``InvalidId``."""
    if UUID4.fullmatch(text):
        return text
    return parse_global_id(text, field, "Project").project_id


def _bad(text: str, field: str, labels: tuple[str, ...]) -> InvalidId:
    wanted = " or ".join(labels) or "node"
    return InvalidId(
        f"{field}: {text[:120]!r} is not the global id of a {wanted}; take it from a field `id` of this API",
        field=field, value=text[:120],
    )  # fmt: skip
