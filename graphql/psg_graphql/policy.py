"""Who may do what: one table from root field to action and resource, and one decision on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from psg.errors import Forbidden, Unauthenticated, ValidationFailed
from psg_graphql.principal import Principal as Actor

Action = Literal["read", "create", "update", "operate", "approve", "delete"]

_ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/\-]{0,99}")


ROOT_FIELDS: Mapping[str, tuple[Action, str]] = {
    "Query.node": ("read", "node"),
    "Query.nodes": ("read", "node"),
    "Query.project": ("read", "project"),
    "Query.projects": ("read", "project"),
    "Query.contexts": ("read", "context"),
    "Query.plan": ("read", "plan"),
    "Query.plans": ("read", "plan"),
    "Query.step": ("read", "step"),
    "Query.steps": ("read", "step"),
    "Query.trace": ("read", "trace"),
    "Query.traces": ("read", "trace"),
    "Query.confirm": ("read", "confirm"),
    "Query.confirms": ("read", "confirm"),
    "Query.inbox": ("read", "confirm"),
    "Query.roles": ("read", "role"),
    "Query.role": ("read", "role"),
    "Query.dialog": ("read", "dialog"),
    "Query.dialogs": ("read", "dialog"),
    "Query.collab": ("read", "collab"),
    "Query.collabs": ("read", "collab"),
    "Query.extension": ("read", "extension"),
    "Query.extensions": ("read", "extension"),
    "Query.core": ("read", "core"),
    "Query.cores": ("read", "core"),
    "Query.network": ("read", "network"),
    "Query.networks": ("read", "network"),
    "Query.frontier": ("read", "step"),
    "Query.events": ("read", "event"),
    "Query.snapshots": ("read", "snapshot"),
    "Query.capabilities": ("read", "capability"),
    "Query.session": ("read", "collab"),
    "Query.plansUsing": ("read", "plan"),
    "Query.killSwitches": ("read", "project"),
    "Query.workflow": ("read", "plan"),
    "Query.workflows": ("read", "plan"),
    "Query.trackedResources": ("read", "resource"),
    "Query.exportDocument": ("read", "document"),
    "Query.exportDocuments": ("read", "document"),
    "Query.health": ("read", "health"),
    "Query.systemMetrics": ("read", "health"),
    "Query.systemHealth": ("read", "health"),
    "Query.healthHistory": ("read", "health"),
    "Query.systemOverview": ("read", "health"),
    "Query.alerts": ("read", "alert"),
    "Query.modules": ("read", "module"),
    "Query.resources": ("read", "resource"),
    "Query.alertRules": ("read", "alert"),
    "Mutation.createProject": ("create", "project"),
    "Mutation.createContext": ("create", "context"),
    "Mutation.createRole": ("create", "role"),
    "Mutation.createPlan": ("create", "plan"),
    "Mutation.createTrace": ("create", "trace"),
    "Mutation.createConfirm": ("create", "confirm"),
    "Mutation.importDocuments": ("create", "document"),
    "Mutation.updateContext": ("update", "context"),
    "Mutation.transitionContext": ("update", "context"),
    "Mutation.updateRole": ("update", "role"),
    "Mutation.proposePlan": ("update", "plan"),
    "Mutation.revisePlan": ("update", "plan"),
    "Mutation.approvePlan": ("approve", "plan"),
    "Mutation.startPlan": ("operate", "plan"),
    "Mutation.pausePlan": ("operate", "plan"),
    "Mutation.resumePlan": ("operate", "plan"),
    "Mutation.cancelPlan": ("operate", "plan"),
    "Mutation.compensatePlan": ("operate", "plan"),
    "Mutation.rerunPlan": ("create", "plan"),
    "Mutation.addStep": ("update", "plan"),
    "Mutation.addDependency": ("update", "plan"),
    "Mutation.removeDependency": ("update", "plan"),
    "Mutation.decideConfirm": ("approve", "confirm"),
    "Mutation.delegateApproval": ("approve", "confirm"),
    "Mutation.setBudget": ("operate", "project"),
    "Mutation.createDialog": ("create", "dialog"),
    "Mutation.updateDialog": ("update", "dialog"),
    "Mutation.transitionDialog": ("update", "dialog"),
    "Mutation.createCollab": ("create", "collab"),
    "Mutation.updateCollab": ("update", "collab"),
    "Mutation.transitionCollab": ("update", "collab"),
    "Mutation.createExtension": ("create", "extension"),
    "Mutation.updateExtension": ("update", "extension"),
    "Mutation.transitionExtension": ("update", "extension"),
    "Mutation.createCore": ("create", "core"),
    "Mutation.updateCore": ("update", "core"),
    "Mutation.transitionCore": ("update", "core"),
    "Mutation.createNetwork": ("create", "network"),
    "Mutation.updateNetwork": ("update", "network"),
    "Mutation.transitionNetwork": ("update", "network"),
    "Mutation.transitionNetworkNode": ("update", "network"),
    "Mutation.addMessage": ("update", "dialog"),
    "Mutation.addParticipant": ("update", "collab"),
    "Mutation.addNetworkNode": ("update", "network"),
    "Mutation.startSession": ("operate", "plan"),
    "Mutation.recordEvent": ("create", "event"),
    "Mutation.takeSnapshot": ("create", "snapshot"),
    "Mutation.restoreSnapshot": ("operate", "snapshot"),
    "Mutation.setSnapshotPolicy": ("update", "project"),
    "Mutation.setProjectPolicy": ("update", "project"),
    "Mutation.setKillSwitch": ("operate", "project"),
    "Mutation.executeWorkflow": ("operate", "plan"),
    "Mutation.pauseWorkflow": ("operate", "plan"),
    "Mutation.resumeWorkflow": ("operate", "plan"),
    "Mutation.cancelWorkflow": ("operate", "plan"),
    "Mutation.trackResource": ("update", "resource"),
    "Mutation.untrackResource": ("update", "resource"),
    "Mutation.expectContent": ("update", "resource"),
    "Mutation.reportFileUpdate": ("update", "resource"),
    "Mutation.dependOnResource": ("update", "resource"),
    "Mutation.refreshDependent": ("update", "resource"),
    "Mutation.claimTurn": ("operate", "step"),
    "Mutation.heartbeatTurn": ("operate", "step"),
    "Mutation.completeTurn": ("operate", "step"),
    "Mutation.releaseTurn": ("operate", "step"),
    "Mutation.deleteNode": ("delete", "node"),
    "Mutation.defineResourcePool": ("operate", "resource"),
    "Mutation.configureHealthAlerts": ("operate", "alert"),
    "Mutation.acknowledgeAlert": ("operate", "alert"),
    "Subscription.alerts": ("read", "alert"),
    "Subscription.events": ("read", "event"),
    "Subscription.planProgress": ("read", "plan"),
}


def authorize(actor: Actor, action: Action, resource: str) -> None:
    """Let ``actor`` do ``action`` on ``resource`` or raise ``Unauthenticated`` or ``Forbidden``.

    There are no users and roles yet: who holds the token (or sits on this machine) may do everything.
    """
    if not actor.authenticated:
        raise Unauthenticated("a bearer token is needed: send `Authorization: Bearer …`")


def authorize_field(actor: Actor, field: str) -> None:
    """Decide on a root field such as ``Mutation.startPlan``; one that the table lacks is forbidden."""
    rule = ROOT_FIELDS.get(field)
    if rule is None:
        raise Forbidden(f"{field} has no entry in the policy table", field=field)
    authorize(actor, *rule)


def actor_name(given: str | None, default: str) -> str:
    """Return the actor that a request names, ``default`` when it names none; raises ``ValidationFailed``."""
    if not given:
        return default
    if not _ACTOR.fullmatch(given):
        raise ValidationFailed(
            "X-PSG-Actor: up to 100 letters, digits and _ . : @ / - are expected, a letter or digit first"
        )
    return given
