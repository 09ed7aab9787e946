"""The protocol 1.0.0 documents of the ten modules, as strict models; a test proves them equal to the schemas."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from psg.errors import PlanInvalid, ValidationFailed
from psg.model.codec import storable
from psg.model.protocol.collaboration import (
    CollabDocument,
    CoreDocument,
    DialogDocument,
    ExtensionDocument,
    MessageDocument,
    NetworkDocument,
    NetworkNodeDocument,
    ParticipantDocument,
)
from psg.model.protocol.planning import (
    ConfirmDocument,
    ContextDocument,
    PlanDocument,
    PlanStatus,
    RoleDocument,
    StepStatus,
    TraceDocument,
)

__all__ = [
    "DOCUMENTS",
    "PARTS",
    "ConfirmDocument",
    "ContextDocument",
    "PlanDocument",
    "PlanStatus",
    "RoleDocument",
    "StepStatus",
    "TraceDocument",
    "check_document",
    "check_part",
]

DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "context": ContextDocument,
    "plan": PlanDocument,
    "trace": TraceDocument,
    "confirm": ConfirmDocument,
    "role": RoleDocument,
    "dialog": DialogDocument,
    "collab": CollabDocument,
    "extension": ExtensionDocument,
    "core": CoreDocument,
    "network": NetworkDocument,
}
_PLAIN_LISTS: Mapping[type[BaseModel], str] = {PlanDocument: "steps"}
"""Lists of nothing but strict texts, whole numbers below 2^63 and ids: the large ones, not worth a second look."""
PARTS: Mapping[str, type[BaseModel]] = {
    "Message": MessageDocument,
    "Participant": ParticipantDocument,
    "NetworkNode": NetworkNodeDocument,
}
"""Parts that can be added to a stored document, by node type."""


def check_document(module: str, document: Any, *, kept: Collection[str] = ()) -> dict[str, Any]:
    """Return ``document`` when it is a valid protocol document of ``module``.

    ``kept`` are fields that may be absent because they are stored elsewhere (a change of the other fields is checked).
    Raises ``PlanInvalid`` (message begins ``Invalid Plan:``, DD-08) or ``ValidationFailed`` naming every violation.
    The document itself is returned, not a copy through the model: what was given is what comes out again.
    """
    model = DOCUMENTS.get(module)
    if model is None:
        raise ValidationFailed(f"{module!r} is no module kept here; known are {', '.join(DOCUMENTS)}", module=module)
    kind = PlanInvalid if module == "plan" else ValidationFailed
    return _check(model, document, module.capitalize(), kind, kept, module=module)


def check_part(label: str, document: Any) -> dict[str, Any]:
    """Return ``document`` when it is a valid part of node type ``label``; raises ``ValidationFailed``."""
    return _check(PARTS[label], document, label, ValidationFailed, (), entity_type=label)


def _check(
    model: type[BaseModel],
    document: Any,
    name: str,
    kind: type[ValidationFailed],
    kept: Collection[str],
    **details: str,
) -> dict[str, Any]:
    try:
        model.model_validate(document, strict=True)
    except ValidationError as error:
        faults = [
            e for e in error.errors(include_url=False) if not (e["type"] == "missing" and _place(e["loc"]) in kept)
        ]
        found = [f"{_place(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in faults]
        if found:
            raise kind(f"Invalid {name}: {'; '.join(found[:20])}", violations=found, **details) from None
    if not _storable(document, _PLAIN_LISTS.get(model)):
        raise kind(
            f"Invalid {name}: not JSON that can be kept: no NaN, no integers beyond 64 bits, text in UTF-8", **details
        )
    return document


def _storable(document: Any, plain: str | None) -> bool:
    """As ``storable``; the list ``plain``, valid by its model, has to be JSON, and comes back equal then."""
    if plain is None:
        return storable(document)
    try:
        orjson.dumps(document[plain])
    except TypeError:
        return False
    return storable({name: value for name, value in document.items() if name != plain})


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "(document)"
