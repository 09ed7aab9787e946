"""Checks of what a node points to, against the one table of references (L3-02, L3-05, DD-01, DD-03, DESIGN §4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psg.audit.facts import Facts, Finding, Row
from psg.model.entities import ENTITIES
from psg.model.references import CONFIRM_TARGETS, OWNER_KEYS, Reference, references_of

OWNER_COPIES = {label: (key, references_of(label)[0].relationship) for label, key in OWNER_KEYS.items()}
SAME_OWNER = {"DEPENDS_ON": "plan", "CHILD_OF": "trace"}
"""Relationships that stay inside one owner, by the property that names it."""


def check_type(facts: Facts) -> Iterator[Finding]:
    """A node has exactly one known type."""
    types = [x for x in facts.labels if x in ENTITIES]
    if len(types) != 1:
        yield "type", f"it has the types {', '.join(types) or 'none'} (labels {', '.join(facts.labels)})"


def check_references(facts: Facts) -> Iterator[Finding]:
    """Every reference is there when it has to be, once, and leads to a node of the right type in the same project."""
    for reference, links in facts.references():
        if reference.required and not links:
            kind = "owner_missing" if reference.owner else "dangling_reference"
            yield kind, f"{facts.label}.{reference.field}: no {reference.relationship} relationship is stored"
        yield from _repeated(facts, reference, links)
        for link in links:
            yield from _target(facts, reference, link)
    copy = OWNER_COPIES.get(facts.label)
    if copy is not None:
        yield from _owner_copy(facts, *copy)


def _repeated(facts: Facts, reference: Reference, links: Sequence[Row]) -> Iterator[Finding]:
    targets = [link["id"] for link in links]
    if len(set(targets)) < len(targets) or (len(targets) > 1 and not reference.many):
        shown = ", ".join(str(t) for t in targets[:5])
        yield (
            "duplicate_reference",
            f"{facts.label}.{reference.field}: {len(targets)} {reference.relationship} relationships, to {shown}",
        )


def _target(facts: Facts, reference: Reference, link: Row) -> Iterator[Finding]:
    where = f"{facts.label}.{reference.field}: {reference.relationship} leads to {link['id']}"
    wanted = reference.targets
    if reference.field == "target_id":
        wanted = CONFIRM_TARGETS.get(facts.props.get("target_type", ""), wanted)
    if link["project_id"] != facts.project_id:
        yield "foreign_reference", f"{where}, which is of project {link['project_id']}"
    elif not set(wanted) & set(link["labels"]) or "PsgNode" not in link["labels"]:
        yield "dangling_reference", f"{where} ({', '.join(link['labels'])}); it may lead to {', '.join(wanted)}"
    elif facts.deleted or "Tombstone" not in link["labels"]:
        yield from _inside(facts, reference, link, where)
    elif reference.owner and "Closing" not in link["labels"]:
        yield "closing", f"{where}, its owner, which is deleted; parts go with their owner"
    elif reference.restrict and not _owner_deleted(facts):
        yield "dangling_reference", f"{where}, which is deleted though it is needed"


def _inside(facts: Facts, reference: Reference, link: Row, where: str) -> Iterator[Finding]:
    owner = SAME_OWNER.get(reference.relationship)
    if owner is not None and link[owner] != facts.props.get(owner):
        yield "dangling_reference", f"{where}, which is of another {owner} ({link[owner]})"


def _owner_deleted(facts: Facts) -> bool:
    owners = [link for reference, links in facts.references() if reference.owner for link in links]
    return any("Tombstone" in owner["labels"] for owner in owners)


def _owner_copy(facts: Facts, name: str, relationship: str) -> Iterator[Finding]:
    for link in facts.links(relationship)[:1]:
        if facts.props.get(name) != link["id"]:
            yield "owner_field", f"{name} is {facts.props.get(name)}, but {relationship} leads to {link['id']}"
