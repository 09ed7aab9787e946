"""Rules raise alerts once for all processes, webhooks are told, and parts of the platform raise alerts of their own."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from conftest import Neo4jServer
from monitored_world import SECRET, Modules, monitor, monitors, sender, watched_world
from processes import line
from scripted_server import Received, ScriptedServer, reply, serving
from world import World, registry, step

from psg.audit import verify
from psg.audit.alerts import audit_alerts
from psg.audit.report import Report
from psg.errors import Refused, ValidationFailed
from psg.model.ids import new_id
from psg_neo4j import Database
from psg_runtime.monitoring import Alert, Delivery, SystemMonitor, UnknownAlert, raise_alert
from psg_runtime.monitoring.alerts import alert_changes, prune_alerts
from psg_runtime.monitoring.deliveries import deliver_due
from psg_runtime.monitoring.scope import Scope

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with watched_world(db) as made:
        yield made


def many_failed(**more: Any) -> dict[str, Any]:
    return {"id": f"failed-{new_id()}", "metric": "failed_workflows", "operator": ">=", "threshold": 1, **more}


async def fail(world: World) -> None:
    def broken() -> None:
        raise ValueError("no")

    await world.run(step("a", name="broken"), tools=registry(broken=broken))


async def until(found: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until something true comes of an awaitable."""
    with anyio.fail_after(seconds):
        while not (value := await found()):  # noqa: ASYNC110 - what it waits for is in a database
            await anyio.sleep(0.02)
        return value


@pytest.mark.req("CORE-43")
async def test_a_rule_on_a_metric_fires_once_and_resolves_once(world: World) -> None:
    looked = monitor(world)
    rule = many_failed(severity="high", description="plans fail")
    (stored,) = await looked.configure_health_alerts({"rules": [rule]}, actor="alice")
    assert stored.project_id == world.project_id and [r.id for r in await looked.alert_rules()] == [rule["id"]]
    assert await looked.evaluate_alerts() == []
    await fail(world)
    (fired,) = await looked.evaluate_alerts()
    assert (fired.status, fired.severity, fired.rule, fired.value) == ("firing", "high", rule["id"], 1.0)
    assert "plans fail" in fired.message and "failed_workflows >= 1" in fired.message
    assert await looked.evaluate_alerts() == [] == await monitor(world).evaluate_alerts()
    # The condition is changed so that it does not hold any more.
    await looked.configure_health_alerts({"rules": [{**rule, "threshold": 5}]})
    (resolved,) = await looked.evaluate_alerts()
    assert (resolved.id, resolved.status) == (fired.id, "resolved") and resolved.resolved_ms is not None
    assert await looked.evaluate_alerts() == []
    await looked.configure_health_alerts({"rules": [rule]})
    (again,) = await looked.evaluate_alerts()
    assert again.id != fired.id
    assert [a.id for a in await looked.alerts()] == [again.id, fired.id]
    await looked.configure_health_alerts({"remove": [rule["id"]]})
    assert await looked.alert_rules() == [] and await looked.alerts("firing") == []
    assert (await looked.alerts())[0].details["reason"] == "its rule was removed"
    assert (await verify(world.db, world.project_id)).violations == []


@pytest.mark.req("CORE-43")
async def test_a_rule_on_health_waits_for_its_time(world: World) -> None:
    modules = Modules(world.project_id, disk={"status": "healthy"})
    name = f"{world.project_id}-disk"
    looked = monitor(world, modules=modules)
    rules = [
        {"id": f"now-{new_id()}", "component": name, "status": "degraded"},
        {"id": f"later-{new_id()}", "component": name, "status": "degraded", "forMs": 3_600_000},
        {"id": f"worse-{new_id()}", "component": name},
        {"id": f"off-{new_id()}", "component": name, "status": "degraded", "enabled": False},
        {"id": f"system-{new_id()}", "component": "system", "status": "degraded"},
    ]
    await looked.configure_health_alerts({"rules": rules})
    assert await looked.evaluate_alerts() == []
    modules.health[name] = {"status": "degraded"}
    fired = await looked.evaluate_alerts()
    assert sorted(a.name.split("-")[0] for a in fired) == ["now", "system"]
    assert await looked.evaluate_alerts() == []
    # An hour passes for the rule that waits.
    await world.damage(
        "MATCH (r:AlertRule {id: $id}) SET r.since_ms = r.since_ms - 3600000", id=rules[1]["id"]
    )
    assert [a.name for a in await looked.evaluate_alerts()] == [rules[1]["id"]]
    modules.health.clear()  # nobody knows any more how it is: nothing changes
    assert [a.status for a in await looked.evaluate_alerts() if "system" not in a.name] == []
    assert len(await looked.alerts("firing")) == 2


async def test_bad_rules_change_nothing(world: World, db: Database) -> None:
    looked = monitor(world, probes={"queue": lambda: 7.0, "broken": lambda: 1 / 0})
    good = many_failed()
    with pytest.raises(ValidationFailed, match="no metric; known are"):
        await looked.configure_health_alerts({"rules": [good, many_failed(metric="happiness")]})
    assert await looked.alert_rules() == []
    probes = [{"id": f"{name}-{new_id()}", "metric": name, "threshold": 6} for name in ("queue", "broken")]
    await looked.configure_health_alerts({"rules": probes})
    assert [a.value for a in await looked.evaluate_alerts()] == [7.0]
    async with watched_world(db) as other:
        with pytest.raises(Refused, match="another scope"):
            await monitor(other).configure_health_alerts({"rules": [{**good, "id": probes[0]["id"]}]})
        with pytest.raises(Refused, match="another scope"):
            await monitor(other).configure_health_alerts({"remove": [probes[0]["id"]]})
        with pytest.raises(Refused, match="another project"):
            await monitor(other).configure_health_alerts({"rules": [{**good, "projectId": world.project_id}]})
    await looked.configure_health_alerts({"remove": ["no-such-rule"]})
    assert len(await looked.alert_rules()) == 2


async def test_many_who_evaluate_at_once_fire_once_and_numbers_have_no_doubles(world: World) -> None:
    looked = [monitor(world) for _ in range(6)]
    rules = [many_failed() for _ in range(4)]
    await looked[0].configure_health_alerts({"rules": rules})
    await fail(world)
    fired: list[Alert] = []

    async def evaluate(one: SystemMonitor) -> None:
        fired.extend(await one.evaluate_alerts())

    async with anyio.create_task_group() as tasks:
        for one in looked:
            tasks.start_soon(evaluate, one)
    assert sorted(a.rule or "" for a in fired) == sorted(rule["id"] for rule in rules)
    assert len({a.seq for a in fired}) == 4
    numbers = sorted(a.seq for a in fired)
    changed, behind = await alert_changes(world.db, Scope(world.project_id), 0)
    assert ([a.seq for a in changed], behind) == (numbers, numbers[-1])
    changed, behind = await alert_changes(world.db, Scope(world.project_id), 0, 2, head=numbers[-1])
    assert ([a.seq for a in changed], behind) == (numbers[:2], numbers[1]), "there may be more"
    changed, behind = await alert_changes(world.db, Scope(world.project_id), behind, 3, head=numbers[-1] + 9)
    assert ([a.seq for a in changed], behind) == (numbers[2:], numbers[-1] + 9)


@pytest.mark.req("CORE-43")
async def test_an_evaluator_that_is_killed_is_followed_by_another(neo4j_server: Neo4jServer, world: World) -> None:
    """Two processes; the one that evaluates dies by kill -9; the other evaluates, and nothing fires twice."""
    rule = many_failed()
    await monitor(world).configure_health_alerts({"rules": [rule]})
    async with monitors(neo4j_server, world) as start:
        first, _ = await start()
        assert (await line(first)).startswith("evaluator")
        second, _ = await start()
        await fail(world)
        looked = monitor(world)
        (fired,) = await until(lambda: looked.alerts("firing"))
        assert not await looked.is_evaluator()
        first.send_signal(signal.SIGKILL)
        assert (await line(second)).startswith("evaluator")
        await looked.configure_health_alerts({"rules": [{**rule, "threshold": 9}]})
        await until(lambda: looked.alerts("resolved"))
        assert [a.id for a in await looked.alerts()] == [fired.id]
        second.send_signal(signal.SIGTERM)
        assert await anyio.to_thread.run_sync(second.wait) == 0
        await until(looked.is_evaluator, 5)  # who ends in good order gives the lease back


async def test_webhooks_are_told_signed_and_again_until_they_listen(world: World) -> None:
    """The receiver fails twice; it gets the same message a third time, then the end of the alert."""

    def script(received: Received) -> bytes:
        return reply(503 if len(receiver.received) < 3 else 200)

    async with serving(script) as receiver:
        rule = many_failed(channels=[{"url": receiver.url("/hook/{{secrets.PLACE}}"), "secret": "HOOK"}, "log"])
        looked = monitor(world, sender=sender("127.0.0.0/8"))
        await looked.configure_health_alerts({"rules": [rule]})
        await fail(world)
        async with anyio.create_task_group() as tasks:
            await tasks.start(looked.run)

            async def told() -> bool:
                return len(receiver.received) >= 3 and not await due(world)

            await until(told)
            await looked.configure_health_alerts({"remove": [rule["id"]]})
            await until(lambda: _async(len(receiver.received) >= 4))
            await until(lambda: _not(due(world)))
            looked.stop()
        messages = [json.loads(received.body) for received in receiver.received]
        assert [m["event"] for m in messages] == ["alert.firing"] * 3 + ["alert.resolved"]
        assert len({m["id"] for m in messages}) == 2
        for received, message in zip(receiver.received, messages, strict=True):
            stamp = received.headers["x-psg-timestamp"]
            wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + received.body, hashlib.sha256).hexdigest()
            assert received.headers["x-psg-signature"] == f"sha256={wanted}"
            assert received.headers["x-psg-delivery"] == message["id"] and received.path == "/hook/s3cret-place"
        (alert,) = await looked.alerts()
        assert [(d.status, d.attempts) for d in alert.deliveries] == [("delivered", 3), ("delivered", 1)]
    kept = await world.query("MATCH (a:Alert {project_id: $project_id}) RETURN a {.*} AS a")
    assert SECRET not in str(kept) and "s3cret-place" not in str(kept)


async def due(world: World) -> list[Any]:
    return await world.query("MATCH (a:Undelivered) WHERE a.project_id = $project_id RETURN a.id")


async def _async(value: bool) -> bool:
    return value


async def _not(value: Any) -> bool:
    return not await value


@pytest.mark.parametrize("what", ["private", "gone", "refused", "no_secret"])
async def test_a_webhook_that_cannot_be_told_is_given_up(world: World, what: str) -> None:
    def script(_: Received) -> bytes:
        return reply(404)

    async with serving(script) as receiver:
        port = receiver.port
        url = {"gone": "http://127.0.0.1:9/x"}.get(what, receiver.url("/x"))
        channel = {"url": url, "secret": "NOBODY" if what == "no_secret" else "HOOK"}
        alert = await raise_alert(
            world.graph, "boo", "message", project_id=world.project_id, channels=[channel], key=new_id()
        )
        sending = sender(*([] if what == "private" else ["127.0.0.0/8"]))
        attempts = 1 if what == "refused" else 3

        async def over() -> bool:
            await deliver_due(world.db, Scope(world.project_id), sending, attempts_max=3, backoff_ms=1)
            return not await due(world)

        await until(over)
        (found,) = await monitor(world).alerts()
        (delivery,) = found.deliveries
        assert found.id == alert.id and (delivery.status, delivery.attempts) == ("failed", attempts)
        said = {"private": "PSG_HTTP_ALLOW_PRIVATE", "gone": "connection", "refused": "404", "no_secret": "NOBODY"}
        assert said[what] in str(delivery.error) and SECRET not in str(found)
        assert len(receiver.received) == (1 if what == "refused" else 0) and port == receiver.port


async def test_two_who_deliver_send_a_message_once_and_one_that_hangs_holds_up_no_other(world: World) -> None:
    held = anyio.Event()

    async def hang(stream: Any) -> None:
        await held.wait()
        await stream.send(reply(200))

    def script(received: Received) -> Any:
        return hang if received.path == "/hangs" else reply(200)

    async with serving(script) as receiver:
        for path in ("/hangs", "/quick"):
            await raise_alert(
                world.graph, path, "m", project_id=world.project_id, channels=[receiver.url(path)], key=new_id()
            )

        async def deliver() -> None:
            await deliver_due(
                world.db, Scope(world.project_id), sender("127.0.0.0/8"), attempts_max=3, backoff_ms=1
            )

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(deliver)
            await until(lambda: _async(_count(receiver, "/quick") == 1 and _count(receiver, "/hangs") == 1))
            await until(lambda: _quick_is_noted(world))
            held.set()
        assert (_count(receiver, "/quick"), _count(receiver, "/hangs")) == (1, 1) and await due(world) == []


async def test_a_message_whose_sender_died_is_sent_by_another_under_its_name(world: World) -> None:
    class Dying:
        """Gets as far as sending, and is gone."""

        scope = anyio.CancelScope()

        async def send(self, alert: Alert, delivery: Delivery) -> None:
            self.scope.cancel()
            await anyio.sleep_forever()

    def script(_: Received) -> bytes:
        return reply(200)

    async with serving(script) as receiver:
        given: dict[str, Any] = {"project_id": world.project_id, "channels": [receiver.url("/x")], "key": new_id()}
        made = await raise_alert(world.graph, "n", "m", **given)
        how: dict[str, Any] = {"attempts_max": 3, "backoff_ms": 1}
        with Dying.scope:
            await deliver_due(world.db, Scope(world.project_id), Dying(), **how)
        assert await deliver_due(world.db, Scope(world.project_id), sender("127.0.0.0/8"), **how) == 0
        # The time passes after which nobody waits for that sender any more.
        (taken,) = (await monitor(world).alerts())[0].deliveries
        await world.damage(
            "MATCH (a:Alert {id: $id}) SET a.deliveries = replace(a.deliveries, $until, '1'), a.due_at = 1",
            id=made.id, until=str(taken.due_at),
        )  # fmt: skip
        assert await deliver_due(world.db, Scope(world.project_id), sender("127.0.0.0/8"), **how) == 1
        assert [received.headers["x-psg-delivery"] for received in receiver.received] == [made.deliveries[0].id]
        (delivery,) = (await monitor(world).alerts())[0].deliveries
        assert (delivery.status, delivery.attempts) == ("delivered", 2)


def _count(receiver: ScriptedServer, path: str) -> int:
    return sum(received.path == path for received in receiver.received)


async def _quick_is_noted(world: World) -> bool:
    found = {a.name: a.deliveries[0].status for a in await monitor(world).alerts()}
    return found == {"/quick": "delivered", "/hangs": "pending"}


async def test_parts_of_the_platform_raise_alerts_that_somebody_ends(world: World) -> None:
    looked, key = monitor(world), new_id()
    given: dict[str, Any] = {"project_id": world.project_id, "key": key, "source": "recovery"}
    first = await raise_alert(world.graph, "retries exceeded", "step a", details={"step": "a"}, **given)
    assert (first.severity, first.status, first.times) == ("high", "firing", 1)
    second = await raise_alert(world.db, "retries exceeded", "step b", severity="critical", **given)
    assert (second.id, second.times, second.severity, second.message) == (first.id, 2, "critical", "step b")
    noted = await looked.acknowledge_alert(first.id, actor="bob")
    assert (noted.status, noted.acknowledged_by) == ("acknowledged", "bob")
    assert await looked.acknowledge_alert(first.id, actor="eve") == noted
    ended = await looked.acknowledge_alert(first.id, actor="eve", resolve=True)
    assert (ended.status, ended.acknowledged_by) == ("resolved", "bob")
    reopened = await raise_alert(world.graph, "retries exceeded", "again", **given)
    assert (reopened.status, reopened.times, reopened.acknowledged_by) == ("firing", 3, None)
    assert reopened.seq > ended.seq > noted.seq > second.seq > first.seq
    with pytest.raises(UnknownAlert):
        await looked.acknowledge_alert(new_id())
    for bad in ({"severity": "awful"}, {"channels": ["ftp://x"]}, {"channels": [3]}):
        with pytest.raises(ValidationFailed):
            await raise_alert(world.graph, "n", "m", project_id=world.project_id, **bad)  # type: ignore[arg-type]
    odd = await raise_alert(
        world.graph, "n" * 300, "x" * 9_000, project_id=world.project_id, details={"a": object()}, key=new_id()
    )
    assert len(odd.name) == 200 and len(odd.message) == 2_000 and "left_out" in odd.details


async def test_the_administrator_is_told_where_nobody_was_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def channels(**given: Any) -> list[str]:
        made = await raise_alert(world.graph, "n", "m", project_id=world.project_id, key=new_id(), **given)
        return [delivery.url for delivery in made.deliveries]

    assert await channels() == []
    monkeypatch.setenv("PSG_MONITOR_ADMINISTRATOR_WEBHOOK", "https://admin.example.com/x")
    assert await channels() == ["https://admin.example.com/x"]
    assert await channels(channels=["https://team.example.com/"]) == ["https://team.example.com/"]
    monkeypatch.setenv("PSG_MONITOR_ADMINISTRATOR_WEBHOOK", "nonsense")
    assert await channels() == []


async def test_the_audit_sees_alerts_that_contradict_themselves(world: World) -> None:
    async def found() -> list[str]:
        report = Report()
        await audit_alerts(world.db, report)
        mine = [v for v in report.violations if v.project_id == world.project_id]
        assert {v.kind for v in mine} <= {"alert"}
        return [v.message for v in mine]

    looked = monitor(world)
    await looked.configure_health_alerts({"rules": [many_failed(threshold=0)]})
    (fired,) = await looked.evaluate_alerts()
    assert await found() == []
    damages = {
        "a.seq = 1099511627776": "number", "a.status = 'asleep'": "status", "a.resolved_ms = 1": "contradict",
        "a.due_at = 1": "nobody would see", "a.status = 'resolved'": "is resolved", "a.rule = 'x'": "another rule's",
    }  # fmt: skip
    kept = await world.query("MATCH (a:Alert {id: $id}) RETURN a {.*} AS a", id=fired.id)
    for damage, told in damages.items():
        await world.damage(f"MATCH (a:Alert {{id: $id}}) SET {damage}", id=fired.id)
        assert any(told in message for message in await found()), damage
        await world.damage("MATCH (a:Alert {id: $id}) SET a = $kept", id=fired.id, kept=kept[0]["a"])
    await world.damage("CREATE (a:Alert) SET a = $kept", kept=kept[0]["a"] | {"id": new_id()})
    assert any("2 alerts that are not over" in message for message in await found())


async def test_what_cannot_be_read_holds_up_nothing_else(world: World) -> None:
    looked = monitor(world, sender=sender("127.0.0.0/8"))
    rules = [many_failed(threshold=0), many_failed(threshold=0)]
    await looked.configure_health_alerts({"rules": rules})
    await world.damage("MATCH (r:AlertRule {id: $id}) SET r.payload = '{}'", id=rules[0]["id"])
    for name in ("broken", "whole"):
        await raise_alert(world.graph, name, "m", project_id=world.project_id, key=new_id(), channels=["http://[::1]:9/"])
    await world.damage("MATCH (a:Alert {project_id: $project_id, name: 'broken'}) SET a.deliveries = '[{}]'")
    assert [rule.id for rule in await looked.alert_rules()] == [rules[1]["id"]]
    assert [a.rule for a in await looked.evaluate_alerts()] == [rules[1]["id"]]
    assert sorted(a.name for a in await looked.alerts()) == sorted(["whole", rules[1]["id"]])
    await deliver_due(world.db, Scope(world.project_id), sender(), attempts_max=1, backoff_ms=1)
    assert await due(world) == []
    await looked.configure_health_alerts({"remove": [rule["id"] for rule in rules]})
    assert await looked.alert_rules() == []


async def test_an_alert_of_a_rule_ends_with_its_condition_only(world: World) -> None:
    looked = monitor(world)
    await looked.configure_health_alerts({"rules": [many_failed()]})
    await fail(world)
    (fired,) = await looked.evaluate_alerts()
    with pytest.raises(Refused, match="condition"):
        await looked.acknowledge_alert(fired.id, resolve=True)
    assert (await looked.acknowledge_alert(fired.id)).status == "acknowledged"
    assert await looked.evaluate_alerts() == []


async def test_alerts_that_are_over_for_long_are_removed(world: World) -> None:
    looked = monitor(world)
    await looked.configure_health_alerts({"rules": [many_failed(threshold=0)]})
    (fired,) = await looked.evaluate_alerts()
    for name in ("open", "ended", "new"):
        made = await raise_alert(world.graph, name, "m", project_id=world.project_id, key=new_id())
        if name == "ended":
            await looked.acknowledge_alert(made.id, resolve=True)
    await world.damage(
        "MATCH (a:Alert) WHERE a.project_id = $project_id AND a.name <> 'new' SET a.changed_ms = 1000"
    )
    assert await prune_alerts(world.db, 10_000, 5_000, 10**6) >= 2
    assert [a.name for a in await looked.alerts()] == ["new", fired.name]  # what a rule will end stays


async def test_the_platform_leaves_rules_of_a_project_to_its_own_monitor(world: World) -> None:
    own, everything = monitor(world), SystemMonitor(world.graph)
    rule = many_failed(threshold=0)
    await own.configure_health_alerts({"rules": [rule]})
    assert rule["id"] in [found.id for found in await everything.alert_rules()]
    assert await own.is_evaluator()
    # Judged by nothing, so that rules of other tests in this database are left alone.
    (stored,) = await own.alert_rules()
    assert world.project_id not in await everything._observed([stored])
    await own.resign()
    observed = (await everything._observed([stored]))[world.project_id]
    assert observed.holds(stored) is not None and observed.numbers["active_workflows"] == 0
