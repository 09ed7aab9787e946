"""Storing protocol documents: context, role, trace and confirm (a plan's is in ``commands.plans``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psg.errors import TimeOrderViolation, ValidationFailed
from psg.model.codec import moment
from psg.model.documents import Taken, take_apart
from psg.model.entities import MODULES
from psg.model.protocol import check_document
from psg.model.references import BY_FIELD, CONFIRM_TARGETS
from psg.write.change import Change, Link
from psg.write.command import Command


def store_document(project_id: str, module: str, document: Mapping[str, Any], command: Command) -> Change:
    """Return the change that stores one context, role, trace or confirm with its parts.

    Raises ``ValidationFailed`` naming each violation of the schema; references are judged when it is committed.
    """
    taken = take_apart(MODULES[module], check_document(module, document))
    change = Change(command)
    links = _links(change, taken)
    if taken.label in ("Context", "Role"):
        change.require(project_id, ["Project"], "project_id")
        links.append(("IN_PROJECT", project_id, {}))
    change.create(taken.label, taken.node_id, taken.props, links)
    change.answer = {module: taken.node_id}
    if taken.label == "Trace":
        _segments(change, taken)
    if taken.label == "Confirm":
        _decisions(change, taken)
    return change


def _links(change: Change, taken: Taken) -> list[Link]:
    links: list[Link] = []
    for field, targets in taken.references.items():
        reference = BY_FIELD[(taken.label, field)]
        wanted: Sequence[str] = reference.targets
        if field == "target_id":
            wanted = CONFIRM_TARGETS[taken.props["target_type"]]
        for target in targets:
            change.require(target, wanted, field)
            links.append((reference.relationship, target, {}))
    return links


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
