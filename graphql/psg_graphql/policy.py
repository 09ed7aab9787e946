"""Who may do what: one table of root fields, and one decision on principal, action, resource and project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Literal

from psg.errors import Forbidden, Unauthenticated, ValidationFailed
from psg_graphql.principal import EVERYWHERE
from psg_graphql.principal import Principal as Actor

Action = Literal[
    "read", "create", "update", "operate", "approve", "work", "record", "delete", "administer", "query"
]  # fmt: skip
Unbound = Literal["platform", "members", "anyone"]

_WORKER_CHARS = 200
_ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/\-]{0,99}")

PERMITS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "viewer": frozenset(("read",)),
        "operator": frozenset(("read", "create", "update", "operate", "record")),
        "approver": frozenset(("read", "approve")),
        "agent": frozenset(("read", "work", "record")),
        "admin": frozenset((
            "read", "create", "update", "operate", "approve", "work", "record", "delete", "administer", "query"
        )),
        "cypher": frozenset(("query",)),
    }
)  # fmt: skip
"""What each role may do where it is granted; ``cypher`` is a permission of its own and counts in ``*`` only."""


class NoAccess(Forbidden):
    """There is no such project, or nothing is granted there: one answer for both, so that neither is told."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a root field needs, and in which project.

    ``paths`` are its arguments that name a project, by it or by the global id of something in it; ``each`` those of
    which every one is judged when it is read. A field without any, or with none of them given, is of the ``unbound``
    kind: of the ``platform`` (granted in ``*``), for ``members`` of any project, or for ``anyone`` authenticated.
    ``foreign`` are paths of ids that name no project: the resolver looks up whose it is and asks ``authorize``.
    ``null``: what is not accessible is answered like what does not exist. ``privileged``: done, it is audited too.
    ``in_person``: recorded under the name that was proved, not under one of its workers.
    """

    action: Action
    resource: str
    paths: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    unbound: Unbound = "platform"
    null: bool = False
    privileged: bool = False
    in_person: bool = False


def _in(action: Action, resource: str, *paths: str, privileged: bool = False, in_person: bool = False) -> Rule:
    return Rule(action, resource, paths, privileged=privileged, in_person=in_person)


def _one(resource: str, path: str = "id") -> Rule:
    return Rule("read", resource, (path,), null=True)


def _any(action: Action, resource: str, *paths: str, unbound: Unbound = "members") -> Rule:
    return Rule(action, resource, paths, unbound=unbound)


_PROJECT = "project_id"
_HERE = "input.project_id"
_ID = "input.id"

ROOT_FIELDS: Mapping[str, Rule] = {
    "Query.node": Rule("read", "node", each=("id",), unbound="anyone", null=True),
    "Query.nodes": Rule("read", "node", each=("ids",), unbound="anyone"),
    "Query.project": _one("project", "id:project"),
    "Query.projects": _any("read", "project", unbound="anyone"),
    "Query.contexts": _in("read", "context", _PROJECT),
    "Query.plan": _one("plan"),
    "Query.plans": _in("read", "plan", _PROJECT, "context_id"),
    "Query.step": _one("step"),
    "Query.steps": _in("read", "step", "plan_id"),
    "Query.trace": _one("trace"),
    "Query.traces": _in("read", "trace", _PROJECT, "plan_id"),
    "Query.confirm": _one("confirm"),
    "Query.confirms": _in("read", "confirm", _PROJECT),
    "Query.inbox": _in("read", "confirm", _PROJECT),
    "Query.roles": _in("read", "role", _PROJECT),
    "Query.role": _one("role"),
    "Query.dialog": _one("dialog"),
    "Query.dialogs": _in("read", "dialog", _PROJECT, "context_id"),
    "Query.collab": _one("collab"),
    "Query.collabs": _in("read", "collab", _PROJECT, "context_id"),
    "Query.extension": _one("extension"),
    "Query.extensions": _in("read", "extension", _PROJECT, "context_id"),
    "Query.core": _one("core"),
    "Query.cores": _in("read", "core", _PROJECT),
    "Query.network": _one("network"),
    "Query.networks": _in("read", "network", _PROJECT, "context_id"),
    "Query.frontier": _in("read", "step", "plan_id"),
    "Query.events": _in("read", "event", _PROJECT, "plan_id"),
    "Query.snapshots": _in("read", "snapshot", _PROJECT, "plan_id"),
    "Query.capabilities": _any("read", "capability"),
    "Query.session": _one("collab", "collab_id"),
    "Query.plansUsing": _in("read", "plan", _PROJECT),
    "Query.killSwitches": _any("read", "project", _PROJECT),
    "Query.workflow": _one("plan", _PROJECT),
    "Query.workflows": _in("read", "plan", _PROJECT),
    "Query.trackedResources": _in("read", "resource", _PROJECT),
    "Query.exportDocument": _in("read", "document", "id"),
    "Query.exportDocuments": _in("read", "document", _PROJECT),
    "Query.value": _one("value", _PROJECT),
    "Query.valueKeys": _in("read", "value", _PROJECT),
    "Query.health": _any("read", "health", unbound="anyone"),
    "Query.systemMetrics": _in("read", "health", _PROJECT),
    "Query.systemHealth": _any("read", "health"),
    "Query.healthHistory": _any("read", "health"),
    "Query.systemOverview": _in("read", "health", _PROJECT),
    "Query.alerts": _any("read", "alert", _PROJECT),
    "Query.modules": _any("read", "module"),
    "Query.resources": _in("read", "resource"),
    "Query.alertRules": _any("read", "alert", _PROJECT),
    "Query.cypher": Rule("query", "cypher", privileged=True),
    "Query.savedQuestions": _any("read", "question", unbound="anyone"),
    "Query.savedAnswer": _in("read", "question", _PROJECT, "plan_id"),
    "Query.viewer": _any("read", "account", unbound="anyone"),
    "Query.apiTokens": _any("read", "account", unbound="anyone"),
    "Query.grants": _any("read", "account", _PROJECT, unbound="anyone"),
    "Query.auditRecords": _in("read", "account", _PROJECT),
    "Mutation.createProject": _in("create", "project", privileged=True),
    "Mutation.createContext": _in("create", "context", _HERE),
    "Mutation.createRole": _in("create", "role", _HERE),
    "Mutation.createPlan": _in("create", "plan", "input.context_id"),
    "Mutation.createPlanFromText": _in("create", "plan", "input.context_id"),
    "Mutation.setValue": _in("record", "value", _HERE),
    "Mutation.deleteValue": _in("record", "value", _HERE),
    "Mutation.createTrace": _in("record", "trace", "input.context_id", "input.plan_id"),
    "Mutation.createConfirm": _in("create", "confirm", "input.target_id"),
    "Mutation.importDocuments": _in("administer", "document", _HERE, privileged=True),
    "Mutation.updateContext": _in("update", "context", _ID),
    "Mutation.transitionContext": _in("update", "context", _ID),
    "Mutation.updateRole": _in("update", "role", _ID),
    "Mutation.proposePlan": _in("update", "plan", _ID, in_person=True),
    "Mutation.revisePlan": _in("update", "plan", _ID),
    "Mutation.approvePlan": _in("approve", "plan", _ID, privileged=True, in_person=True),
    "Mutation.startPlan": _in("operate", "plan", _ID),
    "Mutation.pausePlan": _in("operate", "plan", _ID),
    "Mutation.resumePlan": _in("operate", "plan", _ID),
    "Mutation.cancelPlan": _in("operate", "plan", _ID),
    "Mutation.compensatePlan": _in("operate", "plan", _ID),
    "Mutation.rerunPlan": _in("create", "plan", _ID),
    "Mutation.addStep": _in("update", "plan", "input.plan_id"),
    "Mutation.addDependency": _in("update", "plan", "input.step_id", "input.depends_on"),
    "Mutation.removeDependency": _in("update", "plan", "input.step_id", "input.depends_on"),
    "Mutation.decideConfirm": _in("approve", "confirm", _ID, privileged=True, in_person=True),
    "Mutation.delegateApproval": _in("approve", "confirm", _ID, privileged=True, in_person=True),
    "Mutation.setBudget": _in("administer", "project", _ID, privileged=True),
    "Mutation.createDialog": _in("record", "dialog", "input.context_id"),
    "Mutation.updateDialog": _in("record", "dialog", _ID),
    "Mutation.transitionDialog": _in("record", "dialog", _ID),
    "Mutation.createCollab": _in("create", "collab", "input.context_id", "input.participants.role_id"),
    "Mutation.updateCollab": _in("update", "collab", _ID),
    "Mutation.transitionCollab": _in("update", "collab", _ID),
    "Mutation.createExtension": _in("create", "extension", "input.context_id"),
    "Mutation.updateExtension": _in("update", "extension", _ID),
    "Mutation.transitionExtension": _in("update", "extension", _ID),
    "Mutation.createCore": _in("create", "core", _HERE),
    "Mutation.updateCore": _in("update", "core", _ID),
    "Mutation.transitionCore": _in("update", "core", _ID),
    "Mutation.createNetwork": _in("create", "network", "input.context_id", "input.nodes.role_id"),
    "Mutation.updateNetwork": _in("update", "network", _ID),
    "Mutation.transitionNetwork": _in("update", "network", _ID),
    "Mutation.transitionNetworkNode": _in("update", "network", _ID),
    "Mutation.addMessage": _in("record", "dialog", "input.dialog_id"),
    "Mutation.addParticipant": _in("update", "collab", "input.collab_id", "input.participant.role_id"),
    "Mutation.addNetworkNode": _in("update", "network", "input.network_id", "input.node.role_id"),
    "Mutation.startSession": _in("operate", "plan", "input.collab_id", "input.plan_id"),
    "Mutation.recordEvent": _in("record", "event", _HERE, "input.plan_id"),
    "Mutation.takeSnapshot": _in("create", "snapshot", _HERE, "input.plan_id"),
    "Mutation.restoreSnapshot": _in("administer", "snapshot", _HERE, privileged=True),
    "Mutation.setSnapshotPolicy": _in("administer", "project", _HERE, privileged=True),
    "Mutation.setProjectPolicy": _in("administer", "project", _HERE, privileged=True),
    "Mutation.setKillSwitch": _in("operate", "project", _HERE, "input.plan_id", privileged=True),
    "Mutation.executeWorkflow": _in("operate", "plan", _HERE, in_person=True),
    "Mutation.pauseWorkflow": _in("operate", "plan", _HERE),
    "Mutation.resumeWorkflow": _in("operate", "plan", _HERE),
    "Mutation.cancelWorkflow": _in("operate", "plan", _HERE),
    "Mutation.trackResource": _in("update", "resource", _HERE),
    "Mutation.untrackResource": _in("update", "resource", _HERE),
    "Mutation.expectContent": _in("update", "resource", _HERE),
    "Mutation.reportFileUpdate": _in("record", "resource", _HERE),
    "Mutation.dependOnResource": _in("update", "resource", _HERE, "input.dependent_id"),
    "Mutation.refreshDependent": _in("update", "resource", _HERE, "input.dependent_id"),
    "Mutation.claimTurn": _any("work", "step", _HERE, "input.plan_id"),
    "Mutation.heartbeatTurn": _in("work", "step", _ID),
    "Mutation.completeTurn": _in("work", "step", _ID),
    "Mutation.releaseTurn": _in("work", "step", _ID),
    "Mutation.deleteNode": _in("delete", "node", _ID, privileged=True),
    "Mutation.defineResourcePool": _in("operate", "resource", privileged=True),
    "Mutation.configureHealthAlerts": _in("operate", "alert", _HERE, privileged=True),
    "Mutation.acknowledgeAlert": Rule("operate", "alert", foreign=(_ID,), unbound="members"),
    # These tell their own audit records, in the commit of what they do.
    "Mutation.createApiToken": Rule("administer", "account", foreign=("input.project_ids",), unbound="anyone"),
    "Mutation.revokeApiToken": Rule("administer", "account", unbound="anyone"),
    "Mutation.grantRole": _in("administer", "account", _HERE),
    "Mutation.revokeRole": _in("administer", "account", _HERE),
    "Subscription.alerts": _any("read", "alert", _PROJECT),
    "Subscription.events": _in("read", "event", _PROJECT, "plan_id"),
    "Subscription.planProgress": _in("read", "plan", "plan_id"),
}
"""Every root field. A new one gets its line here; a test holds that its arguments of type ID are all named."""

NESTED_FIELDS: Mapping[str, Rule] = {
    "Capability.usedBy": _in("read", "plan", _PROJECT),
}
"""Fields below the roots that take ids; all others stay in the project of what they belong to."""


def authorize(principal: Actor, action: Action, resource: str, project_id: str | None = None) -> None:
    """Let ``principal`` do ``action`` on ``resource`` in a project, or raise.

    ``project_id`` None is the platform itself, for which only what is granted in ``*`` counts. Raises
    ``Unauthenticated``; ``NoAccess`` where nothing is granted, whether or not there is such a project; ``Forbidden``
    naming the roles that would do. Pure: it reads nothing, so it takes the same time for every project.
    """
    if not principal.authenticated:
        raise Unauthenticated("a bearer token is needed: send `Authorization: Bearer …`")
    held = principal.granted(project_id)
    if held is None or permitted(held, action):
        return
    needs = sorted(name for name, actions in PERMITS.items() if action in actions)
    told = {"action": action, "resource": resource, "needs": needs}
    if project_id is None:
        raise Forbidden(
            f"{action} {resource}: this belongs to the platform, not to one project; {' or '.join(needs)} everywhere "
            "(*) is needed", **told,
        )  # fmt: skip
    if not permitted(held, "read"):
        raise NoAccess("there is no such project, or nothing is granted to you there", **told)
    raise Forbidden(
        f"{action} {resource}: {' or '.join(needs)} is needed in this project; you are {', '.join(sorted(held))}",
        **told,
    )  # fmt: skip


def permitted(held: frozenset[str], action: str) -> bool:
    """Whether one of these roles may do ``action``."""
    return any(action in PERMITS.get(role, ()) for role in held)


def accessible(principal: Actor, action: Action = "read") -> frozenset[str] | None:
    """Return the ids of the projects in which ``principal`` may do ``action``; ``None``: in all there are."""
    if principal.grants is None or permitted(principal.grants.get(EVERYWHERE, frozenset()), action):
        return None
    return frozenset(project for project, held in principal.grants.items() if permitted(held, action))


def authorize_unbound(principal: Actor, rule: Rule) -> None:
    """Decide on a field that names no project; raises as ``authorize``."""
    if rule.unbound == "platform" or not principal.authenticated:
        authorize(principal, rule.action, rule.resource)
    elif rule.unbound == "members" and accessible(principal, rule.action) == frozenset():
        needs = sorted(name for name, actions in PERMITS.items() if rule.action in actions)
        raise Forbidden(
            f"{rule.action} {rule.resource}: {' or '.join(needs)} is needed in a project; you are that in none",
            needs=needs, action=rule.action, resource=rule.resource,
        )  # fmt: skip


ANYBODY = "human"
"""The role of who claims none: what the command line says when it is told nothing else."""


def check_role(principal: Actor, project_id: str, role: str) -> None:
    """Refuse to act in a role that one does not have: approvals may be open to roles.

    Who is restricted acts in the roles granted in the project, an administrator of it in any; whoever may approve is a
    person to the platform and may say no more than that. Raises ``Forbidden``.
    """
    held = principal.granted(project_id)
    if held is None or "admin" in held or (role == ANYBODY and "approver" in held):
        return
    if role not in held:
        raise Forbidden(
            f"role: {role[:100]!r} is not granted to you in this project; you are {', '.join(sorted(held))}",
            field="role", role=role[:100],
        )  # fmt: skip


def acting_name(principal: Actor, field: str) -> str:
    """Return under whose name a root field is recorded: approvals and proposals under the one that was proved."""
    rule = ROOT_FIELDS.get(field)
    return principal.who if rule is not None and rule.in_person else principal.name


def worker_name(principal: Actor, worker: str) -> str:
    """Return the name under which a turn is held: who is restricted holds turns under the own name only."""
    if principal.grants is None or worker == principal.who or worker.startswith(f"{principal.who}/"):
        return worker
    name = f"{principal.who}/{worker}"
    if len(name) <= _WORKER_CHARS:
        return name
    mark = sha256(name.encode(errors="replace")).hexdigest()
    return f"{principal.who[: _WORKER_CHARS // 2]}/{mark}"


def actor_name(given: str | None, default: str) -> str:
    """Return the actor that a request names, ``default`` when it names none; raises ``ValidationFailed``."""
    if not given:
        return default
    if not _ACTOR.fullmatch(given):
        raise ValidationFailed(
            "X-PSG-Actor: up to 100 letters, digits and _ . : @ / - are expected, a letter or digit first"
        )
    return given
