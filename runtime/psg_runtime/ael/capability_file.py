"""Capabilities written down in a YAML file: their schemas, and how they are done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psg.errors import PlanFileInvalid, PsgError, ValidationFailed
from psg_runtime.ael.capability import Capability, build_capability
from psg_runtime.ael.delegation import delegation
from psg_runtime.plan_file.document import Document, Location, read_document

_SPELLINGS = {"inputSchema": "input_schema", "outputSchema": "output_schema"}
_FIELDS = ("name", "type", "version", "description", "enabled", "metadata", "input_schema", "output_schema")
_WAYS = ("python", "process", "http", "mcp", "adapter")


class CapabilityFileInvalid(ValidationFailed):
    """The file of capabilities cannot be read as one."""

    code = "capability_file_invalid"


def read_capabilities(path: Path) -> list[Capability]:
    """The capabilities of ``path``: a mapping with the list ``capabilities``.

    Each has a name, a type, schemas, and one way to be done: ``python`` (``pkg.module:function``), ``process``
    (``argv`` and what ``process.run`` takes), ``http`` (what ``http.request`` takes), ``mcp`` (``server`` and ``tool``)
    or ``adapter: external`` (workers outside fetch it). Raises CapabilityFileInvalid with file, line and column,
    UnknownCapability for a function.
    """
    try:
        document = read_document(path.read_bytes(), str(path))
    except OSError as error:
        raise CapabilityFileInvalid(f"{path}: the file cannot be read: {error.strerror}.") from None
    except PlanFileInvalid as error:
        raise CapabilityFileInvalid(error.message, **error.details) from None
    data = document.data
    if not isinstance(data, dict) or set(data) != {"capabilities"} or not isinstance(data["capabilities"], list):
        raise _refused(document, (), "the file is a mapping with the list `capabilities`")
    return [_capability(document, ("capabilities", i), entry) for i, entry in enumerate(data["capabilities"])]


def _capability(document: Document, at: Location, entry: Any) -> Capability:
    if not isinstance(entry, dict):
        raise _refused(document, at, "a capability is a mapping")
    given = {_SPELLINGS.get(key, key): value for key, value in entry.items()}
    for key in entry:
        if _SPELLINGS.get(key, key) not in (*_FIELDS, *_WAYS):
            raise _refused(document, (*at, key), f"unknown key `{key}`; known are {', '.join((*_FIELDS, *_WAYS))}")
    ways = [way for way in _WAYS if way in given]
    if len(ways) != 1:
        raise _refused(document, at, f"a capability has exactly one of {', '.join(_WAYS)}")
    fields = {key: given[key] for key in _FIELDS if key in given}
    for key in ("name", "type"):
        if not isinstance(fields.get(key), str):
            raise _refused(document, at, f"a capability needs a `{key}`, as text")
    for key in ("input_schema", "output_schema", "metadata"):
        if key in fields and not isinstance(fields[key], dict):
            raise _refused(document, (*at, key), f"`{key}` is a mapping")
    try:
        return build_capability(**fields, **_way(ways[0], given[ways[0]]), source="file")
    except PsgError as error:
        if isinstance(error, ValidationFailed):
            raise _refused(document, at, error.message.removesuffix(".")) from None
        raise


def _way(way: str, given: Any) -> dict[str, Any]:
    if way == "python":
        return {"call": _function(given)}
    if way == "adapter":
        return {"adapter": given if isinstance(given, str) else ""}
    if not isinstance(given, Mapping):
        raise ValidationFailed(f"`{way}` is a mapping.")
    if way == "mcp":
        if set(given) != {"server", "tool"} or not all(isinstance(v, str) for v in given.values()):
            raise ValidationFailed("`mcp` has a `server` and a `tool`, as text.")
        return {"delegation": delegation(f"{given['server']}.{given['tool']}", None, "result")}
    params = {key: value for key, value in given.items() if key != "output"}
    needed = "argv" if way == "process" else "url"
    if needed not in params:
        raise ValidationFailed(f"`{way}` needs `{needed}`.")
    action = "process.run" if way == "process" else "http.request"
    return {"delegation": delegation(action, params, given.get("output", "result"))}


def _function(reference: Any) -> Any:
    from psg_runtime.ael.registry import load_reference

    if not isinstance(reference, str) or ":" not in reference:
        raise ValidationFailed("`python` names a function: pkg.module:function.")
    found = load_reference(reference)
    if not callable(found):
        raise ValidationFailed(f"`{reference}` is no function.")
    return found


def _refused(document: Document, at: Location, message: str) -> CapabilityFileInvalid:
    error = document.invalid(at, message)
    return CapabilityFileInvalid(error.message, **error.details)
