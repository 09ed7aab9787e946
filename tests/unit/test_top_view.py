"""What psg top shows: every section, nobody's markup, and no more than fits."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from psg_cli.top_view import ROWS, frame
from psg_client.generated import AlertSummary, SystemOverview

COUNTS = {
    "ready": 3, "sleeping": 2, "undecided": 0, "offered": 1, "projects": 4, "log_seq": 99, "claim_lag_ms": 1500,
}  # fmt: skip


def overview(**more: Any) -> SystemOverview:
    empty: dict[str, Any] = {
        name: [] for name in ("plans", "sessions", "modules", "agents", "resources", "alerts")
    }
    return SystemOverview(**{**empty, "counts": COUNTS, "missing": {}, **more})


def plan(number: int, **more: Any) -> dict[str, Any]:
    return {
        "project_id": "p", "id": f"plan-{number}", "title": "a plan", "paused": False, "steps_total": 10,
        "steps_open": 4, "steps_failed": 1, "started_ms": 1, "running_ms": 125_000,
        "spent": {"tokens": 0, "cost": 1.5, "calls": 7, "wall_ms": 0}, "limits": {"calls": 10, "tokens": 50}, **more,
    }  # fmt: skip


def shown(found: SystemOverview, rate: float | None = None) -> str:
    console = Console(file=io.StringIO(), width=240, color_system=None)
    console.print(frame(found, rate))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_nothing_runs() -> None:
    text = shown(overview())
    assert "0 plans run" in text and "3 ready, 2 asleep, 1 offered" in text and "claim lag 1.5 s" in text
    assert "no plan runs" in text and "orchestrators (" not in text and "events/s" not in text


def test_everything_runs() -> None:
    session = {"id": "s1", "host": "h", "pid": 7, "running": 2, "capacity": 8, "capabilities": 3,
               "lease_left_ms": 4_000}  # fmt: skip
    module = {
        "id": "m", "module_type": "context", "version": "1", "status": "running", "health": "degraded",
        "process": "h:7", "operations": 5, "failures": 1, "reason": "slow disk",
    }  # fmt: skip
    pool = {
        "name": "gpu", "used": 1.5, "limit": 3, "capacity": 4, "allocations": 2, "waiting": 1, "strategy": "fair",
    }  # fmt: skip
    alert = AlertSummary(
        id="a1", name="failures", status="firing", severity="high", message="[red]bad[/]\x1b[2J", rule=None,
        project_id=None, source="", times=2, seq=1, started_at="2026-01-01T00:00:00.000Z", changed_at=None,
        resolved_at=None, acknowledged_at=None, acknowledged_by=None, deliveries=[],
    )  # fmt: skip
    text = shown(
        overview(
            plans=[plan(1, title="[bold]Mine[/]"), plan(2, paused=True)], sessions=[session], modules=[module],
            agents=[{"name": "reviewer@1", "offered_by": 2, "source": "python"}], resources=[pool], alerts=[alert],
            missing={"x": "KeyError"},
        ),
        12.34,
    )  # fmt: skip
    for wanted in ("[bold]Mine[/]", "(paused)", "6/10", "2 min 5 s", "0/50 tokens", "1.5 cost", "7/10 calls", "2/8",
                   "h:7", "slow disk", "reviewer@1", "1.5/3", "12.3 events/s", "[red]bad[/]", "firing", "KeyError",
                   "2 running"):  # fmt: skip
        assert wanted in text, wanted
    assert "\x1b" not in text


def test_more_than_fits_is_counted() -> None:
    text = shown(overview(plans=[plan(number) for number in range(ROWS + 5)]))
    assert f"plans ({ROWS + 5}, 5 more)" in text and f"plan-{ROWS - 1} " in text and f"plan-{ROWS} " not in text
