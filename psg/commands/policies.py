"""What holds for all steps of a project: its execution policy and its kill switches, and those that hold everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

import psg_cypher
from psg.commands.lifecycle import plan_inside
from psg.errors import NotFound, Refused, ValidationFailed
from psg.graph import Graph
from psg.model.codec import dumps, loads
from psg.model.ids import check_id, new_id
from psg.plan.policy import PolicySpec, authored
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked
from psg_neo4j.database import Database, Transaction

FAMILY = "runtime_execution"
# Policy and switches come with every commit of the frontier.
POLICY_BYTES = 16_384
SWITCHES_MAX = 100
CHANGES_KEPT = 100
REASON_CHARS = 500
TYPE_CHARS = 200


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """A switch that is on.

    ``plan`` and ``action_type`` narrow it; both absent it denies everything in its ``scope`` (``project`` or
    ``global``). ``at_ms`` is when it was set, in milliseconds.
    """

    scope: str
    plan: str | None = None
    action_type: str | None = None
    reason: str | None = None
    actor: str | None = None
    at_ms: int | None = None

    @property
    def about(self) -> tuple[str | None, str | None]:
        """What it denies; there is one switch for each."""
        return self.plan, self.action_type


@dataclass(frozen=True, slots=True)
class Switched:
    """What setting a switch came to: those that are on now in its scope, and whether that is another state than before.

    ``answer`` is that of the project's log; ``None`` for a switch that holds everywhere.
    """

    switches: tuple[KillSwitch, ...]
    changed: bool
    answer: Answer | None = None


# Policy


def policy_of(value: Mapping[str, Any] | PolicySpec | None) -> PolicySpec | None:
    """Return a policy that somebody gave; raises ValidationFailed naming what is wrong, above all what is unbounded."""
    if value is None or isinstance(value, PolicySpec):
        return value
    try:
        return PolicySpec.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in fault["loc"]) or "policy"
        raise ValidationFailed(f"policy.{field}: {fault['msg']}", field=field) from None


async def set_project_policy(
    graph: Graph,
    project_id: str,
    policy: Mapping[str, Any] | PolicySpec | None,
    *,
    actor: str = "system",
    command_id: str | None = None,
) -> Answer:
    """Set what holds for every step of a project unless its plan or the step says otherwise; ``None``: nothing.

    It holds from the next attempt of any step on. Raises ``ValidationFailed``.
    """
    asked = policy_of(policy)
    if asked is not None and asked.recovery is not None and asked.recovery.rollback_procedure is not None:
        raise ValidationFailed(
            "policy.recovery: a rollback procedure belongs to a plan or a step, whose failure it follows",
            field="recovery",
        )
    said = authored(asked)
    if said is not None and len(dumps(said).encode()) > POLICY_BYTES:
        raise ValidationFailed(f"policy: at most {POLICY_BYTES} bytes", field="policy")
    command = Command("project_policy", [said], actor, command_id or new_id())

    async def decide(locked: Locked) -> Change:
        before = await locked.read_one("project_rules")
        await locked.read("project_policy_set", policy=None if said is None else dumps(said))
        change = Change(command)
        was = _readable(before["policy"]) if before else None
        change.note(FAMILY, "project_policy_set", "Project", project_id, {"before": was, "after": said})
        return change

    return await graph.locked(project_id, command, decide)


async def project_policy(db: Database, project_id: str) -> dict[str, Any] | None:
    """Return the policy of a project as it was given; raises ``NotFound``."""
    row = await db.read_one(psg_cypher.statement("project_rules"), project_id=project_id)
    if row is None:
        raise NotFound(f"project {project_id} does not exist", project_id=project_id)
    policy: dict[str, Any] | None = loads(row["policy"])
    return policy


def _readable(text: str | None) -> Any:
    try:
        return loads(text)
    except ValueError:
        return {"unreadable": True}


# Kill switches


async def set_kill_switch(
    graph: Graph,
    on: bool,
    *,
    project_id: str | None = None,
    plan_id: str | None = None,
    action_type: str | None = None,
    reason: str | None = None,
    actor: str = "system",
    command_id: str | None = None,
) -> Switched:
    """Switch a kill switch on or off: for everything, a project, a plan, and within that for one type of action.

    ``action_type`` is an action type (``tool_call``), a step type (``tool``) or a capability (``http.request``).
    What is denied fails and its adapter is not called; what runs is stopped. Raises ``NotFound``, ``ValidationFailed``.
    """
    scope = "global" if project_id is None else "project"
    wanted = KillSwitch(scope, plan_id, _type(action_type), _reason(reason), actor)
    if project_id is None:
        if plan_id is not None:
            raise ValidationFailed("plan: a plan is of a project; name that too", field="plan")
        return await _switch_everywhere(graph, wanted, on)
    if plan_id is not None:
        check_id(plan_id, "plan")
    command = Command("kill_switch", [on, plan_id, wanted.action_type, wanted.reason], actor, command_id or new_id())
    seen: list[Switched] = []

    async def decide(locked: Locked) -> Change:
        if on and plan_id is not None:
            await plan_inside(locked, plan_id)
        row = await locked.read_one("project_rules")
        assert row is not None
        switches, changed = _switched(_switches(row["kill"], "project"), wanted, on, locked.now_ms)
        await locked.read("kill_switch_set", kill_switch=_text(switches))
        change = Change(command)
        entity, label = (project_id, "Project") if plan_id is None else (plan_id, "Plan")
        said = {"action_type": wanted.action_type, "reason": wanted.reason, "changed": changed}
        change.note(FAMILY, f"kill_switch_{'on' if on else 'off'}", label, entity, said, plan=plan_id)
        seen[:] = [Switched(switches, changed)]
        return change

    answer = await graph.locked(project_id, command, decide)
    if not seen:  # a repeated command
        now = await kill_switches(graph.db, project_id)
        return Switched(tuple(s for s in now if s.scope == "project"), False, answer)
    return Switched(seen[0].switches, seen[0].changed, answer)


async def _switch_everywhere(graph: Graph, wanted: KillSwitch, on: bool) -> Switched:
    async def work(transaction: Transaction) -> Switched:
        rows = await transaction.run(psg_cypher.statement("kill_switch_global_lock"))
        row = rows[0]
        switches, changed = _switched(_switches(row["kill_switch"], "global"), wanted, on, row["now"])
        told = {"on": on, "action_type": wanted.action_type, "reason": wanted.reason, "actor": wanted.actor}
        changes = [*(_readable(row["changes"]) or []), {**told, "at_ms": row["now"]}][-CHANGES_KEPT:]
        await transaction.run(
            psg_cypher.statement("kill_switch_global_set"), kill_switch=_text(switches), changes=dumps(changes)
        )
        return Switched(switches, changed)

    return await graph.db.in_transaction(work)


async def kill_switches(db: Database, project_id: str | None = None) -> list[KillSwitch]:
    """Return the switches that are on everywhere and, with ``project_id``, in that project; raises ``NotFound``."""
    if project_id is None:
        row = await db.read_one(psg_cypher.statement("kill_switch_global"))
        return list(_switches(row["kill_switch"] if row else None, "global"))
    row = await db.read_one(psg_cypher.statement("project_rules"), project_id=project_id)
    if row is None:
        raise NotFound(f"project {project_id} does not exist", project_id=project_id)
    return [*_switches(row["kill_all"], "global"), *_switches(row["kill"], "project")]


async def global_changes(db: Database) -> list[dict[str, Any]]:
    """Return who switched what everywhere, on or off, when and why: the last hundred times, the latest last."""
    row = await db.read_one(psg_cypher.statement("kill_switch_global"))
    return (loads(row["changes"]) if row else None) or []


def _switched(
    now_on: tuple[KillSwitch, ...], wanted: KillSwitch, on: bool, at_ms: int
) -> tuple[tuple[KillSwitch, ...], bool]:
    others = tuple(switch for switch in now_on if switch.about != wanted.about)
    if not on:
        return others, len(others) < len(now_on)
    if len(others) >= SWITCHES_MAX:
        raise Refused(f"{SWITCHES_MAX} kill switches are on already; use one that denies more")
    made = KillSwitch(wanted.scope, wanted.plan, wanted.action_type, wanted.reason, wanted.actor, at_ms)
    return (*others, made), len(others) == len(now_on)


def _switches(text: str | None, scope: str) -> tuple[KillSwitch, ...]:
    names = ("plan", "action_type", "reason", "actor", "at_ms")
    try:
        found = tuple(KillSwitch(scope, **{n: item.get(n) for n in names}) for item in loads(text) or ())
        texts = [value for switch in found for value in (switch.plan, switch.action_type, switch.reason, switch.actor)]
        if not all(value is None or isinstance(value, str) for value in texts):
            raise TypeError("what a switch says are texts")
        return found
    except (ValueError, TypeError, AttributeError):
        # It denies everything as long as it stands there; the next switch that is set takes its place.
        return (KillSwitch(scope, reason="what is stored cannot be read, so nothing runs; set a switch anew"),)


def _text(switches: tuple[KillSwitch, ...]) -> str | None:
    kept = [{k: v for k, v in asdict(s).items() if k != "scope" and v is not None} for s in switches]
    return dumps(kept) if kept else None


def _type(value: str | None) -> str | None:
    if value is None:
        return None
    if not value.strip() or len(value) > TYPE_CHARS:
        raise ValidationFailed(f"action_type: 1 to {TYPE_CHARS} characters, or left out", field="action_type")
    return value.strip()


def _reason(value: str | None) -> str | None:
    if value is not None and len(value) > REASON_CHARS:
        raise ValidationFailed(f"reason: at most {REASON_CHARS} characters", field="reason")
    return value
