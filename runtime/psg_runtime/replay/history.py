"""The history of an execution as data: its entries, what they add up to, and the file they are kept in.

Entries are ``{timestamp, event, data}`` in the order in which things happened (ORCH-21, ORCH-22).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

import orjson

from psg.errors import ValidationFailed
from psg.model.codec import moment
from psg_runtime.contracts.record import Record, record
from psg_runtime.replay.errors import ReplayUnreadable

EVENTS = (
    "plan_created", "execution_started", "step_started", "step_completed", "step_failed", "execution_completed",
    "execution_failed",
)  # fmt: skip
FORMAT, VERSION = "psg-plan-replay", 1
MAX_EXPORT_BYTES = 512 * 1024 * 1024
_ENDED = frozenset(("execution_completed", "execution_failed"))
_STEP_ENDED = frozenset(("step_completed", "step_failed"))
_KEYS = frozenset(("format", "version", "planId", "count", "sha256", "entries", "run"))

Callback = Callable[[Record], Awaitable[Any] | Any]


def entry(event: str, data: Mapping[str, Any], timestamp: str) -> Record:
    """Return one entry; raises ``ValidationFailed`` for an event that is none of ``EVENTS``, or no time."""
    if event not in EVENTS:
        raise ValidationFailed(f"Unknown replay event `{event}`: known are {', '.join(EVENTS)}.", event=event)
    try:
        moment(timestamp)
    except (TypeError, ValueError) as error:
        raise ValidationFailed(f"The time of a replay entry: {error}.", event=event) from None
    return Record(timestamp=timestamp, event=event, data=record(data))


async def replay(entries: Iterable[Record], callback: Callback) -> int:
    """Call ``callback`` once per entry in order, awaiting each; returns how many. What it raises ends the replay."""
    count = 0
    for one in entries:
        answer = callback(one)
        if isawaitable(answer):
            await answer
        count += 1
    return count


def timeline(entries: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Return timestamp, event, step and duration of every entry, chronological (ORCH-24).

    ``duration`` is milliseconds: that of the step or the execution where one ended, else 0.
    """
    rows = [
        Record(
            timestamp=one["timestamp"], event=one["event"], duration=_duration(one), stepId=one["data"].get("stepId")
        )
        for one in entries
    ]
    return sorted(rows, key=lambda row: moment(row["timestamp"]))


def stats(entries: Sequence[Mapping[str, Any]]) -> Record:
    """Return totalDuration, averageStepDuration and eventCounts (ORCH-25); durations in milliseconds.

    The total is that of all executions; one without an end counts up to its last entry. The average is over the
    steps that ended.
    """
    total, started = 0.0, None
    for one in entries:
        if one["event"] == "execution_started":
            started = one["timestamp"]
        elif one["event"] in _ENDED:
            total += _duration(one)
            started = None
    if started is not None:
        total += (moment(entries[-1]["timestamp"]) - moment(started)).total_seconds() * 1000
    steps = [_duration(one) for one in entries if one["event"] in _STEP_ENDED]
    return Record(
        totalDuration=total,
        averageStepDuration=sum(steps) / len(steps) if steps else 0,
        eventCounts=Record(Counter(one["event"] for one in entries)),
    )


def _duration(one: Mapping[str, Any]) -> float:
    data = one["data"]
    metadata = data.get("metadata")
    told = metadata.get("totalDuration") if isinstance(metadata, Mapping) else data.get("duration")
    return told if one["event"] in _ENDED | _STEP_ENDED and isinstance(told, int | float) else 0


def exported(plan_id: str, entries: Sequence[Mapping[str, Any]], run: Mapping[str, Any] | None = None) -> str:
    """Return the history as JSON text, one entry a line, with a checksum; ``run`` is what decisions were made from."""
    lines = [orjson.dumps(one) for one in entries]
    told = b"null" if run is None else orjson.dumps(run)
    head = {"format": FORMAT, "version": VERSION, "planId": plan_id, "count": len(lines), "sha256": _sum(lines, told)}
    body = b",\n".join(lines)
    return (orjson.dumps(head)[:-1] + b',\n"run":' + told + b',\n"entries":[\n' + body + b"\n]}\n").decode()


def _sum(lines: Sequence[bytes], run: bytes) -> str:
    return hashlib.sha256(b"\n".join([*lines, run])).hexdigest()


def imported(text: str | bytes) -> tuple[str, list[Record], dict[str, Any] | None]:
    """Return plan id, entries and run of an export; raises ``ReplayUnreadable`` for what is none, or not whole."""
    if len(text) > MAX_EXPORT_BYTES:
        raise ReplayUnreadable(f"The export has {len(text)} bytes; the limit is {MAX_EXPORT_BYTES}.")
    try:
        found = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeError) as error:
        raise ReplayUnreadable(f"The export is cut off or no JSON: {error}.") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or not set(found) <= _KEYS:
        raise ReplayUnreadable(f"This is no export of a recorded run (no `format: {FORMAT}`).")
    if found.get("version") != VERSION:
        raise ReplayUnreadable(
            f"The export has version {found.get('version')!r}; this release reads version {VERSION}."
        )
    plan_id, rows, run = found.get("planId"), found.get("entries"), found.get("run")
    if not isinstance(plan_id, str) or not plan_id or not isinstance(rows, list):
        raise ReplayUnreadable("The export has no `planId` or no `entries`.")
    if not (run is None or isinstance(run, dict)):
        raise ReplayUnreadable("The `run` of the export is no mapping.")
    whole = _sum([orjson.dumps(row) for row in rows], orjson.dumps(run))
    if found.get("count") != len(rows) or found.get("sha256") != whole:
        raise ReplayUnreadable("The export was cut off or changed: its entries do not fit its checksum.")
    return plan_id, [_entry(i, row) for i, row in enumerate(rows)], run


def _entry(index: int, row: Any) -> Record:
    if not isinstance(row, dict) or set(row) != {"timestamp", "event", "data"} or not isinstance(row["data"], dict):
        raise ReplayUnreadable(f"Entry {index} of the export is not {{timestamp, event, data}}.")
    try:
        return entry(row["event"], row["data"], row["timestamp"])
    except (ValidationFailed, TypeError, RecursionError) as error:
        raise ReplayUnreadable(f"Entry {index} of the export: {error}") from None
