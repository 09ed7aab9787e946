"""The root of all writing: verb first, one ``input``, a union as result."""

from __future__ import annotations

import strawberry

from psg_graphql.mutations.accounts import AccountMutations
from psg_graphql.mutations.approvals import ApprovalMutations
from psg_graphql.mutations.budgets import BudgetMutations
from psg_graphql.mutations.documents import DocumentMutations
from psg_graphql.mutations.events import EventMutations
from psg_graphql.mutations.modules import ModuleMutations
from psg_graphql.mutations.monitoring import MonitoringMutations
from psg_graphql.mutations.nodes import NodeMutations
from psg_graphql.mutations.plan_texts import PlanTextMutations
from psg_graphql.mutations.plans import PlanMutations
from psg_graphql.mutations.policies import PolicyMutations
from psg_graphql.mutations.reactions import ReactionMutations
from psg_graphql.mutations.resource_pools import ResourcePoolMutations
from psg_graphql.mutations.resources import ResourceMutations
from psg_graphql.mutations.sessions import SessionMutations
from psg_graphql.mutations.snapshots import SnapshotMutations
from psg_graphql.mutations.turns import TurnMutations
from psg_graphql.mutations.values import ValueMutations
from psg_graphql.mutations.workflows import WorkflowMutations


@strawberry.type(description="Writing. Every command is stored under its `commandId`: repeated, it has one effect.")
class Mutation(
    NodeMutations, PlanMutations, ModuleMutations, DocumentMutations, EventMutations, SnapshotMutations,
    ApprovalMutations, BudgetMutations, PolicyMutations, ReactionMutations, ResourceMutations, SessionMutations,
    MonitoringMutations, TurnMutations, ResourcePoolMutations, WorkflowMutations,
    PlanTextMutations, ValueMutations, AccountMutations,
):  # fmt: skip
    pass
