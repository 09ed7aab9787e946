"""Alerts told to webhooks: signed, repeated with a growing pause, within the limits of ``http.request``.

What is to be told stands in the graph, so that it is told also when the process that raised the alert is gone. Each
message is taken behind the lock before it is sent: two processes do not send the same, and what a process took and
did not finish is sent again by another (at least once; ``X-PSG-Delivery`` stays the same).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any, Protocol

import anyio
import orjson
import structlog

import psg_cypher
from psg.errors import PsgError
from psg_neo4j.database import Database
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.http.failures import HttpStatusRefused
from psg_runtime.ael.secret_guard import SecretAccess
from psg_runtime.monitoring.alert_rules import SECRET_IN_URL
from psg_runtime.monitoring.alerts import Alert, AlertBook, Delivery, with_alerts
from psg_runtime.monitoring.scope import Scope
from psg_runtime.secrets import SecretProvider, SecretReference, SecretText, secrets_of_process
from psg_runtime.secrets.mask import KNOWN

log = structlog.get_logger(__name__)

AT_ONCE = 8
SEND_TIMEOUT_MS = 10_000
_TAKEN_MS = SEND_TIMEOUT_MS + 5_000


class Sender(Protocol):
    """Sends one message; raises a PsgError when it was not taken."""

    async def send(self, alert: Alert, delivery: Delivery) -> None:
        """Send it and return once the receiver said yes."""


class WebhookSender:
    """POSTs JSON as ``http.request`` would: to hosts of PSG_HTTP_ALLOW, to private addresses only where allowed.

    The body is signed where the webhook names a secret: ``X-PSG-Signature: sha256=HMAC(secret, timestamp + "." +
    body)`` with ``X-PSG-Timestamp`` in seconds.
    """

    def __init__(self, settings: AelSettings | None = None, secrets: SecretProvider | None = None) -> None:
        settings = settings or AelSettings()
        self._secrets = secrets or secrets_of_process(settings.secrets_path, settings.secrets_keyring)
        self._layer = AdapterLayer(CapabilityRegistry(), settings, secrets=self._secrets)

    async def send(self, alert: Alert, delivery: Delivery) -> None:
        """Send a message; raises what ``http.request`` raises, or SecretMissing."""
        access = SecretAccess(self._secrets, KNOWN)
        body = orjson.dumps(message_of(alert, delivery))
        headers = {"Content-Type": "application/json", "X-PSG-Delivery": delivery.id}
        if delivery.secret is not None:
            stamp = str(int(time.time()))
            key = (await access.value(delivery.secret)).encode()
            headers["X-PSG-Timestamp"] = stamp
            headers["X-PSG-Signature"] = signature(key, stamp, body)
        params: dict[str, Any] = {
            "method": "POST", "url": _address(delivery.url), "headers": headers, "body": body.decode(),
            "max_redirects": 0, "max_bytes": 64 * 1024, "total_timeout_ms": SEND_TIMEOUT_MS,
            "idempotency_header": None, "response": "base64",
        }  # fmt: skip
        await self._layer.execute({"type": "tool_call", "name": "http.request", "params": params})


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of ``X-PSG-Signature`` for a body."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def message_of(alert: Alert, delivery: Delivery) -> dict[str, Any]:
    """What a webhook is told: the event, and the alert without what others are told."""
    told = alert.model_dump(mode="json", by_alias=True, exclude={"deliveries", "channels"})
    return {"event": f"alert.{delivery.event}", "id": delivery.id, "alert": told}


async def deliver_due(
    db: Database, scope: Scope, sender: Sender, *, attempts_max: int, backoff_ms: int
) -> int:
    """Send what is due now and note what came of it; returns how many messages were tried."""
    rows = await db.read(psg_cypher.statement("alerts_due"), **scope.alert_bounds, limit=AT_ONCE)
    tried = 0

    async def tell(alert_id: str) -> None:
        nonlocal tried
        try:
            for alert, delivery in await _take(db, alert_id):
                tried += 1
                error = await _sent(sender, alert, delivery)
                await _note(db, alert_id, delivery, error, attempts_max, backoff_ms)
        except PsgError as error:
            log.warning("alert_not_delivered", alert=alert_id, code=error.code)

    async with anyio.create_task_group() as tasks:
        for row in rows:
            tasks.start_soon(tell, row["id"])
    return tried


async def _take(db: Database, alert_id: str) -> list[tuple[Alert, Delivery]]:
    """The messages of an alert that are due, which nobody else sends for a while."""

    async def work(book: AlertBook) -> list[tuple[Alert, Delivery]]:
        alert = (await book.get([alert_id])).get(alert_id)
        if alert is None:  # removed meanwhile, or nobody can read it
            await book.read("alert_give_up", id=alert_id)
            return []
        due = [d for d in alert.next_deliveries if d.due_at <= book.now_ms]
        if not due:
            return []
        until = book.now_ms + _TAKEN_MS
        later = {id(d): d.model_copy(update={"attempts": d.attempts + 1, "due_at": until}) for d in due}
        kept = alert.model_copy(update={"deliveries": [later.get(id(d), d) for d in alert.deliveries]})
        book.put(kept, numbered=False)
        return [(kept, later[id(d)]) for d in due]

    return await with_alerts(db, work)


async def _sent(sender: Sender, alert: Alert, delivery: Delivery) -> PsgError | None:
    try:
        with anyio.fail_after(_TAKEN_MS / 1000):
            await sender.send(alert, delivery)
    except PsgError as error:
        return error
    except TimeoutError:
        return PsgError("the webhook did not answer in time")
    return None


async def _note(
    db: Database, alert_id: str, sent: Delivery, error: PsgError | None, attempts_max: int, backoff_ms: int
) -> None:
    over = isinstance(error, HttpStatusRefused) or sent.attempts >= attempts_max
    said = None if error is None else KNOWN.every.text(error.message)[:500]
    if error is not None:
        log.warning("webhook_failed", alert=alert_id, attempt=sent.attempts, given_up=over, reason=said)

    async def work(book: AlertBook) -> None:
        alert = (await book.get([alert_id])).get(alert_id)
        if alert is None or sent not in alert.deliveries:
            return  # somebody else took it over meanwhile
        if error is None:
            noted = sent.model_copy(update={"status": "delivered", "error": None})
        elif over:
            noted = sent.model_copy(update={"status": "failed", "error": said})
        else:
            pause = backoff_ms * 2 ** (sent.attempts - 1)
            noted = sent.model_copy(update={"due_at": book.now_ms + pause, "error": said})
        place = alert.deliveries.index(sent)
        kept = [*alert.deliveries[:place], noted, *alert.deliveries[place + 1 :]]
        book.put(alert.model_copy(update={"deliveries": kept}), numbered=False)

    await with_alerts(db, work)


def _address(url: str) -> str | SecretText:
    """The URL, with the secrets that its path names still to be put in."""
    parts: list[str | SecretReference] = []
    at = 0
    for found in SECRET_IN_URL.finditer(url):
        parts += [url[at : found.start()], SecretReference(found[1])]
        at = found.end()
    return SecretText((*parts, url[at:])) if parts else url
