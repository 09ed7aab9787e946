"""What one node is judged by: everything that was read about it, at one moment when it was read under the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psg.audit.fold import FoldedEntity, fold
from psg.model.entities import ENTITIES
from psg.model.references import Reference, references_of

Row = Mapping[str, Any]
Finding = tuple[str, str]
"""Kind and message of a violation."""


@dataclass(slots=True)
class Facts:
    """A node with its outgoing links, its events, and what else its type is judged by.

    ``steps`` are the counts of a plan's steps, ``before`` the times of the segment before a segment; ``now`` is the
    database's clock in ms since 1970 and ``watched_since`` the time from which on there was an orchestrator (``None``:
    there is none). ``complete`` tells that no event was removed by retention, or that a checkpoint tells of those;
    ``begin`` is what the node was at the checkpoint, at number ``cut`` of the log; ``account`` what a project's head
    and its plans have spent; ``session`` that of a plan, with its turns.
    """

    project_id: str
    row: Row
    now: int
    watched_since: int | None
    complete: bool = True
    steps: Row | None = None
    before: Row | None = None
    begin: FoldedEntity | None = None
    cut: int = 0
    account: Row | None = None
    session: Row | None = None
    folded: FoldedEntity | None = field(init=False)
    _by_type: dict[str, list[Row]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for link in self.row["links"]:
            self._by_type.setdefault(link["type"], []).append(link)
        events = (event for event in self.row["events"] if event["seq"] > self.cut)
        begin = {} if self.begin is None else {self.id: self.begin}
        self.folded = fold(events, begin).entities.get(self.id)

    @property
    def id(self) -> str:
        """Id of the node."""
        return self.row["id"]

    @property
    def props(self) -> Row:
        """Stored properties."""
        return self.row["props"]

    @property
    def labels(self) -> Sequence[str]:
        """All labels."""
        return self.row["labels"]

    @property
    def label(self) -> str:
        """The node type."""
        return next((x for x in self.labels if x in ENTITIES), "")

    @property
    def deleted(self) -> bool:
        """Whether it is a tombstone."""
        return "Tombstone" in self.labels

    def links(self, kind: str) -> list[Row]:
        """The outgoing relationships of a type, with what is at their ends."""
        return self._by_type.get(kind, [])

    def references(self) -> Iterator[tuple[Reference, list[Row]]]:
        """Each reference field of the type with its links."""
        for reference in references_of(self.label):
            yield reference, self.links(reference.relationship)
