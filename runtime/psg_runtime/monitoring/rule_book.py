"""Rules in the graph and what they lead to: configured by anybody, evaluated once by whoever holds the lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psg_cypher
from psg.errors import Refused, ValidationFailed
from psg.model.codec import dumps
from psg.model.ids import check_id, new_id
from psg_neo4j.database import Database, Row, Transaction
from psg_runtime.monitoring.alert_rules import METRICS, AlertConfiguration, AlertRule, Observed, Verdict, judge
from psg_runtime.monitoring.alerts import Alert, AlertBook, log_alerts, rule_of, with_alerts
from psg_runtime.monitoring.scope import Scope

RULES_MAX = 2_000


async def configure(
    db: Database, scope: Scope, config: AlertConfiguration, actor: str, probes: Iterable[str] = ()
) -> list[AlertRule]:
    """Make, change and remove rules, all or nothing; returns the rules of the scope after it (CORE-43).

    A rule of a scope that is a project is of that project. Raises ``ValidationFailed`` for a metric that nobody
    knows, ``Refused`` for a rule that another project has.
    """
    rules = [_inside(rule, scope) for rule in config.rules]
    known = {*METRICS, *probes}
    for rule in rules:
        if rule.metric is not None and rule.metric not in known:
            raise ValidationFailed(
                f"rules.{rule.id}.metric: {rule.metric!r} is no metric; known are {', '.join(sorted(known))}",
                field="metric",
            )

    async def work(book: AlertBook) -> None:
        named = [*(rule.id for rule in rules), *config.remove]
        before = {row["rule"]["id"]: row["rule"] for row in await book.read("alert_rules_by_id", batch={"ids": named})}
        for name, row in before.items():
            wanted = next((rule.project_id for rule in rules if rule.id == name), row.get("project_id"))
            if row.get("project_id") != wanted or scope.project_id not in (None, row.get("project_id")):
                raise Refused(f"rule {name} belongs to another scope; choose another id", id=name)
        await _close(book, [row for name, row in before.items() if name in config.remove])
        await book.read("alert_rules_drop", batch={"ids": [name for name in config.remove if name in before]})
        rows = [{"id": rule.id, "props": _props(rule, actor, book.now_ms)} for rule in rules]
        await book.read("alert_rules_put", batch={"rows": rows})

    await with_alerts(db, work)
    return await rules_of(db, scope)


async def rules_of(db: Database, scope: Scope) -> list[AlertRule]:
    """The rules of a scope; the platform's scope holds those of all projects too."""
    rows = await db.read(psg_cypher.statement("alert_rules"), **scope.alert_bounds)
    return [rule for row in rows if (rule := rule_of(row["rule"])) is not None]


async def evaluate(db: Database, scope: Scope, observed: Mapping[str | None, Observed], source: str) -> list[Alert]:
    """Judge the rules of a scope by what was observed (by project) and return the alerts that changed.

    Nothing is written and no lock is taken where nothing changes; what changes is judged again behind the lock, so
    that two who evaluate at the same time fire once.
    """
    rows = await db.read(psg_cypher.statement("alert_rules"), **scope.alert_bounds)
    moved = [r["rule"] for r in rows if _moves(r["rule"], _judged(r["rule"], observed, r["now"]))]
    if not moved:
        return []

    async def work(book: AlertBook) -> list[Alert]:
        ids = [row["id"] for row in moved]
        fresh = [row["rule"] for row in await book.read("alert_rules_by_id", batch={"ids": ids})]
        open_ids = [row["open"] for row in fresh if row.get("open")]
        alerts = await book.get(open_ids) if open_ids else {}
        changed: list[Alert] = []
        seen: list[Row] = []
        for row in fresh:
            verdict = _judged(row, observed, book.now_ms)
            still_open = row.get("open")
            if verdict.fire:
                changed.append(book.put(_fired(row, observed, verdict, book.now_ms, source)))
                still_open = changed[-1].id
            elif verdict.resolve:
                if (found := alerts.get(row["open"])) is not None and found.is_open:
                    changed.append(book.put(found.changed(book.now_ms, status="resolved", resolved_ms=book.now_ms)))
                still_open = None
            seen.append({"id": row["id"], "since_ms": verdict.since_ms, "open": still_open})
        await book.read("alert_rules_seen", batch={"rows": seen})
        return changed

    told = await with_alerts(db, work)
    log_alerts(told)
    return told


async def evaluated_elsewhere(db: Database, project_ids: Iterable[str]) -> set[str]:
    """Those of the projects whose rules a monitor of their own evaluates, which knows more of them."""
    ids = {Scope(project_id).lease_id: project_id for project_id in project_ids}
    rows = await db.read(psg_cypher.statement("platform_leases"), batch={"ids": list(ids)})
    return {ids[row["id"]] for row in rows}


async def take_lease(db: Database, scope: Scope, owner: str, lease_ms: int) -> bool:
    """Take or renew the right to evaluate the rules of a scope; ``lease_ms`` 0 gives it back."""

    async def inside(transaction: Transaction) -> bool:
        (row,) = await transaction.run(psg_cypher.statement("platform_lock"), lock_id=scope.lease_id)
        free = row["owner"] is None or (row["lease_until"] or 0) <= row["now"]
        if row["owner"] != owner and (not free or lease_ms == 0):
            return False
        await transaction.run(
            psg_cypher.statement("platform_lock_lease"), lock_id=scope.lease_id, owner=owner,
            until=row["now"] + lease_ms,
        )  # fmt: skip
        return lease_ms > 0

    return await db.in_transaction(inside)


def _judged(row: Row, observed: Mapping[str | None, Observed], now_ms: int) -> Verdict:
    rule = rule_of(row)
    if rule is None:
        return Verdict(row.get("since_ms"))
    seen = observed.get(rule.project_id)
    return judge(rule, None if seen is None else seen.holds(rule), row.get("since_ms"), bool(row.get("open")), now_ms)


def _moves(row: Row, verdict: Verdict) -> bool:
    return verdict.fire or verdict.resolve or verdict.since_ms != row.get("since_ms")


def _fired(
    row: Row, observed: Mapping[str | None, Observed], verdict: Verdict, now_ms: int, source: str
) -> Alert:
    rule = rule_of(row)
    assert rule is not None  # it was judged
    value = observed[rule.project_id].value(rule)
    shown = f"{value:.15g}" if isinstance(value, float) else value
    said = f"{rule.description}: " if rule.description else ""
    alert = Alert(
        id=new_id(), name=rule.id, rule=rule.id, status="firing", severity=rule.severity, value=value,
        message=f"{said}{rule.condition} (now {shown})", project_id=rule.project_id, source=source,
        details={"since_ms": verdict.since_ms, "condition": rule.condition}, channels=rule.channels,
        started_ms=now_ms, changed_ms=now_ms,
    )  # fmt: skip
    return alert.changed(now_ms)


async def _close(book: AlertBook, rows: list[Row]) -> None:
    """End the alerts of rules that go away."""
    open_ids = [row["open"] for row in rows if row.get("open")]
    if not open_ids:
        return
    for alert in (await book.get(open_ids)).values():
        if alert.is_open:
            details = {**alert.details, "reason": "its rule was removed"}
            ended = alert.changed(book.now_ms, status="resolved", resolved_ms=book.now_ms, details=details)
            book.put(ended)


def _inside(rule: AlertRule, scope: Scope) -> AlertRule:
    if scope.project_id is None:
        if rule.project_id is not None:
            check_id(rule.project_id, f"rules.{rule.id}.project_id")
        return rule
    if rule.project_id not in (None, scope.project_id):
        raise Refused(f"rule {rule.id} is for another project than this monitor", id=rule.id)
    return rule.model_copy(update={"project_id": scope.project_id})


def _props(rule: AlertRule, actor: str, now_ms: int) -> Row:
    return {
        "project_id": rule.project_id, "condition": rule.condition, "severity": rule.severity, "enabled": rule.enabled,
        "payload": dumps(rule.model_dump(mode="json")), "updated_ms": now_ms, "updated_by": actor[:200],
    }  # fmt: skip
