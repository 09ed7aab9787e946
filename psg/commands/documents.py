"""Storing protocol documents of every module but plan (that is in ``commands.plans``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from psg.errors import DuplicateId, TimeOrderViolation, ValidationFailed
from psg.model.codec import loads, moment
from psg.model.documents import Taken, parts_of, take_apart
from psg.model.entities import ENTITIES, MODULES
from psg.model.protocol import check_document
from psg.model.references import BY_FIELD, CONFIRM_TARGETS, OWNER_KEYS, references_of
from psg.write.change import Change, Link
from psg.write.command import Command
from psg.write.writer import Locked

PARTS_LIMIT = 5_000
"""Most messages, participants or nodes that one document may have: it is stored, and deleted, in one commit."""
# Modules whose parts name roles.
NAMES_ROLES = ("collab", "network")


def store_document(
    project_id: str,
    module: str,
    document: Mapping[str, Any],
    command: Command,
    *,
    placeholders: Mapping[str, str] | None = None,
) -> Change:
    """Return the change that stores one document of any module but plan, with its parts.

    ``placeholders`` are ids and names of roles that the same commit has to make, because the document names them and
    they do not exist. Raises ``ValidationFailed`` naming each violation of the schema, ``DuplicateId`` for an id that
    the document uses twice; references are judged when it is committed.
    """
    taken = take_apart(MODULES[module], check_document(module, document))
    change = Change(command)
    made = placeholders or {}
    for role_id, name in made.items():
        change.create("Role", role_id, {"name": name, "placeholder": True}, [("IN_PROJECT", project_id, {})])
    links = _links(change, taken, made)
    if BY_FIELD.get((taken.label, "project_id")):
        change.require(project_id, ["Project"], "project_id")
        links.append(("IN_PROJECT", project_id, {}))
    change.create(taken.label, taken.node_id, taken.props, links)
    change.answer = {module: taken.node_id}
    if taken.label == "Trace":
        _segments(change, taken)
    elif taken.label == "Confirm":
        _decisions(change, taken)
    elif ENTITIES[taken.label].parts:
        add_parts(change, taken.label, taken.node_id, parts_of(taken), 0, made)
    _refuse_repeated_ids(change)
    return change


def decided_inside(
    module: str, document: Mapping[str, Any], command: Command, *, placeholders: bool = False
) -> Callable[[Locked], Awaitable[Change]] | None:
    """Return how a refused document can be stored after all, by the roles there are inside the lock; ``None``: not.

    A role that is there as a placeholder becomes what its document says. With ``placeholders`` (import only, C-30) a
    role that a participant or a node of a network names, and that does not exist, is made in the same commit.
    """
    if module == "role":
        return partial(_store_role, document=check_document(module, document), command=command)
    if placeholders and module in NAMES_ROLES:
        names = _role_names(take_apart(MODULES[module], check_document(module, document)))
        return partial(_store_naming, module=module, document=document, names=names, command=command)
    return None


async def _store_role(locked: Locked, *, document: Mapping[str, Any], command: Command) -> Change:
    known = await locked.read_one("node_state", node_id=document["role_id"], known=list(ENTITIES))
    if known is not None and known["node"].get("placeholder") and not known["deleted"]:
        return _define_role(known["node"], document, command)
    return store_document(locked.project_id, "role", document, command)


async def _store_naming(
    locked: Locked, *, module: str, document: Mapping[str, Any], names: Mapping[str, str], command: Command
) -> Change:
    missing = await locked.read("ids_missing", ids=list(names))
    made = {row["id"]: names[row["id"]] for row in missing}
    return store_document(locked.project_id, module, document, command, placeholders=made)


def _define_role(role: Mapping[str, Any], document: Mapping[str, Any], command: Command) -> Change:
    taken = take_apart("Role", document)
    before = {"name": role["name"], "placeholder": True}
    change = Change(command)
    change.set("Role", role["id"], before, {**taken.props, "placeholder": None}, kind="role_defined")
    change.answer = {"role": role["id"]}
    return change


def _role_names(taken: Taken) -> dict[str, str]:
    """The roles that the parts of a document name, by id: what it says, which is the id itself unless it is a name."""
    names: dict[str, str] = {}
    for part in parts_of(taken):
        said = loads(part.props.get("payload")) or {}
        names |= {role_id: said.get("role_id", role_id) for role_id in part.references.get("role_id", ())}
    return names


def _links(change: Change, taken: Taken, made: Collection[str] = (), place: str = "") -> list[Link]:
    links: list[Link] = []
    for field, targets in taken.references.items():
        reference = BY_FIELD[(taken.label, field)]
        wanted: Sequence[str] = reference.targets
        if field == "target_id":
            wanted = CONFIRM_TARGETS[taken.props["target_type"]]
        for target in targets:
            if target not in made:
                change.require(target, wanted, f"{place}{field}")
            links.append((reference.relationship, target, {}))
    return links


def add_parts(
    change: Change,
    label: str,
    owner_id: str,
    parts: Sequence[Taken],
    first: int,
    made: Collection[str] = (),
) -> None:
    """Add the creation of parts of a dialog, collab or network, from position ``first`` on, with their references."""
    ((field, kind),) = ENTITIES[label].parts
    if first + len(parts) > PARTS_LIMIT:
        raise ValidationFailed(
            f"{field}: a {label.lower()} has up to {PARTS_LIMIT} of them; begin another one", field=field,
            limit=PARTS_LIMIT,
        )  # fmt: skip
    owner = references_of(kind)[0]
    for position, part in enumerate(parts, first):
        place = f"{field}.{position}."
        links: list[Link] = [(owner.relationship, owner_id, {}), *_links(change, part, made, place)]
        props = part.props | {"position": position, OWNER_KEYS[kind]: owner_id}
        change.create(kind, part.node_id, props, links)


def _refuse_repeated_ids(change: Change) -> None:
    seen: set[str] = set()
    for create in change.creates:
        node_id = create["props"]["id"]
        if node_id in seen:
            raise DuplicateId(f"{create['labels'][0]} {node_id}: the document uses this id twice", id=node_id)
        seen.add(node_id)


def _segments(change: Change, trace: Taken) -> None:
    """Segments are stored in the order given; their times may not go back (DD-05)."""
    last: dict[str, datetime] = {}
    seen: set[str] = set()
    for position, segment in enumerate(trace.parts.get("segments", ())):
        taken = take_apart("TraceSegment", segment)
        for field in ("started_at", "finished_at"):
            check_time_order(last, field, taken)
        links: list[Link] = [("IN_TRACE", trace.node_id, {})]
        parent = taken.references.get("parent_segment_id", [])
        for target in parent:
            if target not in seen:
                raise ValidationFailed(
                    f"segments.{position}.parent_segment_id: {target} is no earlier segment of this trace",
                    field="parent_segment_id", id=target,
                )  # fmt: skip
            links.append(("CHILD_OF", target, {}))
        seen.add(taken.node_id)
        props = taken.props | {"trace": trace.node_id, "log_seq": position - len(trace.parts["segments"])}
        change.create("TraceSegment", taken.node_id, props | {"position": position}, links)


def check_time_order(last: dict[str, datetime], field: str, segment: Taken) -> None:
    """Raise ``TimeOrderViolation`` when ``field`` of a segment is earlier than that of the one before."""
    text = segment.props.get(field)
    if text is None:
        return
    at = moment(text)
    if field in last and at < last[field]:
        raise TimeOrderViolation(
            f"segment {segment.node_id}: {field} {text} is earlier than that of the segment before", field=field
        )
    last[field] = at


def _decisions(change: Change, confirm: Taken) -> None:
    for position, decision in enumerate(confirm.parts.get("decisions", ())):
        taken = take_apart("Decision", decision)
        props = taken.props | {"position": position, "actor": change.command.actor}
        change.create("Decision", taken.node_id, props, [("DECIDES", confirm.node_id, {})])
