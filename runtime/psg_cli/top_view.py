"""What ``psg top`` shows, made of one overview: nothing here asks or waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from psg_cli.output import plain, table
from psg_client.generated import AlertSummary, SystemOverview

ROWS = 12
_SEVERITY = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
_HEALTH = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}


def frame(found: SystemOverview, events_per_s: float | None) -> Group:
    """Everything that runs as one picture; sections without anything in them are left out."""
    parts: list[RenderableType] = [_summary(found, events_per_s)]
    if not found.plans:
        parts += [Text(""), Text("no plan runs", style="dim")]
    sections: list[tuple[str, int, Table]] = [
        ("plans", len(found.plans), _plans(found.plans)),
        ("orchestrators", len(found.sessions), _sessions(found.sessions)),
        ("modules", len(found.modules), _modules(found.modules)),
        ("agents", len(found.agents), _agents(found.agents)),
        ("resources", len(found.resources), _resources(found.resources)),
        ("alerts", len(found.alerts), _alerts(found.alerts)),
    ]
    for name, count, rows in sections:
        if not count:
            continue
        more = f", {count - ROWS} more" if count > ROWS else ""
        parts += [Text(""), Text(f"{name} ({count}{more})", style="bold underline"), rows]
    for name, reason in found.missing.items():
        parts.append(Text(f"{name} cannot be read: {reason}", style="yellow"))
    return Group(*parts)


def _summary(found: SystemOverview, events_per_s: float | None) -> Text:
    counts = found.counts
    running = sum(session["running"] for session in found.sessions)
    facts = [
        f"{len(found.plans)} plans run", f"steps: {running} running, {counts['ready']} ready, "
        f"{counts['sleeping']} asleep, {counts['offered']} offered",
        f"{len(found.sessions)} orchestrators", f"claim lag {counts['claim_lag_ms'] / 1000:.1f} s",
        f"{counts['projects']} projects", f"{counts['log_seq']} events",
    ]  # fmt: skip
    if events_per_s is not None:
        facts.append(f"{events_per_s:.1f} events/s")
    return Text(" · ".join(facts))


def _plans(rows: Sequence[Any]) -> Table:
    shown = table("plan", "title", "progress", "done", "failed", "for", "spent")
    for row in rows[:ROWS]:
        total, done = row["steps_total"], row["steps_total"] - row["steps_open"]
        status = " (paused)" if row["paused"] else ""
        shown.add_row(
            row["id"], plain(row["title"] or "") + status, ProgressBar(total=max(total, 1), completed=done, width=20),
            f"{done}/{total}", str(row["steps_failed"]) if row["steps_failed"] else "", _span(row["running_ms"]),
            _account(row["spent"], row["limits"]),
        )  # fmt: skip
    return shown


def _account(spent: dict[str, float], limits: dict[str, float]) -> str:
    """What a plan spent, against its budget where it has one."""
    told = [
        f"{value:g}{f'/{limits[name]:g}' if name in limits else ''} {name.replace('_', ' ')}"
        for name, value in spent.items()
        if value or name in limits
    ]
    return ", ".join(told)


def _sessions(rows: Sequence[Any]) -> Table:
    shown = table("orchestrator", "process", "steps", "capabilities", "lease")
    for row in rows[:ROWS]:
        capacity = f"/{row['capacity']}" if row["capacity"] else ""
        lease = f"{max(row['lease_left_ms'], 0) / 1000:.0f} s"
        where = f"{plain(row['host'] or '')}:{row['pid']}"
        shown.add_row(row["id"], where, f"{row['running']}{capacity}", str(row["capabilities"]), lease)
    return shown


def _modules(rows: Sequence[Any]) -> Table:
    shown = table("module", "version", "status", "health", "process", "operations", "failures", "why")
    for row in rows[:ROWS]:
        health = f"[{_HEALTH.get(row['health'], 'dim')}]{plain(row['health'])}[/]"
        shown.add_row(
            plain(row["module_type"]), plain(row["version"]), plain(row["status"]), health, plain(row["process"]),
            str(row["operations"]), str(row["failures"]), plain(row["reason"] or ""),
        )  # fmt: skip
    return shown


def _agents(rows: Sequence[Any]) -> Table:
    shown = table("agent", "offered by", "from")
    for row in rows[:ROWS]:
        shown.add_row(plain(row["name"]), str(row["offered_by"]), plain(row["source"]))
    return shown


def _resources(rows: Sequence[Any]) -> Table:
    shown = table("resource", "in use", "used", "capacity", "allocations", "waiting", "strategy")
    for row in rows[:ROWS]:
        bar = ProgressBar(total=max(row["limit"], 0.001), completed=row["used"], width=20)
        shown.add_row(
            plain(row["name"]), bar, f"{row['used']:g}/{row['limit']:g}", f"{row['capacity']:g}",
            str(row["allocations"]), str(row["waiting"]), plain(row["strategy"]),
        )  # fmt: skip
    return shown


def _alerts(rows: Iterable[AlertSummary]) -> Table:
    return alert_table(list(rows)[:ROWS])


def alert_table(rows: Sequence[AlertSummary]) -> Table:
    """Alerts as a table."""
    shown = table("alert", "severity", "status", "name", "since", "times", "message")
    for row in rows:
        severity = f"[{_SEVERITY.get(row.severity, 'dim')}]{row.severity}[/]"
        shown.add_row(
            row.id, severity, row.status, plain(row.name), (row.started_at or "")[:19], str(row.times),
            plain(row.message),
        )  # fmt: skip
    return shown


def _span(milliseconds: float) -> str:
    seconds = int(milliseconds / 1000)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
