"""What a finished attempt leaves behind: the row for the commit, with its segment and the log's account of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psg.budgets import Spend
from psg.model.codec import dumps, for_log, sealed
from psg.model.ids import new_id

ERROR_CHARS = 20_000


def result_row(
    claim: Mapping[str, Any],
    trace_id: str,
    session_id: str,
    status: str,
    output: Any,
    error: Any,
    duration_ms: int,
    *,
    effect: str | None = None,
    notes: Mapping[str, Any] | None = None,
    spend: Spend | None = None,
) -> dict[str, Any]:
    """Return the row of ``frontier_advance`` for a step that ended ``completed`` or ``failed``.

    ``effect`` is the idempotency key under which the ledger keeps the output, ``notes`` what the gates found worth
    telling in the trace. The segment's ``changes`` come in two halves because only the database knows the time
    between them.
    """
    output_text = None if output is None else sealed(dumps(output))
    error_text = None if error is None else sealed(error_json(error))
    payload = sealed(segment_payload(claim, session_id, duration_ms, error, notes))
    after = {
        "label": claim["key"], "status": status, "attempt": claim["attempt"], "fence": claim["fence"],
        "session_id": session_id, "payload": for_log(payload),
    }  # fmt: skip
    links = [["IN_TRACE", trace_id], ["RECORDS", claim["id"]]]
    head = '{"op":"create","links":' + dumps(links) + ',"after":' + dumps(after)[:-1] + ',"finished_at":"'
    set_after = {"output": for_log(output_text), "error": for_log(error_text)}
    row = {
        "id": claim["id"], "fence": claim["fence"], "attempt": claim["attempt"], "label": claim["key"],
        "status": status, "output": output_text, "error": error_text, "trace_id": trace_id, "segment_id": new_id(),
        "payload": payload, "segment_head": head, "segment_tail": '"}}',
        "changes": dumps({"op": "set", "before": {}, "after": {k: v for k, v in set_after.items() if v is not None}}),
    }  # fmt: skip
    if effect is not None:
        row["effect"] = effect
    if spend is not None:
        row["spend"] = spend.row()
    return row


def error_json(error: Mapping[str, Any]) -> str:
    """Return an error as JSON text; one with endless details is stored without them."""
    text = dumps(error)
    return text if len(text) <= ERROR_CHARS else dumps({**error, "details": {}})


def segment_payload(
    claim: Mapping[str, Any], session_id: str, duration_ms: int, error: Any, notes: Mapping[str, Any] | None = None
) -> str:
    """Return the protocol attributes of a Trace segment as JSON text."""
    attributes = {
        "step_id": claim["id"], "key": claim["key"], "attempt": claim["attempt"], "duration_ms": duration_ms,
        "executor": session_id, "capability": claim["capability"] or claim["type"],
    }  # fmt: skip
    if notes:
        attributes |= notes
    if error is not None:
        attributes["error"] = {k: error[k] for k in ("code", "message", "category") if k in error}
    return dumps({"attributes": attributes})


def skip_row(step_id: str, reason: str) -> dict[str, Any]:
    """Return the row of ``frontier_advance`` for a pending step that is skipped."""
    after = {"status": "skipped", "skip_reason": reason}
    changes = {"op": "set", "before": {"status": "pending"}, "after": after}
    return {"id": step_id, "reason": reason, "changes": dumps(changes)}
