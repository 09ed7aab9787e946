"""Drift: what the graph expects of files, directories and git refs, and what becomes of differences (DESIGN, L3-48)."""

from psg.drift.conflicts import MEANS
from psg.drift.deciding import Decided, decide, drift_class
from psg.drift.dependents import depend_on, dependent_state, living, refresh, set_due
from psg.drift.errors import (
    ChangedMeanwhile,
    ContentNotKept,
    NotAFile,
    OutsideRoot,
    RootMissing,
    UnknownRoot,
    Unreadable,
)
from psg.drift.model import ABSENT, MODE, Expected, Found, State, content_digest
from psg.drift.reading import Tracked, below, count, page, resource, resources_by_uri, roots
from psg.drift.recording import BATCH, BATCH_BYTES, CLAIM_MS, Drift, Move, Recorded, record
from psg.drift.reports import TOPIC, FileUpdate, report_file_update
from psg.drift.settings import INTERVAL_MS, DriftClass, DriftSettings, OnDrift, Strategy, settings_of
from psg.drift.tracking import expect, note_root, root_settings, track, untrack
from psg.drift.uris import encoded, file_uri, parse, ref_uri, root_uri, shown

__all__ = [
    "ABSENT",
    "BATCH",
    "BATCH_BYTES",
    "CLAIM_MS",
    "INTERVAL_MS",
    "MEANS",
    "MODE",
    "TOPIC",
    "ChangedMeanwhile",
    "ContentNotKept",
    "Decided",
    "Drift",
    "DriftClass",
    "DriftSettings",
    "Expected",
    "FileUpdate",
    "Found",
    "Move",
    "NotAFile",
    "OnDrift",
    "OutsideRoot",
    "Recorded",
    "RootMissing",
    "State",
    "Strategy",
    "Tracked",
    "UnknownRoot",
    "Unreadable",
    "below",
    "content_digest",
    "count",
    "decide",
    "depend_on",
    "dependent_state",
    "drift_class",
    "encoded",
    "expect",
    "file_uri",
    "living",
    "note_root",
    "page",
    "parse",
    "record",
    "ref_uri",
    "refresh",
    "report_file_update",
    "resource",
    "resources_by_uri",
    "root_settings",
    "root_uri",
    "roots",
    "set_due",
    "settings_of",
    "shown",
    "track",
    "untrack",
]
