"""Which class a difference is of, and what is done about it: pure (DD-59, DD-60)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psg.drift.model import Expected, Found
from psg.drift.settings import DriftClass, DriftSettings, Strategy

Verdict = Literal["nothing", "agree", "write_out", "reconcile"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be done: ``nothing``; ``agree`` that both sides are the same; ``write_out`` a change of the graph,
    which is no drift; or ``reconcile`` a drift of class ``drift`` by ``strategy``. ``both``: both sides changed.
    """

    verdict: Verdict
    drift: DriftClass | None = None
    strategy: Strategy | None = None
    both: bool = False


def drift_class(expected_hash: str | None, found_hash: str | None) -> DriftClass | None:
    """Return added = outside only, deleted = in the graph only, modified = in both with another hash, else ``None``."""
    if expected_hash == found_hash:
        return None
    if expected_hash is None:
        return "added"
    return "deleted" if found_hash is None else "modified"


def decide(
    expected: Expected | None, found: Found, settings: DriftSettings, forced: Strategy | None = None
) -> Decided:
    """Return what is to be done about what was found; ``forced`` is the strategy that somebody chose.

    Each side is compared with the last state that both had. A change of the graph alone is carried out; a change of the
    file alone is reconciled as its class says; where both changed, ``both`` says, and a deletion of the one and a
    change of the other is for a person, unless deleted files are restored anyway.
    """
    wanted = expected.hash if expected else None
    base = expected.base_hash if expected else None
    drift = drift_class(wanted, found.hash)
    if drift is None:
        known = expected is not None and expected.state == "synced" and base == wanted
        same = expected is None or (known and expected.mtime_ms == found.mtime_ms and expected.mode == found.mode)
        return Decided("nothing") if same or (known and wanted is None) else Decided("agree")
    file_changed, graph_changed = found.hash != base, wanted != base
    both = file_changed and graph_changed and (wanted is not None or base is not None)
    if forced is not None:
        return Decided("reconcile", drift, forced, both)
    if not file_changed:
        return Decided("write_out", None, "psg_wins")
    if not both:
        return Decided("reconcile", drift, getattr(settings, drift))
    if drift == "modified":
        return Decided("reconcile", drift, settings.both, True)
    if drift == "deleted" and settings.deleted == "psg_wins":
        return Decided("reconcile", drift, "psg_wins", True)
    return Decided("reconcile", drift, "manual", True)
