"""Alerts in the graph: raised once, numbered at every change, told to everybody who asks and to webhooks.

All changes are made behind one lock of the platform, in short transactions, so that any number of processes may
evaluate, acknowledge and deliver: what is decided is decided on what stands there then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import structlog
from pydantic import Field, TypeAdapter, ValidationError

import psg_cypher
from psg.errors import Refused, ValidationFailed
from psg.graph import Graph
from psg.model.codec import dumps, loads, storable
from psg.model.ids import check_id, derived_id, new_id
from psg_neo4j.database import Database, Row, Transaction
from psg_runtime.monitoring.alert_rules import AlertRule, Channel, Channels, LogLine, Severity, Webhook
from psg_runtime.monitoring.errors import UnknownAlert
from psg_runtime.monitoring.model import Told
from psg_runtime.monitoring.scope import ALERT_LOCK, Scope
from psg_runtime.monitoring.settings import MonitoringSettings
from psg_runtime.secrets.mask import KNOWN

log = structlog.get_logger(__name__)

AlertStatus = Literal["firing", "acknowledged", "resolved"]
T = TypeVar("T")

DELIVERIES_KEPT = 24
DETAILS_MAX = 16_000
MESSAGE_MAX = 2_000
_CHANNELS: TypeAdapter[list[Channel]] = TypeAdapter(Channels)


class Delivery(Told):
    """One message to one webhook: ``pending`` until it was ``delivered`` or given up as ``failed``.

    ``id`` is the same for every attempt at it.
    """

    id: str
    url: str
    secret: str | None = None
    event: AlertStatus
    status: Literal["pending", "delivered", "failed"] = "pending"
    attempts: int = 0
    due_at: int
    error: str | None = None


class Alert(Told):
    """Something that somebody should know; times are milliseconds of the database's clock.

    ``rule`` is the rule that raised it, absent where a part of the platform did. ``seq`` numbers the last change among
    all alerts; ``times`` is how often it was raised.
    """

    id: str
    name: str
    status: AlertStatus
    severity: Severity
    message: str
    rule: str | None = None
    value: float | str | None = None
    project_id: str | None = None
    source: str = ""
    details: dict[str, Any] = Field(default_factory=dict)
    channels: Channels
    started_ms: int
    changed_ms: int
    resolved_ms: int | None = None
    acknowledged_ms: int | None = None
    acknowledged_by: str | None = None
    times: int = 1
    seq: int = 0
    deliveries: list[Delivery] = Field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether what it is about still holds."""
        return self.status != "resolved"

    @property
    def due_at(self) -> int | None:
        """When somebody is to be told next; a later message to an address waits for the earlier ones."""
        return min((d.due_at for d in self.next_deliveries), default=None)

    @property
    def next_deliveries(self) -> list[Delivery]:
        """For each address the first message that was not sent."""
        first: dict[str, Delivery] = {}
        for delivery in self.deliveries:
            if delivery.status == "pending":
                first.setdefault(delivery.url, delivery)
        return list(first.values())

    def changed(self, now_ms: int, *, tell: bool = True, **changes: Any) -> Alert:
        """The alert after a change, with the messages that tell of it."""
        made = self.model_copy(update={"changed_ms": now_ms, **changes})
        if not tell:
            return made
        hooks = [c for c in made.channels if isinstance(c, Webhook)]
        fresh = [Delivery(id=new_id(), url=c.url, secret=c.secret, event=made.status, due_at=now_ms) for c in hooks]
        return made.model_copy(update={"deliveries": [*made.deliveries, *fresh][-DELIVERIES_KEPT:]})


class AlertBook:
    """Alerts behind their lock: what ``put`` was given is stored and numbered when the transaction ends."""

    def __init__(self, transaction: Transaction, row: Row) -> None:
        self._transaction = transaction
        self.now_ms: int = row["now"]
        self._seq: int = row["seq"] or 0
        self._rows: dict[str, Alert] = {}

    async def read(self, statement: str, /, **params: Any) -> list[Row]:
        """Rows of a statement of ours within the transaction."""
        return await self._transaction.run(psg_cypher.statement(statement), **params)

    async def get(self, ids: Sequence[str]) -> dict[str, Alert]:
        """Alerts by id, as they are now."""
        rows = await self.read("alerts_by_id", batch={"ids": list(ids)})
        return {alert.id: alert for alert in alerts_of(rows)}

    def put(self, alert: Alert, *, numbered: bool = True) -> Alert:
        """Store an alert; ``numbered`` unless only its deliveries changed."""
        if numbered:
            self._seq += 1
            alert = alert.model_copy(update={"seq": self._seq})
        self._rows[alert.id] = alert
        return alert

    async def close(self) -> None:
        """Write what was put."""
        if self._rows:
            rows = [{"id": alert.id, "props": _props(alert)} for alert in self._rows.values()]
            await self.read("alerts_put", batch={"rows": rows})
            await self.read("platform_lock_seq", lock_id=ALERT_LOCK, seq=self._seq)


async def with_alerts(db: Database, work: Callable[[AlertBook], Awaitable[T]]) -> T:
    """Run ``work`` behind the lock for alerts; again from the start after a transient error."""

    async def inside(transaction: Transaction) -> T:
        (row,) = await transaction.run(psg_cypher.statement("platform_lock"), lock_id=ALERT_LOCK)
        book = AlertBook(transaction, row)
        result = await work(book)
        await book.close()
        return result

    return await db.in_transaction(inside)


async def raise_alert(
    graph: Graph | Database,
    name: str,
    message: str,
    *,
    severity: str = "high",
    key: str | None = None,
    project_id: str | None = None,
    details: Mapping[str, Any] | None = None,
    source: str = "",
    channels: Sequence[Any] = (),
) -> Alert:
    """Raise an alert that no rule is behind, such as ``notify_administrator`` of a recovery (CORE-48).

    The same ``key`` (default: of name and project) is the same alert: raised again while it is open it only counts,
    after it was resolved it is open again. ``channels`` are webhooks as in rules (default: that of the administrator,
    if the settings name one). Returns the alert; raises ``ValidationFailed``. Secrets that this process knows are taken
    out of what is said.
    """
    project_id = None if project_id is None else check_id(project_id, "project_id")
    text, facts = _told(message, details)
    said = {"name": str(name)[:200], "severity": severity, "message": text, "details": facts, "source": source[:200]}
    hooks = _channels(channels) or _administrator()
    alert_id = derived_id("alert", project_id or "", key if key is not None else name)
    try:
        fresh = Alert(
            id=alert_id, status="firing", project_id=project_id, channels=hooks, started_ms=0, changed_ms=0,
            **said,  # type: ignore[arg-type]
        )  # fmt: skip
    except ValidationError as error:
        places = ", ".join(str(e["loc"][0]) for e in error.errors())
        raise ValidationFailed(f"alert: {places} cannot be so", field=places) from None

    async def work(book: AlertBook) -> Alert:
        before = (await book.get([alert_id])).get(alert_id)
        if before is None:
            return book.put(fresh.changed(book.now_ms, started_ms=book.now_ms))
        told: dict[str, Any] = {**said, "channels": hooks or before.channels, "times": before.times + 1}
        if before.is_open:
            return book.put(before.changed(book.now_ms, tell=False, **told))
        return book.put(before.changed(
            book.now_ms, status="firing", started_ms=book.now_ms, resolved_ms=None, acknowledged_ms=None,
            acknowledged_by=None, **told,
        ))  # fmt: skip

    raised = await with_alerts(graph.db if isinstance(graph, Graph) else graph, work)
    log_alerts([raised])
    return raised


async def acknowledge(db: Database, alert_id: str, actor: str, *, resolve: bool = False) -> Alert:
    """Note that somebody cares for an alert; with ``resolve`` also that it is over. Doing so again changes nothing.

    Raises ``UnknownAlert``, and ``Refused`` for an alert of a rule that is to be resolved: that ends when its
    condition does, or its rule is removed.
    """

    async def work(book: AlertBook) -> Alert:
        found = (await book.get([alert_id])).get(alert_id)
        if found is None:
            raise UnknownAlert(f"id: there is no alert {str(alert_id)[:100]}", id=str(alert_id)[:100])
        if resolve and found.rule is not None and found.is_open:
            raise Refused(
                f"alert {found.id} ends when its condition does not hold any more, or when rule {found.rule} is removed"
            )
        now = book.now_ms
        first = found.acknowledged_ms is None
        noted: dict[str, Any] = {"acknowledged_ms": now, "acknowledged_by": actor[:200]} if first else {}
        if resolve and found.is_open:
            return book.put(found.changed(now, status="resolved", resolved_ms=now, **noted))
        if found.status == "firing":
            return book.put(found.changed(now, tell=False, status="acknowledged", **noted))
        return found

    return await with_alerts(db, work)


async def alert_page(
    db: Database, scope: Scope, *, status: str | None = None, before: int | None = None, limit: int = 100
) -> list[Alert]:
    """Alerts of a scope, the one that changed last first, before the number ``before``."""
    rows = await db.read(
        psg_cypher.statement("alert_page"), **scope.alert_bounds, status=status, limit=limit,
        before=2**62 if before is None else before,
    )  # fmt: skip
    return alerts_of(rows)


async def alert_changes(
    db: Database, scope: Scope, after: int, limit: int = 100, *, head: int = 0
) -> tuple[list[Alert], int]:
    """Alerts that changed behind the number ``after``, in the order of their last change: each once, as it is now.

    And the number to go on behind: where these are all, at least ``head``, read before. Numbers are given behind the
    lock for alerts, so nothing up to a head comes later.
    """
    rows = await db.read(psg_cypher.statement("alert_changes"), **scope.alert_bounds, after=after, limit=limit)
    last = int(rows[-1]["alert"]["seq"]) if rows else after
    return alerts_of(rows), last if len(rows) == limit else max(last, head)


async def alert_head(db: Database) -> int:
    """The number of the last change."""
    row = await db.read_one(psg_cypher.statement("alert_head"))
    return int(row["seq"]) if row else 0


async def prune_alerts(db: Database, now_ms: int, keep_ms: int, keep_alerts: int, limit: int = 1_000) -> int:
    """Remove alerts that are over or have no rule: those older than ``keep_ms``, the oldest beyond ``keep_alerts``."""

    async def work(book: AlertBook) -> int:
        (row,) = await book.read("alerts_prune", before=now_ms - keep_ms, limit=limit)
        (counted,) = await book.read("alert_count")
        over, removed = counted["count"] - keep_alerts, int(row["removed"])
        if over > 0:
            (row,) = await book.read("alerts_prune", before=now_ms + 1, limit=min(over, limit))
            removed += row["removed"]
        return removed

    return await with_alerts(db, work)


def log_alerts(changed: Sequence[Alert]) -> None:
    """Write a line for each alert that asks for it."""
    for alert in changed:
        if any(isinstance(channel, LogLine) for channel in alert.channels):
            log.warning(
                "alert", id=alert.id, name=alert.name, status=alert.status, severity=alert.severity,
                message=alert.message, project=alert.project_id,
            )  # fmt: skip


def alerts_of(rows: Sequence[Row]) -> list[Alert]:
    """Alerts as they were stored; one that cannot be read keeps no other from being told."""
    found: list[Alert] = []
    for row in rows:
        try:
            found.append(_alert_of(row["alert"]))
        except ValueError:
            log.error("alert_unreadable", alert=str(row["alert"].get("id")))
    return found


def _alert_of(row: Row) -> Alert:
    texts = {name: loads(row.get(name)) for name in ("details", "channels", "deliveries", "value")}
    fields = {name: value for name, value in row.items() if name in Alert.model_fields and name not in texts}
    return Alert.model_validate({**fields, **{name: value for name, value in texts.items() if value is not None}})


def rule_of(row: Row) -> AlertRule | None:
    """A rule as it was stored; None where it cannot be read, which keeps no other from being judged."""
    try:
        return AlertRule.model_validate(loads(row["payload"]))
    except (ValueError, KeyError, TypeError):
        log.error("alert_rule_unreadable", rule=str(row.get("id")))
        return None


def _props(alert: Alert) -> Row:
    kept = alert.model_dump(mode="json")
    texts = {name: dumps(kept[name]) for name in ("details", "channels", "deliveries", "value")}
    return {**kept, **texts, "due_at": alert.due_at}


def _channels(channels: Sequence[Any]) -> list[Channel]:
    try:
        return _CHANNELS.validate_python(list(channels))
    except ValidationError as error:
        found = "; ".join(e["msg"] for e in error.errors(include_input=False, include_url=False))
        raise ValidationFailed(f"channels: {found}", field="channels") from None


def _administrator() -> list[Channel]:
    """Who is told where nobody was named; settings that cannot be read keep no alert from being raised."""
    try:
        settings = MonitoringSettings()
        if settings.administrator_webhook is None:
            return []
        return _channels([{"url": settings.administrator_webhook, "secret": settings.administrator_secret}])
    except (ValidationError, ValidationFailed) as error:
        log.error("administrator_not_told", reason=type(error).__name__)
        return []


def _told(message: str, details: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """Message and details that can be stored: without known secrets, bounded."""
    text = KNOWN.every.text(str(message)).strip()[:MESSAGE_MAX]
    facts = KNOWN.every.value(dict(details or {}))
    if not storable(facts) or len(dumps(facts)) > DETAILS_MAX:
        facts = {"left_out": "the details are no JSON, or too long"}
    return text or "no message", facts
