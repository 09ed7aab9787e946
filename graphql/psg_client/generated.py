"""Typed operations of the API; written by ``python -m psg_client.codegen``, not by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psg_client.calls import Calls, Reader, command_id_or_new, given, member

AlertSeverity = Literal["critical", "high", "info", "low", "medium"]
AlertStatus = Literal["acknowledged", "firing", "resolved"]
AllocationStrategy = Literal["fair", "performance", "priority"]
CapabilityType = Literal["agent", "service", "tool"]
CollabMode = Literal["broadcast", "orchestrated", "pair", "round_robin", "swarm"]
CollabStatus = Literal["active", "cancelled", "completed", "draft", "suspended"]
ConfirmStatus = Literal["approved", "cancelled", "pending", "rejected"]
ConfirmTargetType = Literal["context", "extension", "other", "plan", "trace"]
ContextStatus = Literal["active", "archived", "closed", "draft", "suspended"]
CoreModuleStatus = Literal["deprecated", "disabled", "enabled", "experimental"]
CoreStatus = Literal["active", "archived", "deprecated", "draft"]
DecisionStatus = Literal["approved", "cancelled", "rejected"]
DialogStatus = Literal["active", "cancelled", "completed", "paused"]
EventFamily = Literal[
    "compensation_plan",
    "cost_budget",
    "delta_intent",
    "external_integration",
    "graph_update",
    "impact_analysis",
    "import_process",
    "intent",
    "methodology",
    "pipeline_stage",
    "reasoning_graph",
    "runtime_execution",
]
EventOp = Literal["create", "link", "note", "restore", "set", "tombstone", "unlink"]
ExtensionStatus = Literal["active", "deprecated", "inactive", "registered"]
ExtensionType = Literal["capability", "integration", "other", "policy", "transformation", "validation"]
HealthState = Literal["degraded", "healthy", "unhealthy"]
JoinMode = Literal["all", "any", "not_skipped", "settled"]
MessageRole = Literal["agent", "assistant", "system", "user"]
Module = Literal["collab", "confirm", "context", "core", "dialog", "extension", "network", "plan", "role", "trace"]
NetworkNodeKind = Literal["agent", "database", "external", "other", "queue", "service"]
NetworkNodeStatus = Literal["active", "degraded", "inactive", "retired", "unreachable"]
NetworkStatus = Literal["active", "degraded", "draft", "maintenance", "provisioning", "retired"]
OnDrift = Literal["compensate", "gate", "mark", "replan"]
OnFailure = Literal["compensate", "continue", "replan", "stop"]
ParticipantKind = Literal["agent", "external", "human", "system"]
PlanStatus = Literal["approved", "cancelled", "completed", "draft", "failed", "in_progress", "proposed"]
PlatformModuleStatus = Literal["running", "starting", "stopped", "unavailable"]
ResourceKind = Literal["directory", "file", "git_ref"]
ResourceState = Literal["ahead", "conflict", "drifted", "synced"]
SessionState = Literal["cancelled", "completed", "failed", "interrupted", "none", "running", "stopped"]
StepStatus = Literal["blocked", "completed", "failed", "in_progress", "pending", "skipped"]
StepType = Literal["agent", "conditional", "confirm", "foreach", "llm", "plan", "tool", "wait"]
TopologyType = Literal["hierarchical", "hub_spoke", "hybrid", "mesh", "other", "single_node"]
TraceStatus = Literal["cancelled", "completed", "failed", "pending", "running"]
WorkflowRunStatus = Literal["cancelled", "completed", "failed", "paused", "pending", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetInput:
    """Limits; what is absent is not limited."""

    calls: float | None = None
    cost: float | None = None
    tokens: float | None = None
    wall_ms: float | None = None

    def data(self) -> dict[str, Any]:
        return given(
            {
                "calls": self.calls,
                "cost": self.cost,
                "tokens": self.tokens,
                "wallMs": self.wall_ms,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreModuleInput:
    """CoreModuleInput as the API tells it."""

    module_id: Module
    status: CoreModuleStatus
    version: str
    description: str | None = None
    required: bool | None = None

    def data(self) -> dict[str, Any]:
        return given(
            {
                "description": self.description,
                "moduleId": self.module_id,
                "required": self.required,
                "status": self.status,
                "version": self.version,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentInput:
    """DocumentInput as the API tells it."""

    document: Any
    module: Module

    def data(self) -> dict[str, Any]:
        return given({"document": self.document, "module": self.module})


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageInput:
    """MessageInput as the API tells it."""

    content: str
    role: MessageRole
    event: Any = None
    timestamp: str | None = None

    def data(self) -> dict[str, Any]:
        return given(
            {
                "content": self.content,
                "event": self.event,
                "role": self.role,
                "timestamp": self.timestamp,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkNodeInput:
    """NetworkNodeInput as the API tells it."""

    kind: NetworkNodeKind
    name: str | None = None
    role_id: str | None = None
    status: NetworkNodeStatus | None = None
    uuid: str | None = None

    def data(self) -> dict[str, Any]:
        return given(
            {
                "kind": self.kind,
                "name": self.name,
                "roleId": self.role_id,
                "status": self.status,
                "uuid": self.uuid,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantInput:
    """ParticipantInput as the API tells it."""

    kind: ParticipantKind
    participant_id: str
    display_name: str | None = None
    role_id: str | None = None

    def data(self) -> dict[str, Any]:
        return given(
            {
                "displayName": self.display_name,
                "kind": self.kind,
                "participantId": self.participant_id,
                "roleId": self.role_id,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInput:
    """StepInput as the API tells it."""

    key: str
    agent_role: str | None = None
    approval: Any = None
    budget: Any = None
    compensation: Any = None
    condition: str | None = None
    dependencies: list[str] | None = None
    description: str | None = None
    join: JoinMode | None = None
    name: str | None = None
    order_index: int | None = None
    params: Any = None
    policy: Any = None
    retries: int | None = None
    timeout_ms: int | None = None
    type: StepType | None = None
    urgency: int | None = None

    def data(self) -> dict[str, Any]:
        return given(
            {
                "agentRole": self.agent_role,
                "approval": self.approval,
                "budget": self.budget,
                "compensation": self.compensation,
                "condition": self.condition,
                "dependencies": self.dependencies,
                "description": self.description,
                "join": self.join,
                "key": self.key,
                "name": self.name,
                "orderIndex": self.order_index,
                "params": self.params,
                "policy": self.policy,
                "retries": self.retries,
                "timeoutMs": self.timeout_ms,
                "type": self.type,
                "urgency": self.urgency,
            }
        )


@dataclass(frozen=True, slots=True)
class AlertSummaryDeliveries:
    """A message to a webhook."""

    url: str
    event: AlertStatus
    status: str
    attempts: int
    error: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> AlertSummaryDeliveries:
        return cls(
            url=data["url"],
            event=data["event"],
            status=data["status"],
            attempts=data["attempts"],
            error=data["error"],
        )


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """Something that somebody should know."""

    id: str
    name: str
    status: AlertStatus
    severity: AlertSeverity
    message: str
    rule: str | None
    project_id: str | None
    source: str
    times: int
    seq: int
    started_at: str | None
    changed_at: str | None
    resolved_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None
    deliveries: list[AlertSummaryDeliveries]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> AlertSummary:
        return cls(
            id=data["id"],
            name=data["name"],
            status=data["status"],
            severity=data["severity"],
            message=data["message"],
            rule=data["rule"],
            project_id=data["projectId"],
            source=data["source"],
            times=data["times"],
            seq=data["seq"],
            started_at=data["startedAt"],
            changed_at=data["changedAt"],
            resolved_at=data["resolvedAt"],
            acknowledged_at=data["acknowledgedAt"],
            acknowledged_by=data["acknowledgedBy"],
            deliveries=[AlertSummaryDeliveries.read(item) for item in data["deliveries"]],
        )


@dataclass(frozen=True, slots=True)
class AcknowledgeAlertAlertPayload:
    """AcknowledgeAlertAlertPayload as the API tells it."""

    alert: AlertSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> AcknowledgeAlertAlertPayload:
        return cls(
            alert=AlertSummary.read(data["alert"]),
        )


@dataclass(frozen=True, slots=True)
class StepSummary:
    """A step: one action of a plan."""

    id: str
    uuid: str
    key: str
    type: StepType
    capability: str | None
    description: str
    status: StepStatus
    ready: bool
    parked: str | None
    due_at: str | None
    position: int
    attempt: int
    waits_for: int
    skip_reason: str | None
    error: Any | None
    started_at: str | None
    finished_at: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            key=data["key"],
            type=data["type"],
            capability=data["capability"],
            description=data["description"],
            status=data["status"],
            ready=data["ready"],
            parked=data["parked"],
            due_at=data["dueAt"],
            position=data["position"],
            attempt=data["attempt"],
            waits_for=data["waitsFor"],
            skip_reason=data["skipReason"],
            error=data["error"],
            started_at=data["startedAt"],
            finished_at=data["finishedAt"],
        )


@dataclass(frozen=True, slots=True)
class StepPayload:
    """StepPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    step: StepSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            step=StepSummary.read(data["step"]),
        )


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """One message of a dialog; what was said stays said."""

    id: str
    role: MessageRole
    content: str
    timestamp: str
    position: int
    event: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> MessageSummary:
        return cls(
            id=data["id"],
            role=data["role"],
            content=data["content"],
            timestamp=data["timestamp"],
            position=data["position"],
            event=data["event"],
        )


@dataclass(frozen=True, slots=True)
class MessagePayload:
    """MessagePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    dialog_message: MessageSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> MessagePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            dialog_message=MessageSummary.read(data["dialogMessage"]),
        )


@dataclass(frozen=True, slots=True)
class NetworkNodeSummary:
    """A node of a network."""

    id: str
    uuid: str
    name: str | None
    kind: NetworkNodeKind
    status: NetworkNodeStatus
    role_id: str | None
    position: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> NetworkNodeSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            name=data["name"],
            kind=data["kind"],
            status=data["status"],
            role_id=data["roleId"],
            position=data["position"],
        )


@dataclass(frozen=True, slots=True)
class NetworkNodePayload:
    """NetworkNodePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    node: NetworkNodeSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> NetworkNodePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            node=NetworkNodeSummary.read(data["node"]),
        )


@dataclass(frozen=True, slots=True)
class ParticipantSummary:
    """A participant of a collab."""

    id: str
    participant_id: str
    kind: ParticipantKind
    display_name: str | None
    role_id: str | None
    position: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ParticipantSummary:
        return cls(
            id=data["id"],
            participant_id=data["participantId"],
            kind=data["kind"],
            display_name=data["displayName"],
            role_id=data["roleId"],
            position=data["position"],
        )


@dataclass(frozen=True, slots=True)
class ParticipantPayload:
    """ParticipantPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    participant: ParticipantSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ParticipantPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            participant=ParticipantSummary.read(data["participant"]),
        )


@dataclass(frozen=True, slots=True)
class AlertRuleSummary:
    """When an alert is raised; see docs/monitoring.md."""

    id: str
    condition: str
    severity: AlertSeverity
    for_ms: int
    enabled: bool
    project_id: str | None
    description: str
    definition: Any

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> AlertRuleSummary:
        return cls(
            id=data["id"],
            condition=data["condition"],
            severity=data["severity"],
            for_ms=data["forMs"],
            enabled=data["enabled"],
            project_id=data["projectId"],
            description=data["description"],
            definition=data["definition"],
        )


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan: one run of steps towards an objective."""

    id: str
    uuid: str
    project_id: str
    context_id: str
    trace_id: str | None
    title: str
    objective: str
    status: PlanStatus
    paused: bool
    loading: bool
    revision: int
    steps_total: int
    steps_open: int
    steps_failed: int
    started_at: str | None
    finished_at: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            project_id=data["projectId"],
            context_id=data["contextId"],
            trace_id=data["traceId"],
            title=data["title"],
            objective=data["objective"],
            status=data["status"],
            paused=data["paused"],
            loading=data["loading"],
            revision=data["revision"],
            steps_total=data["stepsTotal"],
            steps_open=data["stepsOpen"],
            steps_failed=data["stepsFailed"],
            started_at=data["startedAt"],
            finished_at=data["finishedAt"],
        )


@dataclass(frozen=True, slots=True)
class PlanPayload:
    """PlanPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    plan: PlanSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            plan=PlanSummary.read(data["plan"]),
        )


@dataclass(frozen=True, slots=True)
class AskCypher:
    """What a question was answered: rows of values in the order of the columns."""

    columns: list[str]
    rows: Any
    truncated: bool
    took_ms: float

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> AskCypher:
        return cls(
            columns=data["columns"],
            rows=data["rows"],
            truncated=data["truncated"],
            took_ms=data["tookMs"],
        )


@dataclass(frozen=True, slots=True)
class WorkflowExecutionSummary:
    """An execution of a workflow, which is a plan of the graph."""

    execution_id: str
    plan_id: str
    workflow_id: str
    workflow_name: str
    correlation_id: str
    status: WorkflowRunStatus
    timeout: int
    duration: int | None
    stages_total: int
    stages_done: int
    created_at: str
    started_at: str | None
    completed_at: str | None
    error: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> WorkflowExecutionSummary:
        return cls(
            execution_id=data["executionId"],
            plan_id=data["planId"],
            workflow_id=data["workflowId"],
            workflow_name=data["workflowName"],
            correlation_id=data["correlationId"],
            status=data["status"],
            timeout=data["timeout"],
            duration=data["duration"],
            stages_total=data["stagesTotal"],
            stages_done=data["stagesDone"],
            created_at=data["createdAt"],
            started_at=data["startedAt"],
            completed_at=data["completedAt"],
            error=data["error"],
        )


@dataclass(frozen=True, slots=True)
class WorkflowPayload:
    """WorkflowPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    execution: WorkflowExecutionSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> WorkflowPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            execution=WorkflowExecutionSummary.read(data["execution"]),
        )


@dataclass(frozen=True, slots=True)
class CapabilitySummary:
    """One version of something that steps can have done."""

    name: str
    version: str | None
    reference: str
    type: CapabilityType
    description: str
    enabled: bool
    source: str
    schema_hash: str
    input_schema: Any
    output_schema: Any | None
    offered_by: int
    registered_at: str | None
    changed_at: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CapabilitySummary:
        return cls(
            name=data["name"],
            version=data["version"],
            reference=data["reference"],
            type=data["type"],
            description=data["description"],
            enabled=data["enabled"],
            source=data["source"],
            schema_hash=data["schemaHash"],
            input_schema=data["inputSchema"],
            output_schema=data["outputSchema"],
            offered_by=data["offeredBy"],
            registered_at=data["registeredAt"],
            changed_at=data["changedAt"],
        )


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page begins and ends."""

    has_next_page: bool
    end_cursor: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PageInfo:
        return cls(
            has_next_page=data["hasNextPage"],
            end_cursor=data["endCursor"],
        )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[CapabilitySummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Capabilities:
        return cls(
            nodes=[CapabilitySummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class WorkerTurn:
    """A step that a worker outside holds under a lease: what is to be done, and its fence."""

    id: str
    project_id: str
    plan_id: str
    key: str
    agent: str
    worker: str
    fence: int
    attempt: int
    lost: int
    type: str
    name: str | None
    agent_role: str | None
    description: str
    params: Any
    idempotency_key: str
    plan_title: str
    objective: str
    lease_until: int
    lease_ms: int
    until: int | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> WorkerTurn:
        return cls(
            id=data["id"],
            project_id=data["projectId"],
            plan_id=data["planId"],
            key=data["key"],
            agent=data["agent"],
            worker=data["worker"],
            fence=data["fence"],
            attempt=data["attempt"],
            lost=data["lost"],
            type=data["type"],
            name=data["name"],
            agent_role=data["agentRole"],
            description=data["description"],
            params=data["params"],
            idempotency_key=data["idempotencyKey"],
            plan_title=data["planTitle"],
            objective=data["objective"],
            lease_until=data["leaseUntil"],
            lease_ms=data["leaseMs"],
            until=data["until"],
        )


@dataclass(frozen=True, slots=True)
class ClaimTurnClaimTurnPayload:
    """The turn that was claimed; none when nothing was offered in time."""

    turn: WorkerTurn | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ClaimTurnClaimTurnPayload:
        return cls(
            turn=None if data["turn"] is None else WorkerTurn.read(data["turn"]),
        )


@dataclass(frozen=True, slots=True)
class CollabSummary:
    """A collab: who works together, for what, and in which turns."""

    id: str
    uuid: str
    context_id: str
    title: str
    purpose: str
    mode: CollabMode
    status: CollabStatus
    created_at: str
    updated_at: str | None
    revision: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CollabSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            context_id=data["contextId"],
            title=data["title"],
            purpose=data["purpose"],
            mode=data["mode"],
            status=data["status"],
            created_at=data["createdAt"],
            updated_at=data["updatedAt"],
            revision=data["revision"],
        )


@dataclass(frozen=True, slots=True)
class CollabParticipantsParticipants:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[ParticipantSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CollabParticipantsParticipants:
        return cls(
            nodes=[ParticipantSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class CollabParticipants:
    """A collab: who works together, for what, and in which turns."""

    participants: CollabParticipantsParticipants

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CollabParticipants:
        return cls(
            participants=CollabParticipantsParticipants.read(data["participants"]),
        )


@dataclass(frozen=True, slots=True)
class Collabs:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[CollabSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Collabs:
        return cls(
            nodes=[CollabSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class CompleteTurnCompleteTurnPayload:
    """CompleteTurnCompleteTurnPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    id: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CompleteTurnCompleteTurnPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            id=data["id"],
        )


@dataclass(frozen=True, slots=True)
class ConfigureHealthAlertsAlertRulesPayload:
    """ConfigureHealthAlertsAlertRulesPayload as the API tells it."""

    rules: list[AlertRuleSummary]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ConfigureHealthAlertsAlertRulesPayload:
        return cls(
            rules=[AlertRuleSummary.read(item) for item in data["rules"]],
        )


@dataclass(frozen=True, slots=True)
class ConfirmSummaryStep:
    """A step: one action of a plan."""

    key: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ConfirmSummaryStep:
        return cls(
            key=data["key"],
        )


@dataclass(frozen=True, slots=True)
class ConfirmSummaryDecisions:
    """One decision about a confirm; decisions are a log, the last one counts."""

    status: DecisionStatus
    decided_by_role: str
    decided_at: str
    reason: str | None
    actor: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ConfirmSummaryDecisions:
        return cls(
            status=data["status"],
            decided_by_role=data["decidedByRole"],
            decided_at=data["decidedAt"],
            reason=data["reason"],
            actor=data["actor"],
        )


@dataclass(frozen=True, slots=True)
class ConfirmSummaryApproval:
    """What a request demands before it counts as approved, and how far it is."""

    quorum: int
    approvals: int
    approvers: list[str]
    roles: list[str]
    proposed_by: str | None
    expires_at: str | None
    voided: bool

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ConfirmSummaryApproval:
        return cls(
            quorum=data["quorum"],
            approvals=data["approvals"],
            approvers=data["approvers"],
            roles=data["roles"],
            proposed_by=data["proposedBy"],
            expires_at=data["expiresAt"],
            voided=data["voided"],
        )


@dataclass(frozen=True, slots=True)
class ConfirmSummary:
    """A request for confirmation: something waits for a decision."""

    id: str
    uuid: str
    target_type: ConfirmTargetType
    status: ConfirmStatus
    requested_by_role: str
    requested_at: str
    reason: str | None
    plan_id: str | None
    step_id: str | None
    step: ConfirmSummaryStep | None
    decisions: list[ConfirmSummaryDecisions]
    approval: ConfirmSummaryApproval | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ConfirmSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            target_type=data["targetType"],
            status=data["status"],
            requested_by_role=data["requestedByRole"],
            requested_at=data["requestedAt"],
            reason=data["reason"],
            plan_id=data["planId"],
            step_id=data["stepId"],
            step=None if data["step"] is None else ConfirmSummaryStep.read(data["step"]),
            decisions=[ConfirmSummaryDecisions.read(item) for item in data["decisions"]],
            approval=None if data["approval"] is None else ConfirmSummaryApproval.read(data["approval"]),
        )


@dataclass(frozen=True, slots=True)
class Confirms:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[ConfirmSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Confirms:
        return cls(
            nodes=[ConfirmSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class ContextSummary:
    """A context: the frame in which plans are made."""

    id: str
    uuid: str
    title: str
    status: ContextStatus

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ContextSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            title=data["title"],
            status=data["status"],
        )


@dataclass(frozen=True, slots=True)
class Contexts:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[ContextSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Contexts:
        return cls(
            nodes=[ContextSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class CoreSummaryModules:
    """A module of the protocol in a core."""

    module_id: Module
    version: str
    status: CoreModuleStatus
    required: bool | None
    description: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CoreSummaryModules:
        return cls(
            module_id=data["moduleId"],
            version=data["version"],
            status=data["status"],
            required=data["required"],
            description=data["description"],
        )


@dataclass(frozen=True, slots=True)
class CoreSummary:
    """A core: the modules of the protocol that a project uses."""

    id: str
    uuid: str
    protocol_version: str
    status: CoreStatus
    revision: int
    modules: list[CoreSummaryModules]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CoreSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            protocol_version=data["protocolVersion"],
            status=data["status"],
            revision=data["revision"],
            modules=[CoreSummaryModules.read(item) for item in data["modules"]],
        )


@dataclass(frozen=True, slots=True)
class Cores:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[CoreSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Cores:
        return cls(
            nodes=[CoreSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class CollabPayload:
    """CollabPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    collab: CollabSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CollabPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            collab=CollabSummary.read(data["collab"]),
        )


@dataclass(frozen=True, slots=True)
class ConfirmPayload:
    """ConfirmPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    confirm: ConfirmSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ConfirmPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            confirm=ConfirmSummary.read(data["confirm"]),
        )


@dataclass(frozen=True, slots=True)
class ContextPayload:
    """ContextPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    context: ContextSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ContextPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            context=ContextSummary.read(data["context"]),
        )


@dataclass(frozen=True, slots=True)
class CorePayload:
    """CorePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    core: CoreSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CorePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            core=CoreSummary.read(data["core"]),
        )


@dataclass(frozen=True, slots=True)
class DialogSummary:
    """A dialog: messages in the order in which they were said."""

    id: str
    uuid: str
    context_id: str
    thread_id: str | None
    status: DialogStatus
    started_at: str | None
    ended_at: str | None
    revision: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> DialogSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            context_id=data["contextId"],
            thread_id=data["threadId"],
            status=data["status"],
            started_at=data["startedAt"],
            ended_at=data["endedAt"],
            revision=data["revision"],
        )


@dataclass(frozen=True, slots=True)
class DialogPayload:
    """DialogPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    dialog: DialogSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> DialogPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            dialog=DialogSummary.read(data["dialog"]),
        )


@dataclass(frozen=True, slots=True)
class ExtensionSummary:
    """An extension: a capability, policy, integration, … with its version."""

    id: str
    uuid: str
    context_id: str
    name: str
    extension_type: ExtensionType
    version: str
    status: ExtensionStatus
    config: Any | None
    revision: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ExtensionSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            context_id=data["contextId"],
            name=data["name"],
            extension_type=data["extensionType"],
            version=data["version"],
            status=data["status"],
            config=data["config"],
            revision=data["revision"],
        )


@dataclass(frozen=True, slots=True)
class ExtensionPayload:
    """ExtensionPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    extension: ExtensionSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ExtensionPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            extension=ExtensionSummary.read(data["extension"]),
        )


@dataclass(frozen=True, slots=True)
class NetworkSummary:
    """A network: what is connected, and in which shape."""

    id: str
    uuid: str
    context_id: str
    name: str
    description: str | None
    topology_type: TopologyType
    status: NetworkStatus
    revision: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> NetworkSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            context_id=data["contextId"],
            name=data["name"],
            description=data["description"],
            topology_type=data["topologyType"],
            status=data["status"],
            revision=data["revision"],
        )


@dataclass(frozen=True, slots=True)
class NetworkPayload:
    """NetworkPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    network: NetworkSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> NetworkPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            network=NetworkSummary.read(data["network"]),
        )


@dataclass(frozen=True, slots=True)
class CreatePlanPayload:
    """CreatePlanPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    step_ids: Any
    plan: PlanSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> CreatePlanPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            step_ids=data["stepIds"],
            plan=PlanSummary.read(data["plan"]),
        )


@dataclass(frozen=True, slots=True)
class Project:
    """A project: everything that belongs together, with one event log."""

    id: str
    uuid: str
    name: str
    description: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Project:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            name=data["name"],
            description=data["description"],
        )


@dataclass(frozen=True, slots=True)
class ProjectPayload:
    """ProjectPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    project: Project

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ProjectPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            project=Project.read(data["project"]),
        )


@dataclass(frozen=True, slots=True)
class RolePayloadRole:
    """A role: a name with its capabilities."""

    id: str
    uuid: str
    name: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RolePayloadRole:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            name=data["name"],
        )


@dataclass(frozen=True, slots=True)
class RolePayload:
    """RolePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    role: RolePayloadRole

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RolePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            role=RolePayloadRole.read(data["role"]),
        )


@dataclass(frozen=True, slots=True)
class TracePayloadTrace:
    """A trace: the recorded history of one run."""

    id: str
    uuid: str
    status: TraceStatus

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TracePayloadTrace:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            status=data["status"],
        )


@dataclass(frozen=True, slots=True)
class TracePayload:
    """TracePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    trace: TracePayloadTrace

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TracePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            trace=TracePayloadTrace.read(data["trace"]),
        )


@dataclass(frozen=True, slots=True)
class PoolSummary:
    """A limited resource of the installation; what is used is counted from what lives now."""

    name: str
    capacity: float
    limit: float
    used: float
    free: float
    wanted: float
    allocations: int
    waiting: int
    utilization: float
    max_utilization: float
    strategy: AllocationStrategy

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PoolSummary:
        return cls(
            name=data["name"],
            capacity=data["capacity"],
            limit=data["limit"],
            used=data["used"],
            free=data["free"],
            wanted=data["wanted"],
            allocations=data["allocations"],
            waiting=data["waiting"],
            utilization=data["utilization"],
            max_utilization=data["maxUtilization"],
            strategy=data["strategy"],
        )


@dataclass(frozen=True, slots=True)
class DefineResourcePoolResourcePoolPayload:
    """DefineResourcePoolResourcePoolPayload as the API tells it."""

    pool: PoolSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> DefineResourcePoolResourcePoolPayload:
        return cls(
            pool=PoolSummary.read(data["pool"]),
        )


@dataclass(frozen=True, slots=True)
class DeletePayload:
    """DeletePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    id: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> DeletePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            id=data["id"],
        )


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value that a project keeps under a key."""

    key: str
    value: Any | None
    revision: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StoredValue:
        return cls(
            key=data["key"],
            value=data["value"],
            revision=data["revision"],
        )


@dataclass(frozen=True, slots=True)
class ValuePayload:
    """ValuePayload as the API tells it."""

    command_id: str
    replayed: bool
    value: StoredValue | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ValuePayload:
        return cls(
            command_id=data["commandId"],
            replayed=data["replayed"],
            value=None if data["value"] is None else StoredValue.read(data["value"]),
        )


@dataclass(frozen=True, slots=True)
class TrackedResourceSummaryDependents:
    """A plan or step that depends on a resource."""

    id: str
    stale_since: str | None
    on_drift: OnDrift | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TrackedResourceSummaryDependents:
        return cls(
            id=data["id"],
            stale_since=data["staleSince"],
            on_drift=data["onDrift"],
        )


@dataclass(frozen=True, slots=True)
class TrackedResourceSummary:
    """A file, directory or git ref as the graph expects it."""

    id: str
    uuid: str
    revision: int
    uri: str | None
    path: str | None
    kind: ResourceKind
    state: ResourceState | None
    hash: str | None
    size: int | None
    modified_at: str | None
    found: Any | None
    confirm_id: str | None
    settings: Any | None
    dependents: list[TrackedResourceSummaryDependents]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TrackedResourceSummary:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            revision=data["revision"],
            uri=data["uri"],
            path=data["path"],
            kind=data["kind"],
            state=data["state"],
            hash=data["hash"],
            size=data["size"],
            modified_at=data["modifiedAt"],
            found=data["found"],
            confirm_id=data["confirmId"],
            settings=data["settings"],
            dependents=[TrackedResourceSummaryDependents.read(item) for item in data["dependents"]],
        )


@dataclass(frozen=True, slots=True)
class ResourcePayload:
    """ResourcePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    resource: TrackedResourceSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ResourcePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            resource=TrackedResourceSummary.read(data["resource"]),
        )


@dataclass(frozen=True, slots=True)
class DialogMessagesMessages:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[MessageSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> DialogMessagesMessages:
        return cls(
            nodes=[MessageSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class DialogMessages:
    """A dialog: messages in the order in which they were said."""

    messages: DialogMessagesMessages

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> DialogMessages:
        return cls(
            messages=DialogMessagesMessages.read(data["messages"]),
        )


@dataclass(frozen=True, slots=True)
class Dialogs:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[DialogSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Dialogs:
        return cls(
            nodes=[DialogSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class ExportDocumentsNodes:
    """A protocol 1.0.0 document."""

    module: Module
    document: Any

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ExportDocumentsNodes:
        return cls(
            module=data["module"],
            document=data["document"],
        )


@dataclass(frozen=True, slots=True)
class ExportDocuments:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[ExportDocumentsNodes]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ExportDocuments:
        return cls(
            nodes=[ExportDocumentsNodes.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class Extensions:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[ExtensionSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Extensions:
        return cls(
            nodes=[ExtensionSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class HealthHistoryRecords:
    """A finding of the past."""

    component: str
    status: HealthState
    details: Any
    response_time_ms: float
    source: str
    at: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> HealthHistoryRecords:
        return cls(
            component=data["component"],
            status=data["status"],
            details=data["details"],
            response_time_ms=data["responseTimeMs"],
            source=data["source"],
            at=data["at"],
        )


@dataclass(frozen=True, slots=True)
class HealthHistory:
    """Findings within a span of time, in order."""

    truncated: bool
    records: list[HealthHistoryRecords]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> HealthHistory:
        return cls(
            truncated=data["truncated"],
            records=[HealthHistoryRecords.read(item) for item in data["records"]],
        )


@dataclass(frozen=True, slots=True)
class HeartbeatTurnHeartbeatTurnPayload:
    """HeartbeatTurnHeartbeatTurnPayload as the API tells it."""

    lease_until: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> HeartbeatTurnHeartbeatTurnPayload:
        return cls(
            lease_until=data["leaseUntil"],
        )


@dataclass(frozen=True, slots=True)
class ImportPayloadDocuments:
    """One document that was stored."""

    id: str
    module: Module
    replayed: bool

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ImportPayloadDocuments:
        return cls(
            id=data["id"],
            module=data["module"],
            replayed=data["replayed"],
        )


@dataclass(frozen=True, slots=True)
class ImportPayload:
    """ImportPayload as the API tells it."""

    documents: list[ImportPayloadDocuments]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ImportPayload:
        return cls(
            documents=[ImportPayloadDocuments.read(item) for item in data["documents"]],
        )


@dataclass(frozen=True, slots=True)
class Inbox:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[ConfirmSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Inbox:
        return cls(
            nodes=[ConfirmSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class KillSwitchSummary:
    """A kill switch that is on: what it is about fails before anything runs."""

    scope: str
    plan_id: str | None
    action_type: str | None
    reason: str | None
    actor: str | None
    set_at: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> KillSwitchSummary:
        return cls(
            scope=data["scope"],
            plan_id=data["planId"],
            action_type=data["actionType"],
            reason=data["reason"],
            actor=data["actor"],
            set_at=data["setAt"],
        )


@dataclass(frozen=True, slots=True)
class ModuleSummary:
    """A module that runs in one of the platform's processes."""

    id: str
    type: str
    version: str
    status: PlatformModuleStatus
    reason: str | None
    capabilities: list[str]
    dependencies: list[str]
    configuration: Any
    health: str
    health_details: Any
    checked_at: str | None
    process: str
    started_at: str | None
    operations: int
    failures: int
    average_ms: float | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ModuleSummary:
        return cls(
            id=data["id"],
            type=data["type"],
            version=data["version"],
            status=data["status"],
            reason=data["reason"],
            capabilities=data["capabilities"],
            dependencies=data["dependencies"],
            configuration=data["configuration"],
            health=data["health"],
            health_details=data["healthDetails"],
            checked_at=data["checkedAt"],
            process=data["process"],
            started_at=data["startedAt"],
            operations=data["operations"],
            failures=data["failures"],
            average_ms=data["averageMs"],
        )


@dataclass(frozen=True, slots=True)
class NetworkMembersMembers:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[NetworkNodeSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> NetworkMembersMembers:
        return cls(
            nodes=[NetworkNodeSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class NetworkMembers:
    """A network: what is connected, and in which shape."""

    members: NetworkMembersMembers

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> NetworkMembers:
        return cls(
            members=NetworkMembersMembers.read(data["members"]),
        )


@dataclass(frozen=True, slots=True)
class Networks:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[NetworkSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Networks:
        return cls(
            nodes=[NetworkSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class PlanApproval:
    """A plan: one run of steps towards an objective."""

    approval: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanApproval:
        return cls(
            approval=data["approval"],
        )


@dataclass(frozen=True, slots=True)
class PlanAsOfSteps:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[StepSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanAsOfSteps:
        return cls(
            nodes=[StepSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class PlanAsOf:
    """A plan: one run of steps towards an objective."""

    id: str
    uuid: str
    project_id: str
    context_id: str
    trace_id: str | None
    title: str
    objective: str
    status: PlanStatus
    paused: bool
    loading: bool
    revision: int
    steps_total: int
    steps_open: int
    steps_failed: int
    started_at: str | None
    finished_at: str | None
    steps: PlanAsOfSteps

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanAsOf:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            project_id=data["projectId"],
            context_id=data["contextId"],
            trace_id=data["traceId"],
            title=data["title"],
            objective=data["objective"],
            status=data["status"],
            paused=data["paused"],
            loading=data["loading"],
            revision=data["revision"],
            steps_total=data["stepsTotal"],
            steps_open=data["stepsOpen"],
            steps_failed=data["stepsFailed"],
            started_at=data["startedAt"],
            finished_at=data["finishedAt"],
            steps=PlanAsOfSteps.read(data["steps"]),
        )


@dataclass(frozen=True, slots=True)
class PlanEnd:
    """A plan: one run of steps towards an objective."""

    uuid: str
    status: PlanStatus
    derivation: str | None
    criteria: Any | None
    goal_met: bool | None
    compensation: PlanSummary | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanEnd:
        return cls(
            uuid=data["uuid"],
            status=data["status"],
            derivation=data["derivation"],
            criteria=data["criteria"],
            goal_met=data["goalMet"],
            compensation=None if data["compensation"] is None else PlanSummary.read(data["compensation"]),
        )


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts by dimension; null: not limited. Whole numbers up to 2^53, but for money."""

    tokens: float | None
    cost: float | None
    calls: float | None
    wall_ms: float | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Amounts:
        return cls(
            tokens=data["tokens"],
            cost=data["cost"],
            calls=data["calls"],
            wall_ms=data["wallMs"],
        )


@dataclass(frozen=True, slots=True)
class Spending:
    """How a budget stands. What runs now has its share reserved."""

    limit: Amounts
    spent: Amounts
    reserved: Amounts
    remaining: Amounts

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Spending:
        return cls(
            limit=Amounts.read(data["limit"]),
            spent=Amounts.read(data["spent"]),
            reserved=Amounts.read(data["reserved"]),
            remaining=Amounts.read(data["remaining"]),
        )


@dataclass(frozen=True, slots=True)
class PlanSpending:
    """A plan: one run of steps towards an objective."""

    id: str
    spending: Spending | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanSpending:
        return cls(
            id=data["id"],
            spending=None if data["spending"] is None else Spending.read(data["spending"]),
        )


@dataclass(frozen=True, slots=True)
class Plans:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[PlanSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Plans:
        return cls(
            nodes=[PlanSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class PlansUsing:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[PlanSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlansUsing:
        return cls(
            nodes=[PlanSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class ProjectPolicy:
    """A project: everything that belongs together, with one event log."""

    policy: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ProjectPolicy:
        return cls(
            policy=data["policy"],
        )


@dataclass(frozen=True, slots=True)
class ProjectSpending:
    """A project: everything that belongs together, with one event log."""

    id: str
    spending: Spending | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ProjectSpending:
        return cls(
            id=data["id"],
            spending=None if data["spending"] is None else Spending.read(data["spending"]),
        )


@dataclass(frozen=True, slots=True)
class Projects:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[Project]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Projects:
        return cls(
            nodes=[Project.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a project's log: about one entity."""

    cursor: str
    seq: int
    event_id: str
    family: EventFamily
    type: str
    op: EventOp
    timestamp: str
    actor: str
    command_id: str | None
    entity_type: str
    entity_id: str
    plan_id: str | None
    revision: int | None
    from_status: str | None
    to_status: str | None
    changes: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Event:
        return cls(
            cursor=data["cursor"],
            seq=data["seq"],
            event_id=data["eventId"],
            family=data["family"],
            type=data["type"],
            op=data["op"],
            timestamp=data["timestamp"],
            actor=data["actor"],
            command_id=data["commandId"],
            entity_type=data["entityType"],
            entity_id=data["entityId"],
            plan_id=data["planId"],
            revision=data["revision"],
            from_status=data["fromStatus"],
            to_status=data["toStatus"],
            changes=data["changes"],
        )


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of a project's log."""

    events: list[Event]
    cursor: str
    head: str
    has_next_page: bool

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> EventPage:
        return cls(
            events=[Event.read(item) for item in data["events"]],
            cursor=data["cursor"],
            head=data["head"],
            has_next_page=data["hasNextPage"],
        )


@dataclass(frozen=True, slots=True)
class EventPayload:
    """EventPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    event: Event

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> EventPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            event=Event.read(data["event"]),
        )


@dataclass(frozen=True, slots=True)
class RefreshDependentPayload:
    """RefreshDependentPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    dependent_id: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RefreshDependentPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            dependent_id=data["dependentId"],
        )


@dataclass(frozen=True, slots=True)
class ReleaseTurnReleaseTurnPayload:
    """ReleaseTurnReleaseTurnPayload as the API tells it."""

    id: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ReleaseTurnReleaseTurnPayload:
        return cls(
            id=data["id"],
        )


@dataclass(frozen=True, slots=True)
class FileUpdatePayload:
    """FileUpdatePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    drifted: bool
    resource: TrackedResourceSummary | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> FileUpdatePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            drifted=data["drifted"],
            resource=None if data["resource"] is None else TrackedResourceSummary.read(data["resource"]),
        )


@dataclass(frozen=True, slots=True)
class RerunPayload:
    """RerunPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    reused: int
    plan: PlanSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RerunPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            reused=data["reused"],
            plan=PlanSummary.read(data["plan"]),
        )


@dataclass(frozen=True, slots=True)
class ResourceSharesShares:
    """What one request holds of a pool, or waits for."""

    allocation_id: str
    amount: float
    state: str
    holder: str
    priority: int
    asked_at: str | None
    granted_at: str | None
    lease_until: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ResourceSharesShares:
        return cls(
            allocation_id=data["allocationId"],
            amount=data["amount"],
            state=data["state"],
            holder=data["holder"],
            priority=data["priority"],
            asked_at=data["askedAt"],
            granted_at=data["grantedAt"],
            lease_until=data["leaseUntil"],
        )


@dataclass(frozen=True, slots=True)
class ResourceShares:
    """A limited resource of the installation; what is used is counted from what lives now."""

    name: str
    capacity: float
    limit: float
    used: float
    free: float
    wanted: float
    allocations: int
    waiting: int
    utilization: float
    max_utilization: float
    strategy: AllocationStrategy
    shares: list[ResourceSharesShares]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ResourceShares:
        return cls(
            name=data["name"],
            capacity=data["capacity"],
            limit=data["limit"],
            used=data["used"],
            free=data["free"],
            wanted=data["wanted"],
            allocations=data["allocations"],
            waiting=data["waiting"],
            utilization=data["utilization"],
            max_utilization=data["maxUtilization"],
            strategy=data["strategy"],
            shares=[ResourceSharesShares.read(item) for item in data["shares"]],
        )


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """A saved state of a project, or of one plan, that can be gone back to."""

    uuid: str
    plan_id: str | None
    seq: int
    reason: str
    actor: str
    taken_at: str | None
    restored_at: str | None
    restores: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SnapshotSummary:
        return cls(
            uuid=data["uuid"],
            plan_id=data["planId"],
            seq=data["seq"],
            reason=data["reason"],
            actor=data["actor"],
            taken_at=data["takenAt"],
            restored_at=data["restoredAt"],
            restores=data["restores"],
        )


@dataclass(frozen=True, slots=True)
class RestorePayload:
    """RestorePayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    restored: int
    snapshot: SnapshotSummary
    before: SnapshotSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RestorePayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            restored=data["restored"],
            snapshot=SnapshotSummary.read(data["snapshot"]),
            before=SnapshotSummary.read(data["before"]),
        )


@dataclass(frozen=True, slots=True)
class RoleNamesNodes:
    """A role: a name with its capabilities."""

    id: str
    uuid: str
    name: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RoleNamesNodes:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            name=data["name"],
        )


@dataclass(frozen=True, slots=True)
class RoleNamesPageInfo:
    """Where a page begins and ends."""

    has_next_page: bool
    end_cursor: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RoleNamesPageInfo:
        return cls(
            has_next_page=data["hasNextPage"],
            end_cursor=data["endCursor"],
        )


@dataclass(frozen=True, slots=True)
class RoleNames:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[RoleNamesNodes]
    page_info: RoleNamesPageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> RoleNames:
        return cls(
            nodes=[RoleNamesNodes.read(item) for item in data["nodes"]],
            page_info=RoleNamesPageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """What a question was answered: rows of values in the order of the columns."""

    columns: list[str]
    rows: Any
    truncated: bool
    took_ms: float

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SavedAnswer:
        return cls(
            columns=data["columns"],
            rows=data["rows"],
            truncated=data["truncated"],
            took_ms=data["tookMs"],
        )


@dataclass(frozen=True, slots=True)
class SavedQuestionsParameters:
    """A parameter of a saved question."""

    name: str
    description: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SavedQuestionsParameters:
        return cls(
            name=data["name"],
            description=data["description"],
        )


@dataclass(frozen=True, slots=True)
class SavedQuestions:
    """A question that ships with the platform."""

    name: str
    title: str
    text: str
    of_project: bool
    parameters: list[SavedQuestionsParameters]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SavedQuestions:
        return cls(
            name=data["name"],
            title=data["title"],
            text=data["text"],
            of_project=data["ofProject"],
            parameters=[SavedQuestionsParameters.read(item) for item in data["parameters"]],
        )


@dataclass(frozen=True, slots=True)
class SessionParticipants:
    """Somebody who takes turns in a session, in the order of turns."""

    participant_id: str
    kind: str
    role: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SessionParticipants:
        return cls(
            participant_id=data["participantId"],
            kind=data["kind"],
            role=data["role"],
        )


@dataclass(frozen=True, slots=True)
class SessionTurn:
    """A turn: a step that a participant was asked to do."""

    turn_id: str
    number: int
    participant_id: str
    agent: str | None
    step_key: str
    status: StepStatus
    executed_by: str | None
    started_at: str | None
    finished_at: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SessionTurn:
        return cls(
            turn_id=data["turnId"],
            number=data["number"],
            participant_id=data["participantId"],
            agent=data["agent"],
            step_key=data["stepKey"],
            status=data["status"],
            executed_by=data["executedBy"],
            started_at=data["startedAt"],
            finished_at=data["finishedAt"],
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A session: the participants of a collab take the steps of a plan as turns."""

    collab_id: str
    uuid: str
    title: str
    mode: CollabMode
    state: SessionState
    number: int
    reason: str | None
    plan_id: str | None
    plan_status: PlanStatus | None
    plan_paused: bool
    turn_count: int
    metadata: Any
    participants: list[SessionParticipants]
    turns: list[SessionTurn]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Session:
        return cls(
            collab_id=data["collabId"],
            uuid=data["uuid"],
            title=data["title"],
            mode=data["mode"],
            state=data["state"],
            number=data["number"],
            reason=data["reason"],
            plan_id=data["planId"],
            plan_status=data["planStatus"],
            plan_paused=data["planPaused"],
            turn_count=data["turnCount"],
            metadata=data["metadata"],
            participants=[SessionParticipants.read(item) for item in data["participants"]],
            turns=[SessionTurn.read(item) for item in data["turns"]],
        )


@dataclass(frozen=True, slots=True)
class SessionProfileEvents:
    """A session: the participants of a collab take the steps of a plan as turns."""

    profile_events: list[Any]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SessionProfileEvents:
        return cls(
            profile_events=data["profileEvents"],
        )


@dataclass(frozen=True, slots=True)
class BudgetPayload:
    """BudgetPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    spending: Spending | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> BudgetPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            spending=None if data["spending"] is None else Spending.read(data["spending"]),
        )


@dataclass(frozen=True, slots=True)
class KillSwitchPayload:
    """KillSwitchPayload as the API tells it."""

    changed: bool
    seq: int | None
    switches: list[KillSwitchSummary]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> KillSwitchPayload:
        return cls(
            changed=data["changed"],
            seq=data["seq"],
            switches=[KillSwitchSummary.read(item) for item in data["switches"]],
        )


@dataclass(frozen=True, slots=True)
class ProjectPolicyPayload:
    """ProjectPolicyPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    policy: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ProjectPolicyPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            policy=data["policy"],
        )


@dataclass(frozen=True, slots=True)
class SnapshotPolicyPayload:
    """SnapshotPolicyPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    before_start: bool

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SnapshotPolicyPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            before_start=data["beforeStart"],
        )


@dataclass(frozen=True, slots=True)
class SessionPayloadSession:
    """A session: the participants of a collab take the steps of a plan as turns."""

    uuid: str
    state: SessionState
    number: int
    turn_count: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SessionPayloadSession:
        return cls(
            uuid=data["uuid"],
            state=data["state"],
            number=data["number"],
            turn_count=data["turnCount"],
        )


@dataclass(frozen=True, slots=True)
class SessionPayload:
    """SessionPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    session: SessionPayloadSession

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SessionPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            session=SessionPayloadSession.read(data["session"]),
        )


@dataclass(frozen=True, slots=True)
class StepFactsDependencies:
    """A step: one action of a plan."""

    id: str
    key: str
    status: StepStatus

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepFactsDependencies:
        return cls(
            id=data["id"],
            key=data["key"],
            status=data["status"],
        )


@dataclass(frozen=True, slots=True)
class StepFacts:
    """A step: one action of a plan."""

    id: str
    uuid: str
    key: str
    type: StepType
    capability: str | None
    description: str
    status: StepStatus
    ready: bool
    parked: str | None
    due_at: str | None
    position: int
    attempt: int
    waits_for: int
    skip_reason: str | None
    error: Any | None
    started_at: str | None
    finished_at: str | None
    condition: str | None
    join: JoinMode
    approval: Any | None
    plan_id: str
    dependencies: list[StepFactsDependencies]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepFacts:
        return cls(
            id=data["id"],
            uuid=data["uuid"],
            key=data["key"],
            type=data["type"],
            capability=data["capability"],
            description=data["description"],
            status=data["status"],
            ready=data["ready"],
            parked=data["parked"],
            due_at=data["dueAt"],
            position=data["position"],
            attempt=data["attempt"],
            waits_for=data["waitsFor"],
            skip_reason=data["skipReason"],
            error=data["error"],
            started_at=data["startedAt"],
            finished_at=data["finishedAt"],
            condition=data["condition"],
            join=data["join"],
            approval=data["approval"],
            plan_id=data["planId"],
            dependencies=[StepFactsDependencies.read(item) for item in data["dependencies"]],
        )


@dataclass(frozen=True, slots=True)
class StepOutput:
    """A step: one action of a plan."""

    key: str
    status: StepStatus
    output: Any | None
    error: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepOutput:
        return cls(
            key=data["key"],
            status=data["status"],
            output=data["output"],
            error=data["error"],
        )


@dataclass(frozen=True, slots=True)
class StepResultsNodes:
    """A step: one action of a plan."""

    id: str
    key: str
    status: StepStatus
    skip_reason: str | None
    output: Any | None
    error: Any | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepResultsNodes:
        return cls(
            id=data["id"],
            key=data["key"],
            status=data["status"],
            skip_reason=data["skipReason"],
            output=data["output"],
            error=data["error"],
        )


@dataclass(frozen=True, slots=True)
class StepResults:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[StepResultsNodes]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepResults:
        return cls(
            nodes=[StepResultsNodes.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class Steps:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[StepSummary]
    page_info: PageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Steps:
        return cls(
            nodes=[StepSummary.read(item) for item in data["nodes"]],
            page_info=PageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class ComponentSummary:
    """One part of the platform: a module, `database` or `orchestrators`."""

    component: str
    status: HealthState
    details: Any
    response_time_ms: float
    checked_at: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ComponentSummary:
        return cls(
            component=data["component"],
            status=data["status"],
            details=data["details"],
            response_time_ms=data["responseTimeMs"],
            checked_at=data["checkedAt"],
        )


@dataclass(frozen=True, slots=True)
class SystemHealth:
    """The platform: as bad as the worst of its parts; without one module it is degraded."""

    status: HealthState
    problems: list[str]
    checked_at: str | None
    components: list[ComponentSummary]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SystemHealth:
        return cls(
            status=data["status"],
            problems=data["problems"],
            checked_at=data["checkedAt"],
            components=[ComponentSummary.read(item) for item in data["components"]],
        )


@dataclass(frozen=True, slots=True)
class SystemMetricsModulePerformance:
    """What a module did since it was started, over all processes."""

    module: str
    operations: int
    failures: int
    average_duration_ms: float

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SystemMetricsModulePerformance:
        return cls(
            module=data["module"],
            operations=data["operations"],
            failures=data["failures"],
            average_duration_ms=data["averageDurationMs"],
        )


@dataclass(frozen=True, slots=True)
class SystemMetrics:
    """A workflow is a plan; of one project where one was named."""

    active_workflows: int
    completed_workflows: int
    failed_workflows: int
    cancelled_workflows: int
    average_workflow_duration: float
    cpu_usage: float
    memory_usage: float
    network_latency: float
    storage_usage: int
    failed_steps: int
    claim_lag_ms: float
    collected_at: str | None
    module_health: list[ComponentSummary]
    module_performance: list[SystemMetricsModulePerformance]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SystemMetrics:
        return cls(
            active_workflows=data["activeWorkflows"],
            completed_workflows=data["completedWorkflows"],
            failed_workflows=data["failedWorkflows"],
            cancelled_workflows=data["cancelledWorkflows"],
            average_workflow_duration=data["averageWorkflowDuration"],
            cpu_usage=data["cpuUsage"],
            memory_usage=data["memoryUsage"],
            network_latency=data["networkLatency"],
            storage_usage=data["storageUsage"],
            failed_steps=data["failedSteps"],
            claim_lag_ms=data["claimLagMs"],
            collected_at=data["collectedAt"],
            module_health=[ComponentSummary.read(item) for item in data["moduleHealth"]],
            module_performance=[SystemMetricsModulePerformance.read(item) for item in data["modulePerformance"]],
        )


@dataclass(frozen=True, slots=True)
class SystemOverview:
    """All that runs, in one look. Lists are of plain objects, for people."""

    plans: list[Any]
    sessions: list[Any]
    modules: list[Any]
    agents: list[Any]
    resources: list[Any]
    counts: Any
    missing: Any
    alerts: list[AlertSummary]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SystemOverview:
        return cls(
            plans=data["plans"],
            sessions=data["sessions"],
            modules=data["modules"],
            agents=data["agents"],
            resources=data["resources"],
            counts=data["counts"],
            missing=data["missing"],
            alerts=[AlertSummary.read(item) for item in data["alerts"]],
        )


@dataclass(frozen=True, slots=True)
class SnapshotPayload:
    """SnapshotPayload as the API tells it."""

    command_id: str
    seq: int
    replayed: bool
    snapshot: SnapshotSummary

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> SnapshotPayload:
        return cls(
            command_id=data["commandId"],
            seq=data["seq"],
            replayed=data["replayed"],
            snapshot=SnapshotSummary.read(data["snapshot"]),
        )


@dataclass(frozen=True, slots=True)
class TrackedResourcesPageInfo:
    """Where a page begins and ends."""

    has_next_page: bool
    end_cursor: str | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TrackedResourcesPageInfo:
        return cls(
            has_next_page=data["hasNextPage"],
            end_cursor=data["endCursor"],
        )


@dataclass(frozen=True, slots=True)
class TrackedResources:
    """One page of a list; go on with `after: pageInfo.endCursor`."""

    nodes: list[TrackedResourceSummary]
    page_info: TrackedResourcesPageInfo

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TrackedResources:
        return cls(
            nodes=[TrackedResourceSummary.read(item) for item in data["nodes"]],
            page_info=TrackedResourcesPageInfo.read(data["pageInfo"]),
        )


@dataclass(frozen=True, slots=True)
class ValueKeys:
    """A page of the keys that have values; go on with `after: cursor`."""

    keys: list[str]
    cursor: str | None
    has_next_page: bool

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ValueKeys:
        return cls(
            keys=data["keys"],
            cursor=data["cursor"],
            has_next_page=data["hasNextPage"],
        )


@dataclass(frozen=True, slots=True)
class WatchAlertsAlertBatch:
    """Alerts that changed, each as it is now."""

    cursor: str
    alerts: list[AlertSummary]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> WatchAlertsAlertBatch:
        return cls(
            cursor=data["cursor"],
            alerts=[AlertSummary.read(item) for item in data["alerts"]],
        )


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing new; the connection and the cursor are alive."""

    cursor: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Heartbeat:
        return cls(
            cursor=data["cursor"],
        )


@dataclass(frozen=True, slots=True)
class Closing:
    """The server ends this subscription; connect again and resume with the cursor."""

    cursor: str
    reason: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Closing:
        return cls(
            cursor=data["cursor"],
            reason=data["reason"],
        )


@dataclass(frozen=True, slots=True)
class EventBatch:
    """New events, in order, without gaps or repeats."""

    events: list[Event]
    cursor: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> EventBatch:
        return cls(
            events=[Event.read(item) for item in data["events"]],
            cursor=data["cursor"],
        )


@dataclass(frozen=True, slots=True)
class StepCounts:
    """How many steps of a plan are in which status."""

    total: int
    pending: int
    in_progress: int
    completed: int
    blocked: int
    skipped: int
    failed: int

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> StepCounts:
        return cls(
            total=data["total"],
            pending=data["pending"],
            in_progress=data["inProgress"],
            completed=data["completed"],
            blocked=data["blocked"],
            skipped=data["skipped"],
            failed=data["failed"],
        )


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """Where a plan stands, and the steps that changed since the cursor before."""

    status: PlanStatus
    paused: bool
    counts: StepCounts
    changed_steps: list[StepSummary]
    truncated: bool
    finished: bool
    cursor: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PlanProgress:
        return cls(
            status=data["status"],
            paused=data["paused"],
            counts=StepCounts.read(data["counts"]),
            changed_steps=[StepSummary.read(item) for item in data["changedSteps"]],
            truncated=data["truncated"],
            finished=data["finished"],
            cursor=data["cursor"],
        )


@dataclass(frozen=True, slots=True)
class WorkflowStages:
    """What came of one stage."""

    stage_id: str
    status: str
    output: Any | None
    error: Any | None
    reason: str | None
    attempts: int
    duration: int | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> WorkflowStages:
        return cls(
            stage_id=data["stageId"],
            status=data["status"],
            output=data["output"],
            error=data["error"],
            reason=data["reason"],
            attempts=data["attempts"],
            duration=data["duration"],
        )


@dataclass(frozen=True, slots=True)
class Workflow:
    """An execution of a workflow, which is a plan of the graph."""

    execution_id: str
    plan_id: str
    workflow_id: str
    workflow_name: str
    correlation_id: str
    status: WorkflowRunStatus
    timeout: int
    duration: int | None
    stages_total: int
    stages_done: int
    created_at: str
    started_at: str | None
    completed_at: str | None
    error: Any | None
    stages: list[WorkflowStages] | None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Workflow:
        return cls(
            execution_id=data["executionId"],
            plan_id=data["planId"],
            workflow_id=data["workflowId"],
            workflow_name=data["workflowName"],
            correlation_id=data["correlationId"],
            status=data["status"],
            timeout=data["timeout"],
            duration=data["duration"],
            stages_total=data["stagesTotal"],
            stages_done=data["stagesDone"],
            created_at=data["createdAt"],
            started_at=data["startedAt"],
            completed_at=data["completedAt"],
            error=data["error"],
            stages=None if data["stages"] is None else [WorkflowStages.read(item) for item in data["stages"]],
        )


_ACKNOWLEDGE_ALERT_MEMBERS: dict[str, Reader[AcknowledgeAlertAlertPayload]] = {
    "AlertPayload": AcknowledgeAlertAlertPayload.read,
}
_ADD_DEPENDENCY_MEMBERS: dict[str, Reader[StepPayload]] = {
    "StepPayload": StepPayload.read,
}
_ADD_MESSAGE_MEMBERS: dict[str, Reader[MessagePayload]] = {
    "MessagePayload": MessagePayload.read,
}
_ADD_NETWORK_NODE_MEMBERS: dict[str, Reader[NetworkNodePayload]] = {
    "NetworkNodePayload": NetworkNodePayload.read,
}
_ADD_PARTICIPANT_MEMBERS: dict[str, Reader[ParticipantPayload]] = {
    "ParticipantPayload": ParticipantPayload.read,
}
_ADD_STEP_MEMBERS: dict[str, Reader[StepPayload]] = {
    "StepPayload": StepPayload.read,
}
_APPROVE_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_CANCEL_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_CANCEL_WORKFLOW_MEMBERS: dict[str, Reader[WorkflowPayload]] = {
    "WorkflowPayload": WorkflowPayload.read,
}
_CLAIM_TURN_MEMBERS: dict[str, Reader[ClaimTurnClaimTurnPayload]] = {
    "ClaimTurnPayload": ClaimTurnClaimTurnPayload.read,
}
_COMPENSATE_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_COMPLETE_TURN_MEMBERS: dict[str, Reader[CompleteTurnCompleteTurnPayload]] = {
    "CompleteTurnPayload": CompleteTurnCompleteTurnPayload.read,
}
_CONFIGURE_HEALTH_ALERTS_MEMBERS: dict[str, Reader[ConfigureHealthAlertsAlertRulesPayload]] = {
    "AlertRulesPayload": ConfigureHealthAlertsAlertRulesPayload.read,
}
_CREATE_COLLAB_MEMBERS: dict[str, Reader[CollabPayload]] = {
    "CollabPayload": CollabPayload.read,
}
_CREATE_CONFIRM_MEMBERS: dict[str, Reader[ConfirmPayload]] = {
    "ConfirmPayload": ConfirmPayload.read,
}
_CREATE_CONTEXT_MEMBERS: dict[str, Reader[ContextPayload]] = {
    "ContextPayload": ContextPayload.read,
}
_CREATE_CORE_MEMBERS: dict[str, Reader[CorePayload]] = {
    "CorePayload": CorePayload.read,
}
_CREATE_DIALOG_MEMBERS: dict[str, Reader[DialogPayload]] = {
    "DialogPayload": DialogPayload.read,
}
_CREATE_EXTENSION_MEMBERS: dict[str, Reader[ExtensionPayload]] = {
    "ExtensionPayload": ExtensionPayload.read,
}
_CREATE_NETWORK_MEMBERS: dict[str, Reader[NetworkPayload]] = {
    "NetworkPayload": NetworkPayload.read,
}
_CREATE_PLAN_MEMBERS: dict[str, Reader[CreatePlanPayload]] = {
    "CreatePlanPayload": CreatePlanPayload.read,
}
_CREATE_PLAN_FROM_TEXT_MEMBERS: dict[str, Reader[CreatePlanPayload]] = {
    "CreatePlanPayload": CreatePlanPayload.read,
}
_CREATE_PROJECT_MEMBERS: dict[str, Reader[ProjectPayload]] = {
    "ProjectPayload": ProjectPayload.read,
}
_CREATE_ROLE_MEMBERS: dict[str, Reader[RolePayload]] = {
    "RolePayload": RolePayload.read,
}
_CREATE_TRACE_MEMBERS: dict[str, Reader[TracePayload]] = {
    "TracePayload": TracePayload.read,
}
_DECIDE_CONFIRM_MEMBERS: dict[str, Reader[ConfirmPayload]] = {
    "ConfirmPayload": ConfirmPayload.read,
}
_DEFINE_RESOURCE_POOL_MEMBERS: dict[str, Reader[DefineResourcePoolResourcePoolPayload]] = {
    "ResourcePoolPayload": DefineResourcePoolResourcePoolPayload.read,
}
_DELEGATE_APPROVAL_MEMBERS: dict[str, Reader[ConfirmPayload]] = {
    "ConfirmPayload": ConfirmPayload.read,
}
_DELETE_NODE_MEMBERS: dict[str, Reader[DeletePayload]] = {
    "DeletePayload": DeletePayload.read,
}
_DELETE_VALUE_MEMBERS: dict[str, Reader[ValuePayload]] = {
    "ValuePayload": ValuePayload.read,
}
_DEPEND_ON_RESOURCE_MEMBERS: dict[str, Reader[ResourcePayload]] = {
    "ResourcePayload": ResourcePayload.read,
}
_EXECUTE_WORKFLOW_MEMBERS: dict[str, Reader[WorkflowPayload]] = {
    "WorkflowPayload": WorkflowPayload.read,
}
_EXPECT_CONTENT_MEMBERS: dict[str, Reader[ResourcePayload]] = {
    "ResourcePayload": ResourcePayload.read,
}
_HEARTBEAT_TURN_MEMBERS: dict[str, Reader[HeartbeatTurnHeartbeatTurnPayload]] = {
    "HeartbeatTurnPayload": HeartbeatTurnHeartbeatTurnPayload.read,
}
_IMPORT_DOCUMENTS_MEMBERS: dict[str, Reader[ImportPayload]] = {
    "ImportPayload": ImportPayload.read,
}
_PAUSE_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_PAUSE_WORKFLOW_MEMBERS: dict[str, Reader[WorkflowPayload]] = {
    "WorkflowPayload": WorkflowPayload.read,
}
_PROPOSE_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_READ_EVENTS_MEMBERS: dict[str, Reader[EventPage]] = {
    "EventPage": EventPage.read,
}
_RECORD_EVENT_MEMBERS: dict[str, Reader[EventPayload]] = {
    "EventPayload": EventPayload.read,
}
_REFRESH_DEPENDENT_MEMBERS: dict[str, Reader[RefreshDependentPayload]] = {
    "RefreshDependentPayload": RefreshDependentPayload.read,
}
_RELEASE_TURN_MEMBERS: dict[str, Reader[ReleaseTurnReleaseTurnPayload]] = {
    "ReleaseTurnPayload": ReleaseTurnReleaseTurnPayload.read,
}
_REMOVE_DEPENDENCY_MEMBERS: dict[str, Reader[StepPayload]] = {
    "StepPayload": StepPayload.read,
}
_REPORT_FILE_UPDATE_MEMBERS: dict[str, Reader[FileUpdatePayload]] = {
    "FileUpdatePayload": FileUpdatePayload.read,
}
_RERUN_PLAN_MEMBERS: dict[str, Reader[RerunPayload]] = {
    "RerunPayload": RerunPayload.read,
}
_RESTORE_SNAPSHOT_MEMBERS: dict[str, Reader[RestorePayload]] = {
    "RestorePayload": RestorePayload.read,
}
_RESUME_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_RESUME_WORKFLOW_MEMBERS: dict[str, Reader[WorkflowPayload]] = {
    "WorkflowPayload": WorkflowPayload.read,
}
_REVISE_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_SET_BUDGET_MEMBERS: dict[str, Reader[BudgetPayload]] = {
    "BudgetPayload": BudgetPayload.read,
}
_SET_KILL_SWITCH_MEMBERS: dict[str, Reader[KillSwitchPayload]] = {
    "KillSwitchPayload": KillSwitchPayload.read,
}
_SET_PROJECT_POLICY_MEMBERS: dict[str, Reader[ProjectPolicyPayload]] = {
    "ProjectPolicyPayload": ProjectPolicyPayload.read,
}
_SET_SNAPSHOT_POLICY_MEMBERS: dict[str, Reader[SnapshotPolicyPayload]] = {
    "SnapshotPolicyPayload": SnapshotPolicyPayload.read,
}
_SET_VALUE_MEMBERS: dict[str, Reader[ValuePayload]] = {
    "ValuePayload": ValuePayload.read,
}
_START_PLAN_MEMBERS: dict[str, Reader[PlanPayload]] = {
    "PlanPayload": PlanPayload.read,
}
_START_SESSION_MEMBERS: dict[str, Reader[SessionPayload]] = {
    "SessionPayload": SessionPayload.read,
}
_TAKE_SNAPSHOT_MEMBERS: dict[str, Reader[SnapshotPayload]] = {
    "SnapshotPayload": SnapshotPayload.read,
}
_TRACK_RESOURCE_MEMBERS: dict[str, Reader[ResourcePayload]] = {
    "ResourcePayload": ResourcePayload.read,
}
_TRANSITION_COLLAB_MEMBERS: dict[str, Reader[CollabPayload]] = {
    "CollabPayload": CollabPayload.read,
}
_TRANSITION_CONTEXT_MEMBERS: dict[str, Reader[ContextPayload]] = {
    "ContextPayload": ContextPayload.read,
}
_TRANSITION_CORE_MEMBERS: dict[str, Reader[CorePayload]] = {
    "CorePayload": CorePayload.read,
}
_TRANSITION_DIALOG_MEMBERS: dict[str, Reader[DialogPayload]] = {
    "DialogPayload": DialogPayload.read,
}
_TRANSITION_EXTENSION_MEMBERS: dict[str, Reader[ExtensionPayload]] = {
    "ExtensionPayload": ExtensionPayload.read,
}
_TRANSITION_NETWORK_MEMBERS: dict[str, Reader[NetworkPayload]] = {
    "NetworkPayload": NetworkPayload.read,
}
_TRANSITION_NETWORK_NODE_MEMBERS: dict[str, Reader[NetworkNodePayload]] = {
    "NetworkNodePayload": NetworkNodePayload.read,
}
_UNTRACK_RESOURCE_MEMBERS: dict[str, Reader[ResourcePayload]] = {
    "ResourcePayload": ResourcePayload.read,
}
_UPDATE_COLLAB_MEMBERS: dict[str, Reader[CollabPayload]] = {
    "CollabPayload": CollabPayload.read,
}
_UPDATE_CORE_MEMBERS: dict[str, Reader[CorePayload]] = {
    "CorePayload": CorePayload.read,
}
_UPDATE_DIALOG_MEMBERS: dict[str, Reader[DialogPayload]] = {
    "DialogPayload": DialogPayload.read,
}
_UPDATE_EXTENSION_MEMBERS: dict[str, Reader[ExtensionPayload]] = {
    "ExtensionPayload": ExtensionPayload.read,
}
_UPDATE_NETWORK_MEMBERS: dict[str, Reader[NetworkPayload]] = {
    "NetworkPayload": NetworkPayload.read,
}
_WATCH_ALERTS_MEMBERS: dict[str, Reader[WatchAlertsAlertBatch | Heartbeat | Closing]] = {
    "AlertBatch": WatchAlertsAlertBatch.read,
    "Heartbeat": Heartbeat.read,
    "Closing": Closing.read,
}
_WATCH_EVENTS_MEMBERS: dict[str, Reader[EventBatch | Heartbeat | Closing]] = {
    "EventBatch": EventBatch.read,
    "Heartbeat": Heartbeat.read,
    "Closing": Closing.read,
}
_WATCH_PLAN_MEMBERS: dict[str, Reader[PlanProgress | Heartbeat | Closing]] = {
    "PlanProgress": PlanProgress.read,
    "Heartbeat": Heartbeat.read,
    "Closing": Closing.read,
}

_ACKNOWLEDGE_ALERT = """\
mutation AcknowledgeAlert($input: AcknowledgeAlertInput!) {
  acknowledgeAlert(input: $input) {
    __typename
    ... on AlertPayload {
      alert {
        ...AlertSummary
      }
    }
    ...Failure
  }
}

fragment AlertSummary on Alert {
  id
  name
  status
  severity
  message
  rule
  projectId
  source
  times
  seq
  startedAt
  changedAt
  resolvedAt
  acknowledgedAt
  acknowledgedBy
  deliveries {
    url
    event
    status
    attempts
    error
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_ADD_DEPENDENCY = """\
mutation AddDependency($input: DependencyInput!) {
  addDependency(input: $input) {
    __typename
    ...StepPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment StepPayload on StepPayload {
  commandId
  seq
  replayed
  step {
    ...StepSummary
  }
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_ADD_MESSAGE = """\
mutation AddMessage($input: AddMessageInput!) {
  addMessage(input: $input) {
    __typename
    ...MessagePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment MessagePayload on MessagePayload {
  commandId
  seq
  replayed
  dialogMessage {
    ...MessageSummary
  }
}

fragment MessageSummary on Message {
  id
  role
  content
  timestamp
  position
  event
}
"""

_ADD_NETWORK_NODE = """\
mutation AddNetworkNode($input: AddNetworkNodeInput!) {
  addNetworkNode(input: $input) {
    __typename
    ...NetworkNodePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment NetworkNodePayload on NetworkNodePayload {
  commandId
  seq
  replayed
  node {
    ...NetworkNodeSummary
  }
}

fragment NetworkNodeSummary on NetworkNode {
  id
  uuid
  name
  kind
  status
  roleId
  position
}
"""

_ADD_PARTICIPANT = """\
mutation AddParticipant($input: AddParticipantInput!) {
  addParticipant(input: $input) {
    __typename
    ...ParticipantPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment ParticipantPayload on ParticipantPayload {
  commandId
  seq
  replayed
  participant {
    ...ParticipantSummary
  }
}

fragment ParticipantSummary on Participant {
  id
  participantId
  kind
  displayName
  roleId
  position
}
"""

_ADD_STEP = """\
mutation AddStep($input: AddStepInput!) {
  addStep(input: $input) {
    __typename
    ...StepPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment StepPayload on StepPayload {
  commandId
  seq
  replayed
  step {
    ...StepSummary
  }
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_ALERT_RULES = """\
query AlertRules($projectId: ID) {
  alertRules(projectId: $projectId) {
    ...AlertRuleSummary
  }
}

fragment AlertRuleSummary on AlertRule {
  id
  condition
  severity
  forMs
  enabled
  projectId
  description
  definition
}
"""

_ALERTS = """\
query Alerts($projectId: ID, $status: AlertStatus, $first: Int! = 50, $before: Long) {
  alerts(projectId: $projectId, status: $status, first: $first, before: $before) {
    ...AlertSummary
  }
}

fragment AlertSummary on Alert {
  id
  name
  status
  severity
  message
  rule
  projectId
  source
  times
  seq
  startedAt
  changedAt
  resolvedAt
  acknowledgedAt
  acknowledgedBy
  deliveries {
    url
    event
    status
    attempts
    error
  }
}
"""

_APPROVE_PLAN = """\
mutation ApprovePlan($input: ApprovePlanInput!) {
  approvePlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_ASK_CYPHER = """\
query AskCypher($query: String!, $params: JSON, $limit: Int! = 1000) {
  cypher(query: $query, params: $params, limit: $limit) {
    columns
    rows
    truncated
    tookMs
  }
}
"""

_CANCEL_PLAN = """\
mutation CancelPlan($input: PlanCommandInput!) {
  cancelPlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_CANCEL_WORKFLOW = """\
mutation CancelWorkflow($input: WorkflowInput!) {
  cancelWorkflow(input: $input) {
    __typename
    ...WorkflowPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment WorkflowExecutionSummary on WorkflowExecution {
  executionId
  planId
  workflowId
  workflowName
  correlationId
  status
  timeout
  duration
  stagesTotal
  stagesDone
  createdAt
  startedAt
  completedAt
  error
}

fragment WorkflowPayload on WorkflowPayload {
  commandId
  seq
  replayed
  execution {
    ...WorkflowExecutionSummary
  }
}
"""

_CAPABILITIES = """\
query Capabilities($name: String, $type: CapabilityType, $first: Int! = 50, $after: String) {
  capabilities(name: $name, type: $type, first: $first, after: $after) {
    nodes {
      ...CapabilitySummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment CapabilitySummary on Capability {
  name
  version
  reference
  type
  description
  enabled
  source
  schemaHash
  inputSchema
  outputSchema
  offeredBy
  registeredAt
  changedAt
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_CLAIM_TURN = """\
mutation ClaimTurn($input: ClaimTurnInput!) {
  claimTurn(input: $input) {
    __typename
    ... on ClaimTurnPayload {
      turn {
        ...WorkerTurn
      }
    }
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment WorkerTurn on WorkerTurn {
  id
  projectId
  planId
  key
  agent
  worker
  fence
  attempt
  lost
  type
  name
  agentRole
  description
  params
  idempotencyKey
  planTitle
  objective
  leaseUntil
  leaseMs
  until
}
"""

_COLLAB = """\
query Collab($id: ID!) {
  collab(id: $id) {
    ...CollabSummary
  }
}

fragment CollabSummary on Collab {
  id
  uuid
  contextId
  title
  purpose
  mode
  status
  createdAt
  updatedAt
  revision
}
"""

_COLLAB_PARTICIPANTS = """\
query CollabParticipants($id: ID!, $first: Int! = 50, $after: String) {
  collab(id: $id) {
    participants(first: $first, after: $after) {
      nodes {
        ...ParticipantSummary
      }
      pageInfo {
        ...PageInfo
      }
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment ParticipantSummary on Participant {
  id
  participantId
  kind
  displayName
  roleId
  position
}
"""

_COLLABS = """\
query Collabs($projectId: ID!, $contextId: ID, $status: CollabStatus, $first: Int! = 50, $after: String) {
  collabs(
    projectId: $projectId
    contextId: $contextId
    status: $status
    first: $first
    after: $after
  ) {
    nodes {
      ...CollabSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment CollabSummary on Collab {
  id
  uuid
  contextId
  title
  purpose
  mode
  status
  createdAt
  updatedAt
  revision
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_COMPENSATE_PLAN = """\
mutation CompensatePlan($input: CompensatePlanInput!) {
  compensatePlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_COMPLETE_TURN = """\
mutation CompleteTurn($input: CompleteTurnInput!) {
  completeTurn(input: $input) {
    __typename
    ... on CompleteTurnPayload {
      commandId
      seq
      replayed
      id
    }
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CONFIGURE_HEALTH_ALERTS = """\
mutation ConfigureHealthAlerts($input: ConfigureHealthAlertsInput!) {
  configureHealthAlerts(input: $input) {
    __typename
    ... on AlertRulesPayload {
      rules {
        ...AlertRuleSummary
      }
    }
    ...Failure
  }
}

fragment AlertRuleSummary on AlertRule {
  id
  condition
  severity
  forMs
  enabled
  projectId
  description
  definition
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CONFIRM = """\
query Confirm($id: ID!) {
  confirm(id: $id) {
    ...ConfirmSummary
  }
}

fragment ConfirmSummary on Confirm {
  id
  uuid
  targetType
  status
  requestedByRole
  requestedAt
  reason
  planId
  stepId
  step {
    key
  }
  decisions {
    status
    decidedByRole
    decidedAt
    reason
    actor
  }
  approval {
    quorum
    approvals
    approvers
    roles
    proposedBy
    expiresAt
    voided
  }
}
"""

_CONFIRMS = """\
query Confirms($projectId: ID!, $status: ConfirmStatus, $first: Int! = 100, $after: String) {
  confirms(projectId: $projectId, status: $status, first: $first, after: $after) {
    nodes {
      ...ConfirmSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment ConfirmSummary on Confirm {
  id
  uuid
  targetType
  status
  requestedByRole
  requestedAt
  reason
  planId
  stepId
  step {
    key
  }
  decisions {
    status
    decidedByRole
    decidedAt
    reason
    actor
  }
  approval {
    quorum
    approvals
    approvers
    roles
    proposedBy
    expiresAt
    voided
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_CONTEXTS = """\
query Contexts($projectId: ID!, $status: ContextStatus, $first: Int! = 50, $after: String) {
  contexts(projectId: $projectId, status: $status, first: $first, after: $after) {
    nodes {
      ...ContextSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment ContextSummary on Context {
  id
  uuid
  title
  status
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_CORE = """\
query Core($id: ID!) {
  core(id: $id) {
    ...CoreSummary
  }
}

fragment CoreSummary on Core {
  id
  uuid
  protocolVersion
  status
  revision
  modules {
    moduleId
    version
    status
    required
    description
  }
}
"""

_CORES = """\
query Cores($projectId: ID!, $status: CoreStatus, $first: Int! = 50, $after: String) {
  cores(projectId: $projectId, status: $status, first: $first, after: $after) {
    nodes {
      ...CoreSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment CoreSummary on Core {
  id
  uuid
  protocolVersion
  status
  revision
  modules {
    moduleId
    version
    status
    required
    description
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_CREATE_COLLAB = """\
mutation CreateCollab($input: CreateCollabInput!) {
  createCollab(input: $input) {
    __typename
    ...CollabPayload
    ...Failure
  }
}

fragment CollabPayload on CollabPayload {
  commandId
  seq
  replayed
  collab {
    ...CollabSummary
  }
}

fragment CollabSummary on Collab {
  id
  uuid
  contextId
  title
  purpose
  mode
  status
  createdAt
  updatedAt
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CREATE_CONFIRM = """\
mutation CreateConfirm($input: CreateConfirmInput!) {
  createConfirm(input: $input) {
    __typename
    ...ConfirmPayload
    ...Failure
  }
}

fragment ConfirmPayload on ConfirmPayload {
  commandId
  seq
  replayed
  confirm {
    ...ConfirmSummary
  }
}

fragment ConfirmSummary on Confirm {
  id
  uuid
  targetType
  status
  requestedByRole
  requestedAt
  reason
  planId
  stepId
  step {
    key
  }
  decisions {
    status
    decidedByRole
    decidedAt
    reason
    actor
  }
  approval {
    quorum
    approvals
    approvers
    roles
    proposedBy
    expiresAt
    voided
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CREATE_CONTEXT = """\
mutation CreateContext($input: CreateContextInput!) {
  createContext(input: $input) {
    __typename
    ...ContextPayload
    ...Failure
  }
}

fragment ContextPayload on ContextPayload {
  commandId
  seq
  replayed
  context {
    ...ContextSummary
  }
}

fragment ContextSummary on Context {
  id
  uuid
  title
  status
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CREATE_CORE = """\
mutation CreateCore($input: CreateCoreInput!) {
  createCore(input: $input) {
    __typename
    ...CorePayload
    ...Failure
  }
}

fragment CorePayload on CorePayload {
  commandId
  seq
  replayed
  core {
    ...CoreSummary
  }
}

fragment CoreSummary on Core {
  id
  uuid
  protocolVersion
  status
  revision
  modules {
    moduleId
    version
    status
    required
    description
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CREATE_DIALOG = """\
mutation CreateDialog($input: CreateDialogInput!) {
  createDialog(input: $input) {
    __typename
    ...DialogPayload
    ...Failure
  }
}

fragment DialogPayload on DialogPayload {
  commandId
  seq
  replayed
  dialog {
    ...DialogSummary
  }
}

fragment DialogSummary on Dialog {
  id
  uuid
  contextId
  threadId
  status
  startedAt
  endedAt
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CREATE_EXTENSION = """\
mutation CreateExtension($input: CreateExtensionInput!) {
  createExtension(input: $input) {
    __typename
    ...ExtensionPayload
    ...Failure
  }
}

fragment ExtensionPayload on ExtensionPayload {
  commandId
  seq
  replayed
  extension {
    ...ExtensionSummary
  }
}

fragment ExtensionSummary on Extension {
  id
  uuid
  contextId
  name
  extensionType
  version
  status
  config
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_CREATE_NETWORK = """\
mutation CreateNetwork($input: CreateNetworkInput!) {
  createNetwork(input: $input) {
    __typename
    ...NetworkPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment NetworkPayload on NetworkPayload {
  commandId
  seq
  replayed
  network {
    ...NetworkSummary
  }
}

fragment NetworkSummary on Network {
  id
  uuid
  contextId
  name
  description
  topologyType
  status
  revision
}
"""

_CREATE_PLAN = """\
mutation CreatePlan($input: CreatePlanInput!) {
  createPlan(input: $input) {
    __typename
    ...CreatePlanPayload
    ...Failure
  }
}

fragment CreatePlanPayload on CreatePlanPayload {
  commandId
  seq
  replayed
  stepIds
  plan {
    ...PlanSummary
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_CREATE_PLAN_FROM_TEXT = """\
mutation CreatePlanFromText($input: CreatePlanFromTextInput!) {
  createPlanFromText(input: $input) {
    __typename
    ...CreatePlanPayload
    ...Failure
  }
}

fragment CreatePlanPayload on CreatePlanPayload {
  commandId
  seq
  replayed
  stepIds
  plan {
    ...PlanSummary
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_CREATE_PROJECT = """\
mutation CreateProject($input: CreateProjectInput!) {
  createProject(input: $input) {
    __typename
    ...ProjectPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment Project on Project {
  id
  uuid
  name
  description
}

fragment ProjectPayload on ProjectPayload {
  commandId
  seq
  replayed
  project {
    ...Project
  }
}
"""

_CREATE_ROLE = """\
mutation CreateRole($input: CreateRoleInput!) {
  createRole(input: $input) {
    __typename
    ...RolePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment RolePayload on RolePayload {
  commandId
  seq
  replayed
  role {
    id
    uuid
    name
  }
}
"""

_CREATE_TRACE = """\
mutation CreateTrace($input: CreateTraceInput!) {
  createTrace(input: $input) {
    __typename
    ...TracePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment TracePayload on TracePayload {
  commandId
  seq
  replayed
  trace {
    id
    uuid
    status
  }
}
"""

_DECIDE_CONFIRM = """\
mutation DecideConfirm($input: DecideConfirmInput!) {
  decideConfirm(input: $input) {
    __typename
    ...ConfirmPayload
    ...Failure
  }
}

fragment ConfirmPayload on ConfirmPayload {
  commandId
  seq
  replayed
  confirm {
    ...ConfirmSummary
  }
}

fragment ConfirmSummary on Confirm {
  id
  uuid
  targetType
  status
  requestedByRole
  requestedAt
  reason
  planId
  stepId
  step {
    key
  }
  decisions {
    status
    decidedByRole
    decidedAt
    reason
    actor
  }
  approval {
    quorum
    approvals
    approvers
    roles
    proposedBy
    expiresAt
    voided
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_DEFINE_RESOURCE_POOL = """\
mutation DefineResourcePool($input: DefineResourcePoolInput!) {
  defineResourcePool(input: $input) {
    __typename
    ... on ResourcePoolPayload {
      pool {
        ...PoolSummary
      }
    }
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PoolSummary on ResourcePool {
  name
  capacity
  limit
  used
  free
  wanted
  allocations
  waiting
  utilization
  maxUtilization
  strategy
}
"""

_DELEGATE_APPROVAL = """\
mutation DelegateApproval($input: DelegateApprovalInput!) {
  delegateApproval(input: $input) {
    __typename
    ...ConfirmPayload
    ...Failure
  }
}

fragment ConfirmPayload on ConfirmPayload {
  commandId
  seq
  replayed
  confirm {
    ...ConfirmSummary
  }
}

fragment ConfirmSummary on Confirm {
  id
  uuid
  targetType
  status
  requestedByRole
  requestedAt
  reason
  planId
  stepId
  step {
    key
  }
  decisions {
    status
    decidedByRole
    decidedAt
    reason
    actor
  }
  approval {
    quorum
    approvals
    approvers
    roles
    proposedBy
    expiresAt
    voided
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_DELETE_NODE = """\
mutation DeleteNode($input: DeleteNodeInput!) {
  deleteNode(input: $input) {
    __typename
    ...DeletePayload
    ...Failure
  }
}

fragment DeletePayload on DeletePayload {
  commandId
  seq
  replayed
  id
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_DELETE_VALUE = """\
mutation DeleteValue($input: DeleteValueInput!) {
  deleteValue(input: $input) {
    __typename
    ...ValuePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment StoredValue on StoredValue {
  key
  value
  revision
}

fragment ValuePayload on ValuePayload {
  commandId
  replayed
  value {
    ...StoredValue
  }
}
"""

_DEPEND_ON_RESOURCE = """\
mutation DependOnResource($input: DependOnResourceInput!) {
  dependOnResource(input: $input) {
    __typename
    ...ResourcePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment ResourcePayload on ResourcePayload {
  commandId
  seq
  replayed
  resource {
    ...TrackedResourceSummary
  }
}

fragment TrackedResourceSummary on TrackedResource {
  id
  uuid
  revision
  uri
  path
  kind
  state
  hash
  size
  modifiedAt
  found
  confirmId
  settings
  dependents {
    id
    staleSince
    onDrift
  }
}
"""

_DIALOG = """\
query Dialog($id: ID!) {
  dialog(id: $id) {
    ...DialogSummary
  }
}

fragment DialogSummary on Dialog {
  id
  uuid
  contextId
  threadId
  status
  startedAt
  endedAt
  revision
}
"""

_DIALOG_MESSAGES = """\
query DialogMessages($id: ID!, $first: Int! = 50, $after: String) {
  dialog(id: $id) {
    messages(first: $first, after: $after) {
      nodes {
        ...MessageSummary
      }
      pageInfo {
        ...PageInfo
      }
    }
  }
}

fragment MessageSummary on Message {
  id
  role
  content
  timestamp
  position
  event
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_DIALOGS = """\
query Dialogs($projectId: ID!, $contextId: ID, $status: DialogStatus, $first: Int! = 50, $after: String) {
  dialogs(
    projectId: $projectId
    contextId: $contextId
    status: $status
    first: $first
    after: $after
  ) {
    nodes {
      ...DialogSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment DialogSummary on Dialog {
  id
  uuid
  contextId
  threadId
  status
  startedAt
  endedAt
  revision
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_EXECUTE_WORKFLOW = """\
mutation ExecuteWorkflow($input: ExecuteWorkflowInput!) {
  executeWorkflow(input: $input) {
    __typename
    ...WorkflowPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment WorkflowExecutionSummary on WorkflowExecution {
  executionId
  planId
  workflowId
  workflowName
  correlationId
  status
  timeout
  duration
  stagesTotal
  stagesDone
  createdAt
  startedAt
  completedAt
  error
}

fragment WorkflowPayload on WorkflowPayload {
  commandId
  seq
  replayed
  execution {
    ...WorkflowExecutionSummary
  }
}
"""

_EXPECT_CONTENT = """\
mutation ExpectContent($input: ExpectContentInput!) {
  expectContent(input: $input) {
    __typename
    ...ResourcePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment ResourcePayload on ResourcePayload {
  commandId
  seq
  replayed
  resource {
    ...TrackedResourceSummary
  }
}

fragment TrackedResourceSummary on TrackedResource {
  id
  uuid
  revision
  uri
  path
  kind
  state
  hash
  size
  modifiedAt
  found
  confirmId
  settings
  dependents {
    id
    staleSince
    onDrift
  }
}
"""

_EXPORT_DOCUMENTS = """\
query ExportDocuments($projectId: ID!, $first: Int! = 100, $after: String) {
  exportDocuments(projectId: $projectId, first: $first, after: $after) {
    nodes {
      module
      document
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_EXTENSION = """\
query Extension($id: ID!) {
  extension(id: $id) {
    ...ExtensionSummary
  }
}

fragment ExtensionSummary on Extension {
  id
  uuid
  contextId
  name
  extensionType
  version
  status
  config
  revision
}
"""

_EXTENSIONS = """\
query Extensions($projectId: ID!, $contextId: ID, $status: ExtensionStatus, $first: Int! = 50, $after: String) {
  extensions(
    projectId: $projectId
    contextId: $contextId
    status: $status
    first: $first
    after: $after
  ) {
    nodes {
      ...ExtensionSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment ExtensionSummary on Extension {
  id
  uuid
  contextId
  name
  extensionType
  version
  status
  config
  revision
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_FRONTIER = """\
query Frontier($planId: ID!, $first: Int! = 50) {
  frontier(planId: $planId, first: $first) {
    ...StepSummary
  }
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_HEALTH_HISTORY = """\
query HealthHistory($start: Timestamp!, $end: Timestamp!, $component: String, $limit: Int! = 500) {
  healthHistory(start: $start, end: $end, component: $component, limit: $limit) {
    truncated
    records {
      component
      status
      details
      responseTimeMs
      source
      at
    }
  }
}
"""

_HEARTBEAT_TURN = """\
mutation HeartbeatTurn($input: HeartbeatTurnInput!) {
  heartbeatTurn(input: $input) {
    __typename
    ... on HeartbeatTurnPayload {
      leaseUntil
    }
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_IMPORT_DOCUMENTS = """\
mutation ImportDocuments($input: ImportDocumentsInput!) {
  importDocuments(input: $input) {
    __typename
    ...ImportPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment ImportPayload on ImportPayload {
  documents {
    id
    module
    replayed
  }
}
"""

_INBOX = """\
query Inbox($projectId: ID!, $actor: String, $role: String, $first: Int! = 100, $after: String) {
  inbox(
    projectId: $projectId
    actor: $actor
    role: $role
    first: $first
    after: $after
  ) {
    nodes {
      ...ConfirmSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment ConfirmSummary on Confirm {
  id
  uuid
  targetType
  status
  requestedByRole
  requestedAt
  reason
  planId
  stepId
  step {
    key
  }
  decisions {
    status
    decidedByRole
    decidedAt
    reason
    actor
  }
  approval {
    quorum
    approvals
    approvers
    roles
    proposedBy
    expiresAt
    voided
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_KILL_SWITCHES = """\
query KillSwitches($projectId: ID) {
  killSwitches(projectId: $projectId) {
    ...KillSwitchSummary
  }
}

fragment KillSwitchSummary on KillSwitch {
  scope
  planId
  actionType
  reason
  actor
  setAt
}
"""

_MODULES = """\
query Modules($type: String) {
  modules(type: $type) {
    ...ModuleSummary
  }
}

fragment ModuleSummary on PlatformModule {
  id
  type
  version
  status
  reason
  capabilities
  dependencies
  configuration
  health
  healthDetails
  checkedAt
  process
  startedAt
  operations
  failures
  averageMs
}
"""

_NETWORK = """\
query Network($id: ID!) {
  network(id: $id) {
    ...NetworkSummary
  }
}

fragment NetworkSummary on Network {
  id
  uuid
  contextId
  name
  description
  topologyType
  status
  revision
}
"""

_NETWORK_MEMBERS = """\
query NetworkMembers($id: ID!, $first: Int! = 50, $after: String) {
  network(id: $id) {
    members(first: $first, after: $after) {
      nodes {
        ...NetworkNodeSummary
      }
      pageInfo {
        ...PageInfo
      }
    }
  }
}

fragment NetworkNodeSummary on NetworkNode {
  id
  uuid
  name
  kind
  status
  roleId
  position
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_NETWORKS = """\
query Networks($projectId: ID!, $contextId: ID, $status: NetworkStatus, $first: Int! = 50, $after: String) {
  networks(
    projectId: $projectId
    contextId: $contextId
    status: $status
    first: $first
    after: $after
  ) {
    nodes {
      ...NetworkSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment NetworkSummary on Network {
  id
  uuid
  contextId
  name
  description
  topologyType
  status
  revision
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_PAUSE_PLAN = """\
mutation PausePlan($input: PlanCommandInput!) {
  pausePlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_PAUSE_WORKFLOW = """\
mutation PauseWorkflow($input: WorkflowInput!) {
  pauseWorkflow(input: $input) {
    __typename
    ...WorkflowPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment WorkflowExecutionSummary on WorkflowExecution {
  executionId
  planId
  workflowId
  workflowName
  correlationId
  status
  timeout
  duration
  stagesTotal
  stagesDone
  createdAt
  startedAt
  completedAt
  error
}

fragment WorkflowPayload on WorkflowPayload {
  commandId
  seq
  replayed
  execution {
    ...WorkflowExecutionSummary
  }
}
"""

_PLAN = """\
query Plan($id: ID!) {
  plan(id: $id) {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_PLAN_APPROVAL = """\
query PlanApproval($id: ID!) {
  plan(id: $id) {
    approval
  }
}
"""

_PLAN_AS_OF = """\
query PlanAsOf($id: ID!, $asOf: Long!, $first: Int! = 100, $after: String) {
  plan(id: $id, asOf: $asOf) {
    ...PlanSummary
    steps(first: $first, after: $after) {
      nodes {
        ...StepSummary
      }
      pageInfo {
        ...PageInfo
      }
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_PLAN_END = """\
query PlanEnd($id: ID!) {
  plan(id: $id) {
    ...PlanEnd
  }
}

fragment PlanEnd on Plan {
  uuid
  status
  derivation
  criteria
  goalMet
  compensation {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_PLAN_SPENDING = """\
query PlanSpending($id: ID!) {
  plan(id: $id) {
    id
    spending {
      ...Spending
    }
  }
}

fragment Amounts on Amounts {
  tokens
  cost
  calls
  wallMs
}

fragment Spending on Spending {
  limit {
    ...Amounts
  }
  spent {
    ...Amounts
  }
  reserved {
    ...Amounts
  }
  remaining {
    ...Amounts
  }
}
"""

_PLANS = """\
query Plans($projectId: ID!, $status: PlanStatus, $latestFirst: Boolean! = false, $first: Int! = 50, $after: String) {
  plans(
    projectId: $projectId
    status: $status
    latestFirst: $latestFirst
    first: $first
    after: $after
  ) {
    nodes {
      ...PlanSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_PLANS_USING = """\
query PlansUsing($projectId: ID!, $capability: String!, $first: Int! = 50, $after: String) {
  plansUsing(
    projectId: $projectId
    capability: $capability
    first: $first
    after: $after
  ) {
    nodes {
      ...PlanSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_PROJECT = """\
query Project($id: ID!) {
  project(id: $id) {
    ...Project
  }
}

fragment Project on Project {
  id
  uuid
  name
  description
}
"""

_PROJECT_POLICY = """\
query ProjectPolicy($id: ID!) {
  project(id: $id) {
    policy
  }
}
"""

_PROJECT_SPENDING = """\
query ProjectSpending($id: ID!) {
  project(id: $id) {
    id
    spending {
      ...Spending
    }
  }
}

fragment Amounts on Amounts {
  tokens
  cost
  calls
  wallMs
}

fragment Spending on Spending {
  limit {
    ...Amounts
  }
  spent {
    ...Amounts
  }
  reserved {
    ...Amounts
  }
  remaining {
    ...Amounts
  }
}
"""

_PROJECTS = """\
query Projects($name: String, $first: Int! = 50, $after: String) {
  projects(name: $name, first: $first, after: $after) {
    nodes {
      ...Project
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment Project on Project {
  id
  uuid
  name
  description
}
"""

_PROPOSE_PLAN = """\
mutation ProposePlan($input: PlanCommandInput!) {
  proposePlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_READ_EVENTS = """\
query ReadEvents($projectId: ID!, $after: String, $first: Int! = 100, $families: [EventFamily!], $planId: ID) {
  events(
    projectId: $projectId
    after: $after
    first: $first
    families: $families
    planId: $planId
  ) {
    __typename
    ...EventPage
    ...CursorExpired
  }
}

fragment CursorExpired on CursorExpired {
  code
  message
  cursor
}

fragment Event on Event {
  cursor
  seq
  eventId
  family
  type
  op
  timestamp
  actor
  commandId
  entityType
  entityId
  planId
  revision
  fromStatus
  toStatus
  changes
}

fragment EventPage on EventPage {
  events {
    ...Event
  }
  cursor
  head
  hasNextPage
}
"""

_RECORD_EVENT = """\
mutation RecordEvent($input: RecordEventInput!) {
  recordEvent(input: $input) {
    __typename
    ...EventPayload
    ...Failure
  }
}

fragment Event on Event {
  cursor
  seq
  eventId
  family
  type
  op
  timestamp
  actor
  commandId
  entityType
  entityId
  planId
  revision
  fromStatus
  toStatus
  changes
}

fragment EventPayload on EventPayload {
  commandId
  seq
  replayed
  event {
    ...Event
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_REFRESH_DEPENDENT = """\
mutation RefreshDependent($input: RefreshDependentInput!) {
  refreshDependent(input: $input) {
    __typename
    ...RefreshDependentPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment RefreshDependentPayload on RefreshDependentPayload {
  commandId
  seq
  replayed
  dependentId
}
"""

_RELEASE_TURN = """\
mutation ReleaseTurn($input: ReleaseTurnInput!) {
  releaseTurn(input: $input) {
    __typename
    ... on ReleaseTurnPayload {
      id
    }
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_REMOVE_DEPENDENCY = """\
mutation RemoveDependency($input: DependencyInput!) {
  removeDependency(input: $input) {
    __typename
    ...StepPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment StepPayload on StepPayload {
  commandId
  seq
  replayed
  step {
    ...StepSummary
  }
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_REPORT_FILE_UPDATE = """\
mutation ReportFileUpdate($input: ReportFileUpdateInput!) {
  reportFileUpdate(input: $input) {
    __typename
    ...FileUpdatePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment FileUpdatePayload on FileUpdatePayload {
  commandId
  seq
  replayed
  drifted
  resource {
    ...TrackedResourceSummary
  }
}

fragment TrackedResourceSummary on TrackedResource {
  id
  uuid
  revision
  uri
  path
  kind
  state
  hash
  size
  modifiedAt
  found
  confirmId
  settings
  dependents {
    id
    staleSince
    onDrift
  }
}
"""

_RERUN_PLAN = """\
mutation RerunPlan($input: RerunPlanInput!) {
  rerunPlan(input: $input) {
    __typename
    ...RerunPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}

fragment RerunPayload on RerunPayload {
  commandId
  seq
  replayed
  reused
  plan {
    ...PlanSummary
  }
}
"""

_RESOURCE_POOLS = """\
query ResourcePools($first: Int! = 100, $after: String! = "") {
  resources(first: $first, after: $after) {
    ...PoolSummary
  }
}

fragment PoolSummary on ResourcePool {
  name
  capacity
  limit
  used
  free
  wanted
  allocations
  waiting
  utilization
  maxUtilization
  strategy
}
"""

_RESOURCE_SHARES = """\
query ResourceShares($name: String!, $first: Int! = 50) {
  resources(name: $name) {
    ...PoolSummary
    shares(first: $first) {
      allocationId
      amount
      state
      holder
      priority
      askedAt
      grantedAt
      leaseUntil
    }
  }
}

fragment PoolSummary on ResourcePool {
  name
  capacity
  limit
  used
  free
  wanted
  allocations
  waiting
  utilization
  maxUtilization
  strategy
}
"""

_RESTORE_SNAPSHOT = """\
mutation RestoreSnapshot($input: RestoreSnapshotInput!) {
  restoreSnapshot(input: $input) {
    __typename
    ...RestorePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment RestorePayload on RestorePayload {
  commandId
  seq
  replayed
  restored
  snapshot {
    ...SnapshotSummary
  }
  before {
    ...SnapshotSummary
  }
}

fragment SnapshotSummary on Snapshot {
  uuid
  planId
  seq
  reason
  actor
  takenAt
  restoredAt
  restores
}
"""

_RESUME_PLAN = """\
mutation ResumePlan($input: PlanCommandInput!) {
  resumePlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_RESUME_WORKFLOW = """\
mutation ResumeWorkflow($input: WorkflowInput!) {
  resumeWorkflow(input: $input) {
    __typename
    ...WorkflowPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment WorkflowExecutionSummary on WorkflowExecution {
  executionId
  planId
  workflowId
  workflowName
  correlationId
  status
  timeout
  duration
  stagesTotal
  stagesDone
  createdAt
  startedAt
  completedAt
  error
}

fragment WorkflowPayload on WorkflowPayload {
  commandId
  seq
  replayed
  execution {
    ...WorkflowExecutionSummary
  }
}
"""

_REVISE_PLAN = """\
mutation RevisePlan($input: PlanCommandInput!) {
  revisePlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_ROLE_NAMES = """\
query RoleNames($projectId: ID!, $after: String) {
  roles(projectId: $projectId, first: 100, after: $after) {
    nodes {
      id
      uuid
      name
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
"""

_SAVED_ANSWER = """\
query SavedAnswer($name: String!, $projectId: ID!, $planId: ID, $stepKey: String, $limit: Int! = 1000) {
  savedAnswer(
    name: $name
    projectId: $projectId
    planId: $planId
    stepKey: $stepKey
    limit: $limit
  ) {
    columns
    rows
    truncated
    tookMs
  }
}
"""

_SAVED_QUESTIONS = """\
query SavedQuestions {
  savedQuestions {
    name
    title
    text
    ofProject
    parameters {
      name
      description
    }
  }
}
"""

_SESSION = """\
query Session($id: ID!, $afterNumber: Int! = 0) {
  session(collabId: $id) {
    ...SessionSummary
    turns(first: 100, afterNumber: $afterNumber) {
      ...SessionTurn
    }
  }
}

fragment SessionSummary on Session {
  collabId
  uuid
  title
  mode
  state
  number
  reason
  planId
  planStatus
  planPaused
  turnCount
  metadata
  participants {
    participantId
    kind
    role
  }
}

fragment SessionTurn on SessionTurn {
  turnId
  number
  participantId
  agent
  stepKey
  status
  executedBy
  startedAt
  finishedAt
}
"""

_SESSION_PROFILE_EVENTS = """\
query SessionProfileEvents($id: ID!) {
  session(collabId: $id) {
    profileEvents
  }
}
"""

_SET_BUDGET = """\
mutation SetBudget($input: SetBudgetInput!) {
  setBudget(input: $input) {
    __typename
    ...BudgetPayload
    ...Failure
  }
}

fragment Amounts on Amounts {
  tokens
  cost
  calls
  wallMs
}

fragment BudgetPayload on BudgetPayload {
  commandId
  seq
  replayed
  spending {
    ...Spending
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment Spending on Spending {
  limit {
    ...Amounts
  }
  spent {
    ...Amounts
  }
  reserved {
    ...Amounts
  }
  remaining {
    ...Amounts
  }
}
"""

_SET_KILL_SWITCH = """\
mutation SetKillSwitch($input: SetKillSwitchInput!) {
  setKillSwitch(input: $input) {
    __typename
    ...KillSwitchPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment KillSwitchPayload on KillSwitchPayload {
  changed
  seq
  switches {
    ...KillSwitchSummary
  }
}

fragment KillSwitchSummary on KillSwitch {
  scope
  planId
  actionType
  reason
  actor
  setAt
}
"""

_SET_PROJECT_POLICY = """\
mutation SetProjectPolicy($input: SetProjectPolicyInput!) {
  setProjectPolicy(input: $input) {
    __typename
    ...ProjectPolicyPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment ProjectPolicyPayload on ProjectPolicyPayload {
  commandId
  seq
  replayed
  policy
}
"""

_SET_SNAPSHOT_POLICY = """\
mutation SetSnapshotPolicy($input: SetSnapshotPolicyInput!) {
  setSnapshotPolicy(input: $input) {
    __typename
    ...SnapshotPolicyPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment SnapshotPolicyPayload on SnapshotPolicyPayload {
  commandId
  seq
  replayed
  beforeStart
}
"""

_SET_VALUE = """\
mutation SetValue($input: SetValueInput!) {
  setValue(input: $input) {
    __typename
    ...ValuePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment StoredValue on StoredValue {
  key
  value
  revision
}

fragment ValuePayload on ValuePayload {
  commandId
  replayed
  value {
    ...StoredValue
  }
}
"""

_SNAPSHOTS = """\
query Snapshots($projectId: ID!, $planId: ID, $first: Int! = 50, $upto: Long) {
  snapshots(projectId: $projectId, planId: $planId, first: $first, upto: $upto) {
    ...SnapshotSummary
  }
}

fragment SnapshotSummary on Snapshot {
  uuid
  planId
  seq
  reason
  actor
  takenAt
  restoredAt
  restores
}
"""

_START_PLAN = """\
mutation StartPlan($input: PlanCommandInput!) {
  startPlan(input: $input) {
    __typename
    ...PlanPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment PlanPayload on PlanPayload {
  commandId
  seq
  replayed
  plan {
    ...PlanSummary
  }
}

fragment PlanSummary on Plan {
  id
  uuid
  projectId
  contextId
  traceId
  title
  objective
  status
  paused
  loading
  revision
  stepsTotal
  stepsOpen
  stepsFailed
  startedAt
  finishedAt
}
"""

_START_SESSION = """\
mutation StartSession($input: StartSessionInput!) {
  startSession(input: $input) {
    __typename
    ...SessionPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment SessionPayload on SessionPayload {
  commandId
  seq
  replayed
  session {
    uuid
    state
    number
    turnCount
  }
}
"""

_STEP_FACTS = """\
query StepFacts($id: ID!) {
  step(id: $id) {
    ...StepFacts
  }
}

fragment StepFacts on Step {
  ...StepSummary
  condition
  join
  approval
  planId
  dependencies {
    id
    key
    status
  }
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_STEP_OUTPUT = """\
query StepOutput($id: ID!) {
  step(id: $id) {
    key
    status
    output
    error
  }
}
"""

_STEP_RESULTS = """\
query StepResults($planId: ID!, $first: Int! = 100, $after: String) {
  steps(planId: $planId, first: $first, after: $after) {
    nodes {
      id
      key
      status
      skipReason
      output
      error
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}
"""

_STEPS = """\
query Steps($planId: ID!, $status: StepStatus, $first: Int! = 100, $after: String) {
  steps(planId: $planId, status: $status, first: $first, after: $after) {
    nodes {
      ...StepSummary
    }
    pageInfo {
      ...PageInfo
    }
  }
}

fragment PageInfo on PageInfo {
  hasNextPage
  endCursor
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_SYSTEM_HEALTH = """\
query SystemHealth {
  systemHealth {
    status
    problems
    checkedAt
    components {
      ...ComponentSummary
    }
  }
}

fragment ComponentSummary on ComponentHealth {
  component
  status
  details
  responseTimeMs
  checkedAt
}
"""

_SYSTEM_METRICS = """\
query SystemMetrics($projectId: ID) {
  systemMetrics(projectId: $projectId) {
    activeWorkflows
    completedWorkflows
    failedWorkflows
    cancelledWorkflows
    averageWorkflowDuration
    cpuUsage
    memoryUsage
    networkLatency
    storageUsage
    failedSteps
    claimLagMs
    collectedAt
    moduleHealth {
      ...ComponentSummary
    }
    modulePerformance {
      module
      operations
      failures
      averageDurationMs
    }
  }
}

fragment ComponentSummary on ComponentHealth {
  component
  status
  details
  responseTimeMs
  checkedAt
}
"""

_SYSTEM_OVERVIEW = """\
query SystemOverview($projectId: ID) {
  systemOverview(projectId: $projectId) {
    plans
    sessions
    modules
    agents
    resources
    counts
    missing
    alerts {
      ...AlertSummary
    }
  }
}

fragment AlertSummary on Alert {
  id
  name
  status
  severity
  message
  rule
  projectId
  source
  times
  seq
  startedAt
  changedAt
  resolvedAt
  acknowledgedAt
  acknowledgedBy
  deliveries {
    url
    event
    status
    attempts
    error
  }
}
"""

_TAKE_SNAPSHOT = """\
mutation TakeSnapshot($input: TakeSnapshotInput!) {
  takeSnapshot(input: $input) {
    __typename
    ...SnapshotPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment SnapshotPayload on SnapshotPayload {
  commandId
  seq
  replayed
  snapshot {
    ...SnapshotSummary
  }
}

fragment SnapshotSummary on Snapshot {
  uuid
  planId
  seq
  reason
  actor
  takenAt
  restoredAt
  restores
}
"""

_TRACK_RESOURCE = """\
mutation TrackResource($input: TrackResourceInput!) {
  trackResource(input: $input) {
    __typename
    ...ResourcePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment ResourcePayload on ResourcePayload {
  commandId
  seq
  replayed
  resource {
    ...TrackedResourceSummary
  }
}

fragment TrackedResourceSummary on TrackedResource {
  id
  uuid
  revision
  uri
  path
  kind
  state
  hash
  size
  modifiedAt
  found
  confirmId
  settings
  dependents {
    id
    staleSince
    onDrift
  }
}
"""

_TRACKED_RESOURCES = """\
query TrackedResources($projectId: ID!, $first: Int! = 100, $after: String, $states: [ResourceState!]) {
  trackedResources(
    projectId: $projectId
    first: $first
    after: $after
    states: $states
  ) {
    nodes {
      ...TrackedResourceSummary
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}

fragment TrackedResourceSummary on TrackedResource {
  id
  uuid
  revision
  uri
  path
  kind
  state
  hash
  size
  modifiedAt
  found
  confirmId
  settings
  dependents {
    id
    staleSince
    onDrift
  }
}
"""

_TRANSITION_COLLAB = """\
mutation TransitionCollab($input: TransitionCollabInput!) {
  transitionCollab(input: $input) {
    __typename
    ...CollabPayload
    ...Failure
  }
}

fragment CollabPayload on CollabPayload {
  commandId
  seq
  replayed
  collab {
    ...CollabSummary
  }
}

fragment CollabSummary on Collab {
  id
  uuid
  contextId
  title
  purpose
  mode
  status
  createdAt
  updatedAt
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_TRANSITION_CONTEXT = """\
mutation TransitionContext($input: TransitionContextInput!) {
  transitionContext(input: $input) {
    __typename
    ...ContextPayload
    ...Failure
  }
}

fragment ContextPayload on ContextPayload {
  commandId
  seq
  replayed
  context {
    ...ContextSummary
  }
}

fragment ContextSummary on Context {
  id
  uuid
  title
  status
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_TRANSITION_CORE = """\
mutation TransitionCore($input: TransitionCoreInput!) {
  transitionCore(input: $input) {
    __typename
    ...CorePayload
    ...Failure
  }
}

fragment CorePayload on CorePayload {
  commandId
  seq
  replayed
  core {
    ...CoreSummary
  }
}

fragment CoreSummary on Core {
  id
  uuid
  protocolVersion
  status
  revision
  modules {
    moduleId
    version
    status
    required
    description
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_TRANSITION_DIALOG = """\
mutation TransitionDialog($input: TransitionDialogInput!) {
  transitionDialog(input: $input) {
    __typename
    ...DialogPayload
    ...Failure
  }
}

fragment DialogPayload on DialogPayload {
  commandId
  seq
  replayed
  dialog {
    ...DialogSummary
  }
}

fragment DialogSummary on Dialog {
  id
  uuid
  contextId
  threadId
  status
  startedAt
  endedAt
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_TRANSITION_EXTENSION = """\
mutation TransitionExtension($input: TransitionExtensionInput!) {
  transitionExtension(input: $input) {
    __typename
    ...ExtensionPayload
    ...Failure
  }
}

fragment ExtensionPayload on ExtensionPayload {
  commandId
  seq
  replayed
  extension {
    ...ExtensionSummary
  }
}

fragment ExtensionSummary on Extension {
  id
  uuid
  contextId
  name
  extensionType
  version
  status
  config
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_TRANSITION_NETWORK = """\
mutation TransitionNetwork($input: TransitionNetworkInput!) {
  transitionNetwork(input: $input) {
    __typename
    ...NetworkPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment NetworkPayload on NetworkPayload {
  commandId
  seq
  replayed
  network {
    ...NetworkSummary
  }
}

fragment NetworkSummary on Network {
  id
  uuid
  contextId
  name
  description
  topologyType
  status
  revision
}
"""

_TRANSITION_NETWORK_NODE = """\
mutation TransitionNetworkNode($input: TransitionNetworkNodeInput!) {
  transitionNetworkNode(input: $input) {
    __typename
    ...NetworkNodePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment NetworkNodePayload on NetworkNodePayload {
  commandId
  seq
  replayed
  node {
    ...NetworkNodeSummary
  }
}

fragment NetworkNodeSummary on NetworkNode {
  id
  uuid
  name
  kind
  status
  roleId
  position
}
"""

_UNTRACK_RESOURCE = """\
mutation UntrackResource($input: UntrackResourceInput!) {
  untrackResource(input: $input) {
    __typename
    ...ResourcePayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment ResourcePayload on ResourcePayload {
  commandId
  seq
  replayed
  resource {
    ...TrackedResourceSummary
  }
}

fragment TrackedResourceSummary on TrackedResource {
  id
  uuid
  revision
  uri
  path
  kind
  state
  hash
  size
  modifiedAt
  found
  confirmId
  settings
  dependents {
    id
    staleSince
    onDrift
  }
}
"""

_UPDATE_COLLAB = """\
mutation UpdateCollab($input: UpdateDocumentInput!) {
  updateCollab(input: $input) {
    __typename
    ...CollabPayload
    ...Failure
  }
}

fragment CollabPayload on CollabPayload {
  commandId
  seq
  replayed
  collab {
    ...CollabSummary
  }
}

fragment CollabSummary on Collab {
  id
  uuid
  contextId
  title
  purpose
  mode
  status
  createdAt
  updatedAt
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_UPDATE_CORE = """\
mutation UpdateCore($input: UpdateDocumentInput!) {
  updateCore(input: $input) {
    __typename
    ...CorePayload
    ...Failure
  }
}

fragment CorePayload on CorePayload {
  commandId
  seq
  replayed
  core {
    ...CoreSummary
  }
}

fragment CoreSummary on Core {
  id
  uuid
  protocolVersion
  status
  revision
  modules {
    moduleId
    version
    status
    required
    description
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_UPDATE_DIALOG = """\
mutation UpdateDialog($input: UpdateDocumentInput!) {
  updateDialog(input: $input) {
    __typename
    ...DialogPayload
    ...Failure
  }
}

fragment DialogPayload on DialogPayload {
  commandId
  seq
  replayed
  dialog {
    ...DialogSummary
  }
}

fragment DialogSummary on Dialog {
  id
  uuid
  contextId
  threadId
  status
  startedAt
  endedAt
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_UPDATE_EXTENSION = """\
mutation UpdateExtension($input: UpdateDocumentInput!) {
  updateExtension(input: $input) {
    __typename
    ...ExtensionPayload
    ...Failure
  }
}

fragment ExtensionPayload on ExtensionPayload {
  commandId
  seq
  replayed
  extension {
    ...ExtensionSummary
  }
}

fragment ExtensionSummary on Extension {
  id
  uuid
  contextId
  name
  extensionType
  version
  status
  config
  revision
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}
"""

_UPDATE_NETWORK = """\
mutation UpdateNetwork($input: UpdateDocumentInput!) {
  updateNetwork(input: $input) {
    __typename
    ...NetworkPayload
    ...Failure
  }
}

fragment Failure on Failure {
  code
  message
  category
  retryable
  details
}

fragment NetworkPayload on NetworkPayload {
  commandId
  seq
  replayed
  network {
    ...NetworkSummary
  }
}

fragment NetworkSummary on Network {
  id
  uuid
  contextId
  name
  description
  topologyType
  status
  revision
}
"""

_VALUE = """\
query Value($projectId: ID!, $key: String!) {
  value(projectId: $projectId, key: $key) {
    ...StoredValue
  }
}

fragment StoredValue on StoredValue {
  key
  value
  revision
}
"""

_VALUE_KEYS = """\
query ValueKeys($projectId: ID!, $prefix: String! = "", $first: Int! = 100, $after: String) {
  valueKeys(projectId: $projectId, prefix: $prefix, first: $first, after: $after) {
    keys
    cursor
    hasNextPage
  }
}
"""

_WATCH_ALERTS = """\
subscription WatchAlerts($projectId: ID, $after: String) {
  alerts(projectId: $projectId, after: $after) {
    __typename
    ... on AlertBatch {
      cursor
      alerts {
        ...AlertSummary
      }
    }
    ...Heartbeat
    ...Closing
  }
}

fragment AlertSummary on Alert {
  id
  name
  status
  severity
  message
  rule
  projectId
  source
  times
  seq
  startedAt
  changedAt
  resolvedAt
  acknowledgedAt
  acknowledgedBy
  deliveries {
    url
    event
    status
    attempts
    error
  }
}

fragment Closing on Closing {
  cursor
  reason
}

fragment Heartbeat on Heartbeat {
  cursor
}
"""

_WATCH_EVENTS = """\
subscription WatchEvents($projectId: ID!, $after: String, $families: [EventFamily!], $planId: ID) {
  events(
    projectId: $projectId
    after: $after
    families: $families
    planId: $planId
  ) {
    __typename
    ...EventBatch
    ...Heartbeat
    ...Closing
    ...CursorExpired
  }
}

fragment Closing on Closing {
  cursor
  reason
}

fragment CursorExpired on CursorExpired {
  code
  message
  cursor
}

fragment Event on Event {
  cursor
  seq
  eventId
  family
  type
  op
  timestamp
  actor
  commandId
  entityType
  entityId
  planId
  revision
  fromStatus
  toStatus
  changes
}

fragment EventBatch on EventBatch {
  events {
    ...Event
  }
  cursor
}

fragment Heartbeat on Heartbeat {
  cursor
}
"""

_WATCH_PLAN = """\
subscription WatchPlan($planId: ID!, $after: String) {
  planProgress(planId: $planId, after: $after) {
    __typename
    ...PlanProgress
    ...Heartbeat
    ...Closing
    ...CursorExpired
  }
}

fragment Closing on Closing {
  cursor
  reason
}

fragment CursorExpired on CursorExpired {
  code
  message
  cursor
}

fragment Heartbeat on Heartbeat {
  cursor
}

fragment PlanProgress on PlanProgress {
  status
  paused
  counts {
    ...StepCounts
  }
  changedSteps {
    ...StepSummary
  }
  truncated
  finished
  cursor
}

fragment StepCounts on StepCounts {
  total
  pending
  inProgress
  completed
  blocked
  skipped
  failed
}

fragment StepSummary on Step {
  id
  uuid
  key
  type
  capability
  description
  status
  ready
  parked
  dueAt
  position
  attempt
  waitsFor
  skipReason
  error
  startedAt
  finishedAt
}
"""

_WORKFLOW = """\
query Workflow($projectId: ID!, $executionId: String!) {
  workflow(projectId: $projectId, executionId: $executionId) {
    ...WorkflowExecutionSummary
    ...WorkflowStages
  }
}

fragment WorkflowExecutionSummary on WorkflowExecution {
  executionId
  planId
  workflowId
  workflowName
  correlationId
  status
  timeout
  duration
  stagesTotal
  stagesDone
  createdAt
  startedAt
  completedAt
  error
}

fragment WorkflowStages on WorkflowExecution {
  stages {
    stageId
    status
    output
    error
    reason
    attempts
    duration
  }
}
"""

_WORKFLOWS = """\
query Workflows($projectId: ID!, $first: Int! = 50, $status: WorkflowRunStatus) {
  workflows(projectId: $projectId, first: $first, status: $status) {
    ...WorkflowExecutionSummary
  }
}

fragment WorkflowExecutionSummary on WorkflowExecution {
  executionId
  planId
  workflowId
  workflowName
  correlationId
  status
  timeout
  duration
  stagesTotal
  stagesDone
  createdAt
  startedAt
  completedAt
  error
}
"""


class Operations(Calls):
    """One method for each operation of graphql/operations."""

    async def acknowledge_alert(
        self,
        *,
        id: str,
        command_id: str | None = None,
        resolve: bool | None = None,
    ) -> AcknowledgeAlertAlertPayload:
        """Say that somebody cares for an alert; doing it again changes nothing."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "id": id,
                        "resolve": resolve,
                    }
                ),
            }
        )
        data = await self._call(_ACKNOWLEDGE_ALERT, "AcknowledgeAlert", variables)
        return member(data["acknowledgeAlert"], _ACKNOWLEDGE_ALERT_MEMBERS)

    async def add_dependency(
        self,
        *,
        depends_on: str,
        step_id: str,
        command_id: str | None = None,
    ) -> StepPayload:
        """Make a pending step wait for another one of its plan; a cycle is refused with its path."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "dependsOn": depends_on,
                        "stepId": step_id,
                    }
                ),
            }
        )
        data = await self._call(_ADD_DEPENDENCY, "AddDependency", variables)
        return member(data["addDependency"], _ADD_DEPENDENCY_MEMBERS)

    async def add_message(
        self,
        *,
        dialog_id: str,
        message: MessageInput,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> MessagePayload:
        """Add a message to an active dialog, behind those there are."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "dialogId": dialog_id,
                        "expectedRevision": expected_revision,
                        "message": message.data(),
                    }
                ),
            }
        )
        data = await self._call(_ADD_MESSAGE, "AddMessage", variables)
        return member(data["addMessage"], _ADD_MESSAGE_MEMBERS)

    async def add_network_node(
        self,
        *,
        network_id: str,
        node: NetworkNodeInput,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> NetworkNodePayload:
        """Add a node to a network that is not retired."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "networkId": network_id,
                        "node": node.data(),
                    }
                ),
            }
        )
        data = await self._call(_ADD_NETWORK_NODE, "AddNetworkNode", variables)
        return member(data["addNetworkNode"], _ADD_NETWORK_NODE_MEMBERS)

    async def add_participant(
        self,
        *,
        collab_id: str,
        participant: ParticipantInput,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> ParticipantPayload:
        """Add a participant to a collab that is not over."""
        variables = given(
            {
                "input": given(
                    {
                        "collabId": collab_id,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "participant": participant.data(),
                    }
                ),
            }
        )
        data = await self._call(_ADD_PARTICIPANT, "AddParticipant", variables)
        return member(data["addParticipant"], _ADD_PARTICIPANT_MEMBERS)

    async def add_step(
        self,
        *,
        plan_id: str,
        step: StepInput,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> StepPayload:
        """Add a step to a plan that is not finished."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "planId": plan_id,
                        "step": step.data(),
                    }
                ),
            }
        )
        data = await self._call(_ADD_STEP, "AddStep", variables)
        return member(data["addStep"], _ADD_STEP_MEMBERS)

    async def alert_rules(
        self,
        *,
        project_id: str | None = None,
    ) -> list[AlertRuleSummary]:
        """The rules by which alerts are raised."""
        variables = given({"projectId": project_id})
        data = await self._call(_ALERT_RULES, "AlertRules", variables)
        return [AlertRuleSummary.read(item) for item in data["alertRules"]]

    async def alerts(
        self,
        *,
        project_id: str | None = None,
        status: AlertStatus | None = None,
        first: int | None = None,
        before: int | None = None,
    ) -> list[AlertSummary]:
        """Alerts, the one that changed last first."""
        variables = given(
            {
                "projectId": project_id,
                "status": status,
                "first": first,
                "before": before,
            }
        )
        data = await self._call(_ALERTS, "Alerts", variables)
        return [AlertSummary.read(item) for item in data["alerts"]]

    async def approve_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
        reason: str | None = None,
        role: str | None = None,
    ) -> PlanPayload:
        """proposed → approved, recorded as a confirm with a decision."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "reason": reason,
                        "role": role,
                    }
                ),
            }
        )
        data = await self._call(_APPROVE_PLAN, "ApprovePlan", variables)
        return member(data["approvePlan"], _APPROVE_PLAN_MEMBERS)

    async def ask_cypher(
        self,
        *,
        query: str,
        params: Any = None,
        limit: int | None = None,
    ) -> AskCypher:
        """The answer to a question in Cypher, of the whole graph: it only reads, and rows, bytes, time …"""
        variables = given({"query": query, "params": params, "limit": limit})
        data = await self._call(_ASK_CYPHER, "AskCypher", variables)
        return AskCypher.read(data["cypher"])

    async def cancel_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> PlanPayload:
        """in_progress → cancelled; its open steps are closed."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_CANCEL_PLAN, "CancelPlan", variables)
        return member(data["cancelPlan"], _CANCEL_PLAN_MEMBERS)

    async def cancel_workflow(
        self,
        *,
        execution_id: str,
        project_id: str,
        command_id: str | None = None,
    ) -> WorkflowPayload:
        """End an execution; no further stage starts."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "executionId": execution_id,
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_CANCEL_WORKFLOW, "CancelWorkflow", variables)
        return member(data["cancelWorkflow"], _CANCEL_WORKFLOW_MEMBERS)

    async def capabilities(
        self,
        *,
        name: str | None = None,
        type: CapabilityType | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Capabilities:
        """What orchestrators offer or offered, by name and version; with `name` the versions of exactly …"""
        variables = given({"name": name, "type": type, "first": first, "after": after})
        data = await self._call(_CAPABILITIES, "Capabilities", variables)
        return Capabilities.read(data["capabilities"])

    async def claim_turn(
        self,
        *,
        agents: list[str],
        worker: str,
        command_id: str | None = None,
        lease_ms: int | None = None,
        plan_id: str | None = None,
        project_id: str | None = None,
        wait_ms: int | None = None,
    ) -> ClaimTurnClaimTurnPayload:
        """Take the next turn offered to one of these agents and hold it for a lease."""
        variables = given(
            {
                "input": given(
                    {
                        "agents": agents,
                        "commandId": command_id_or_new(command_id),
                        "leaseMs": lease_ms,
                        "planId": plan_id,
                        "projectId": project_id,
                        "waitMs": wait_ms,
                        "worker": worker,
                    }
                ),
            }
        )
        data = await self._call(_CLAIM_TURN, "ClaimTurn", variables)
        return member(data["claimTurn"], _CLAIM_TURN_MEMBERS)

    async def collab(
        self,
        *,
        id: str,
    ) -> CollabSummary | None:
        """One collab with its participants."""
        variables = given({"id": id})
        data = await self._call(_COLLAB, "Collab", variables)
        return None if data["collab"] is None else CollabSummary.read(data["collab"])

    async def collab_participants(
        self,
        *,
        id: str,
        first: int | None = None,
        after: str | None = None,
    ) -> CollabParticipants | None:
        """One collab with its participants."""
        variables = given({"id": id, "first": first, "after": after})
        data = await self._call(_COLLAB_PARTICIPANTS, "CollabParticipants", variables)
        return None if data["collab"] is None else CollabParticipants.read(data["collab"])

    async def collabs(
        self,
        *,
        project_id: str,
        context_id: str | None = None,
        status: CollabStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Collabs:
        """Collabs of a project, or of one of its contexts."""
        variables = given(
            {
                "projectId": project_id,
                "contextId": context_id,
                "status": status,
                "first": first,
                "after": after,
            }
        )
        data = await self._call(_COLLABS, "Collabs", variables)
        return Collabs.read(data["collabs"])

    async def compensate_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
    ) -> PlanPayload:
        """Undo a finished plan: the inverses of its completed steps, last first, as a plan of its own; …"""
        variables = given({"input": given({"commandId": command_id_or_new(command_id), "id": id})})
        data = await self._call(_COMPENSATE_PLAN, "CompensatePlan", variables)
        return member(data["compensatePlan"], _COMPENSATE_PLAN_MEMBERS)

    async def complete_turn(
        self,
        *,
        fence: int,
        id: str,
        worker: str,
        command_id: str | None = None,
        error: Any = None,
        output: Any = None,
    ) -> CompleteTurnCompleteTurnPayload:
        """Answer a turn with its output or an error; its step goes on with that. The same answer again …"""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "error": error,
                        "fence": fence,
                        "id": id,
                        "output": output,
                        "worker": worker,
                    }
                ),
            }
        )
        data = await self._call(_COMPLETE_TURN, "CompleteTurn", variables)
        return member(data["completeTurn"], _COMPLETE_TURN_MEMBERS)

    async def configure_health_alerts(
        self,
        *,
        command_id: str | None = None,
        project_id: str | None = None,
        remove: list[str] | None = None,
        rules: list[Any] | None = None,
    ) -> ConfigureHealthAlertsAlertRulesPayload:
        """Make, change or remove rules of alerts, all or none; doing it again changes nothing."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "projectId": project_id,
                        "remove": remove,
                        "rules": rules,
                    }
                ),
            }
        )
        data = await self._call(_CONFIGURE_HEALTH_ALERTS, "ConfigureHealthAlerts", variables)
        return member(data["configureHealthAlerts"], _CONFIGURE_HEALTH_ALERTS_MEMBERS)

    async def confirm(
        self,
        *,
        id: str,
    ) -> ConfirmSummary | None:
        """One confirm with its decisions."""
        variables = given({"id": id})
        data = await self._call(_CONFIRM, "Confirm", variables)
        return None if data["confirm"] is None else ConfirmSummary.read(data["confirm"])

    async def confirms(
        self,
        *,
        project_id: str,
        status: ConfirmStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Confirms:
        """Confirms of a project with their decisions; `status: pending` are those that wait for somebody."""
        variables = given({"projectId": project_id, "status": status, "first": first, "after": after})
        data = await self._call(_CONFIRMS, "Confirms", variables)
        return Confirms.read(data["confirms"])

    async def contexts(
        self,
        *,
        project_id: str,
        status: ContextStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Contexts:
        """Contexts of a project."""
        variables = given({"projectId": project_id, "status": status, "first": first, "after": after})
        data = await self._call(_CONTEXTS, "Contexts", variables)
        return Contexts.read(data["contexts"])

    async def core(
        self,
        *,
        id: str,
    ) -> CoreSummary | None:
        """One core with its modules."""
        variables = given({"id": id})
        data = await self._call(_CORE, "Core", variables)
        return None if data["core"] is None else CoreSummary.read(data["core"])

    async def cores(
        self,
        *,
        project_id: str,
        status: CoreStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Cores:
        """Cores of a project."""
        variables = given({"projectId": project_id, "status": status, "first": first, "after": after})
        data = await self._call(_CORES, "Cores", variables)
        return Cores.read(data["cores"])

    async def create_collab(
        self,
        *,
        context_id: str,
        mode: CollabMode,
        participants: list[ParticipantInput],
        purpose: str,
        title: str,
        command_id: str | None = None,
        created_at: str | None = None,
        status: CollabStatus | None = None,
        uuid: str | None = None,
    ) -> CollabPayload:
        """Create a collab with its participants."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "contextId": context_id,
                        "createdAt": created_at,
                        "mode": mode,
                        "participants": [item.data() for item in participants],
                        "purpose": purpose,
                        "status": status,
                        "title": title,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_COLLAB, "CreateCollab", variables)
        return member(data["createCollab"], _CREATE_COLLAB_MEMBERS)

    async def create_confirm(
        self,
        *,
        requested_by_role: str,
        target_id: str,
        command_id: str | None = None,
        reason: str | None = None,
        requested_at: str | None = None,
        status: ConfirmStatus | None = None,
        uuid: str | None = None,
    ) -> ConfirmPayload:
        """Ask for a confirmation."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "reason": reason,
                        "requestedAt": requested_at,
                        "requestedByRole": requested_by_role,
                        "status": status,
                        "targetId": target_id,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_CONFIRM, "CreateConfirm", variables)
        return member(data["createConfirm"], _CREATE_CONFIRM_MEMBERS)

    async def create_context(
        self,
        *,
        project_id: str,
        title: str,
        command_id: str | None = None,
        constraints: Any = None,
        domain: str | None = None,
        environment: str | None = None,
        language: str | None = None,
        owner_role: str | None = None,
        status: ContextStatus | None = None,
        summary: str | None = None,
        tags: list[str] | None = None,
        uuid: str | None = None,
    ) -> ContextPayload:
        """Create a context."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "constraints": constraints,
                        "domain": domain,
                        "environment": environment,
                        "language": language,
                        "ownerRole": owner_role,
                        "projectId": project_id,
                        "status": status,
                        "summary": summary,
                        "tags": tags,
                        "title": title,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_CONTEXT, "CreateContext", variables)
        return member(data["createContext"], _CREATE_CONTEXT_MEMBERS)

    async def create_core(
        self,
        *,
        modules: list[CoreModuleInput],
        project_id: str,
        command_id: str | None = None,
        protocol_version: str | None = None,
        status: CoreStatus | None = None,
        uuid: str | None = None,
    ) -> CorePayload:
        """Create a core: the modules of the protocol that the project uses."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "modules": [item.data() for item in modules],
                        "projectId": project_id,
                        "protocolVersion": protocol_version,
                        "status": status,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_CORE, "CreateCore", variables)
        return member(data["createCore"], _CREATE_CORE_MEMBERS)

    async def create_dialog(
        self,
        *,
        context_id: str,
        command_id: str | None = None,
        ended_at: str | None = None,
        messages: list[MessageInput] | None = None,
        started_at: str | None = None,
        status: DialogStatus | None = None,
        thread_id: str | None = None,
        uuid: str | None = None,
    ) -> DialogPayload:
        """Create a dialog, with its first messages or none."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "contextId": context_id,
                        "endedAt": ended_at,
                        "messages": None if messages is None else [item.data() for item in messages],
                        "startedAt": started_at,
                        "status": status,
                        "threadId": thread_id,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_DIALOG, "CreateDialog", variables)
        return member(data["createDialog"], _CREATE_DIALOG_MEMBERS)

    async def create_extension(
        self,
        *,
        context_id: str,
        extension_type: ExtensionType,
        name: str,
        version: str,
        command_id: str | None = None,
        config: Any = None,
        status: ExtensionStatus | None = None,
        uuid: str | None = None,
    ) -> ExtensionPayload:
        """Create an extension."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "config": config,
                        "contextId": context_id,
                        "extensionType": extension_type,
                        "name": name,
                        "status": status,
                        "uuid": uuid,
                        "version": version,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_EXTENSION, "CreateExtension", variables)
        return member(data["createExtension"], _CREATE_EXTENSION_MEMBERS)

    async def create_network(
        self,
        *,
        context_id: str,
        name: str,
        topology_type: TopologyType,
        command_id: str | None = None,
        description: str | None = None,
        nodes: list[NetworkNodeInput] | None = None,
        status: NetworkStatus | None = None,
        uuid: str | None = None,
    ) -> NetworkPayload:
        """Create a network, with its nodes or none."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "contextId": context_id,
                        "description": description,
                        "name": name,
                        "nodes": None if nodes is None else [item.data() for item in nodes],
                        "status": status,
                        "topologyType": topology_type,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_NETWORK, "CreateNetwork", variables)
        return member(data["createNetwork"], _CREATE_NETWORK_MEMBERS)

    async def create_plan(
        self,
        *,
        context_id: str,
        objective: str,
        steps: list[StepInput],
        title: str,
        approval: Any = None,
        budget: Any = None,
        command_id: str | None = None,
        estimated_cost: float | None = None,
        estimated_duration_ms: int | None = None,
        goal_id: str | None = None,
        on_failure: OnFailure | None = None,
        params: Any = None,
        policy: Any = None,
        success_criteria: list[str] | None = None,
        uuid: str | None = None,
    ) -> CreatePlanPayload:
        """Create a plan with all its steps, as a draft."""
        variables = given(
            {
                "input": given(
                    {
                        "approval": approval,
                        "budget": budget,
                        "commandId": command_id_or_new(command_id),
                        "contextId": context_id,
                        "estimatedCost": estimated_cost,
                        "estimatedDurationMs": estimated_duration_ms,
                        "goalId": goal_id,
                        "objective": objective,
                        "onFailure": on_failure,
                        "params": params,
                        "policy": policy,
                        "steps": [item.data() for item in steps],
                        "successCriteria": success_criteria,
                        "title": title,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_PLAN, "CreatePlan", variables)
        return member(data["createPlan"], _CREATE_PLAN_MEMBERS)

    async def create_plan_from_text(
        self,
        *,
        context_id: str,
        text: str,
        command_id: str | None = None,
        params: Any = None,
        source: str | None = None,
        uuid: str | None = None,
    ) -> CreatePlanPayload:
        """Create a plan, as a draft, from the text of a plan file; a mistake is told with line and …"""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "contextId": context_id,
                        "params": params,
                        "source": source,
                        "text": text,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_PLAN_FROM_TEXT, "CreatePlanFromText", variables)
        return member(data["createPlanFromText"], _CREATE_PLAN_FROM_TEXT_MEMBERS)

    async def create_project(
        self,
        *,
        name: str,
        command_id: str | None = None,
        description: str | None = None,
        uuid: str | None = None,
    ) -> ProjectPayload:
        """Create a project."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "description": description,
                        "name": name,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_PROJECT, "CreateProject", variables)
        return member(data["createProject"], _CREATE_PROJECT_MEMBERS)

    async def create_role(
        self,
        *,
        name: str,
        project_id: str,
        capabilities: list[str] | None = None,
        command_id: str | None = None,
        description: str | None = None,
        uuid: str | None = None,
    ) -> RolePayload:
        """Create a role."""
        variables = given(
            {
                "input": given(
                    {
                        "capabilities": capabilities,
                        "commandId": command_id_or_new(command_id),
                        "description": description,
                        "name": name,
                        "projectId": project_id,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_ROLE, "CreateRole", variables)
        return member(data["createRole"], _CREATE_ROLE_MEMBERS)

    async def create_trace(
        self,
        *,
        context_id: str,
        command_id: str | None = None,
        finished_at: str | None = None,
        plan_id: str | None = None,
        segments: Any = None,
        started_at: str | None = None,
        status: str | None = None,
        uuid: str | None = None,
    ) -> TracePayload:
        """Store a trace with its segments."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "contextId": context_id,
                        "finishedAt": finished_at,
                        "planId": plan_id,
                        "segments": segments,
                        "startedAt": started_at,
                        "status": status,
                        "uuid": uuid,
                    }
                ),
            }
        )
        data = await self._call(_CREATE_TRACE, "CreateTrace", variables)
        return member(data["createTrace"], _CREATE_TRACE_MEMBERS)

    async def decide_confirm(
        self,
        *,
        id: str,
        status: DecisionStatus,
        command_id: str | None = None,
        reason: str | None = None,
        role: str | None = None,
    ) -> ConfirmPayload:
        """Decide a confirm; a step that waits for it goes on."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "id": id,
                        "reason": reason,
                        "role": role,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_DECIDE_CONFIRM, "DecideConfirm", variables)
        return member(data["decideConfirm"], _DECIDE_CONFIRM_MEMBERS)

    async def define_resource_pool(
        self,
        *,
        capacity: float,
        name: str,
        command_id: str | None = None,
        max_utilization: float | None = None,
        strategy: AllocationStrategy | None = None,
    ) -> DefineResourcePoolResourcePoolPayload:
        """Define or change a resource pool for all processes; said again it is the same. Refused below …"""
        variables = given(
            {
                "input": given(
                    {
                        "capacity": capacity,
                        "commandId": command_id_or_new(command_id),
                        "maxUtilization": max_utilization,
                        "name": name,
                        "strategy": strategy,
                    }
                ),
            }
        )
        data = await self._call(_DEFINE_RESOURCE_POOL, "DefineResourcePool", variables)
        return member(data["defineResourcePool"], _DEFINE_RESOURCE_POOL_MEMBERS)

    async def delegate_approval(
        self,
        *,
        id: str,
        to: str,
        command_id: str | None = None,
        reason: str | None = None,
    ) -> ConfirmPayload:
        """Hand the actor's part in a pending approval over to another actor; recorded, and in force at …"""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "id": id,
                        "reason": reason,
                        "to": to,
                    }
                ),
            }
        )
        data = await self._call(_DELEGATE_APPROVAL, "DelegateApproval", variables)
        return member(data["delegateApproval"], _DELEGATE_APPROVAL_MEMBERS)

    async def delete_node(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> DeletePayload:
        """Delete a node: it becomes a tombstone that references still resolve to."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_DELETE_NODE, "DeleteNode", variables)
        return member(data["deleteNode"], _DELETE_NODE_MEMBERS)

    async def delete_value(
        self,
        *,
        key: str,
        project_id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> ValuePayload:
        """Forget the value of a key; one that has none is no error."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "key": key,
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_DELETE_VALUE, "DeleteValue", variables)
        return member(data["deleteValue"], _DELETE_VALUE_MEMBERS)

    async def depend_on_resource(
        self,
        *,
        dependent_id: str,
        project_id: str,
        uri: str,
        command_id: str | None = None,
        on_drift: OnDrift | None = None,
    ) -> ResourcePayload:
        """Say that a plan or step depends on a resource, and what happens when that changes outside."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "dependentId": dependent_id,
                        "onDrift": on_drift,
                        "projectId": project_id,
                        "uri": uri,
                    }
                ),
            }
        )
        data = await self._call(_DEPEND_ON_RESOURCE, "DependOnResource", variables)
        return member(data["dependOnResource"], _DEPEND_ON_RESOURCE_MEMBERS)

    async def dialog(
        self,
        *,
        id: str,
    ) -> DialogSummary | None:
        """One dialog with its messages."""
        variables = given({"id": id})
        data = await self._call(_DIALOG, "Dialog", variables)
        return None if data["dialog"] is None else DialogSummary.read(data["dialog"])

    async def dialog_messages(
        self,
        *,
        id: str,
        first: int | None = None,
        after: str | None = None,
    ) -> DialogMessages | None:
        """One dialog with its messages."""
        variables = given({"id": id, "first": first, "after": after})
        data = await self._call(_DIALOG_MESSAGES, "DialogMessages", variables)
        return None if data["dialog"] is None else DialogMessages.read(data["dialog"])

    async def dialogs(
        self,
        *,
        project_id: str,
        context_id: str | None = None,
        status: DialogStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Dialogs:
        """Dialogs of a project, or of one of its contexts."""
        variables = given(
            {
                "projectId": project_id,
                "contextId": context_id,
                "status": status,
                "first": first,
                "after": after,
            }
        )
        data = await self._call(_DIALOGS, "Dialogs", variables)
        return Dialogs.read(data["dialogs"])

    async def execute_workflow(
        self,
        *,
        definition: Any,
        project_id: str,
        command_id: str | None = None,
        inputs: Any = None,
    ) -> WorkflowPayload:
        """Begin a workflow, or let it wait for its turn. Refused, naming every mistake, before anything …"""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "definition": definition,
                        "inputs": inputs,
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_EXECUTE_WORKFLOW, "ExecuteWorkflow", variables)
        return member(data["executeWorkflow"], _EXECUTE_WORKFLOW_MEMBERS)

    async def expect_content(
        self,
        *,
        project_id: str,
        uri: str,
        absent: bool | None = None,
        base64: str | None = None,
        command_id: str | None = None,
        expected_revision: int | None = None,
        text: str | None = None,
    ) -> ResourcePayload:
        """Change what a file or ref is to be; it follows with the next reconciliation."""
        variables = given(
            {
                "input": given(
                    {
                        "absent": absent,
                        "base64": base64,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "projectId": project_id,
                        "text": text,
                        "uri": uri,
                    }
                ),
            }
        )
        data = await self._call(_EXPECT_CONTENT, "ExpectContent", variables)
        return member(data["expectContent"], _EXPECT_CONTENT_MEMBERS)

    async def export_documents(
        self,
        *,
        project_id: str,
        first: int | None = None,
        after: str | None = None,
    ) -> ExportDocuments:
        """All protocol documents of a project, a page at a time, what is referred to before what refers."""
        variables = given({"projectId": project_id, "first": first, "after": after})
        data = await self._call(_EXPORT_DOCUMENTS, "ExportDocuments", variables)
        return ExportDocuments.read(data["exportDocuments"])

    async def extension(
        self,
        *,
        id: str,
    ) -> ExtensionSummary | None:
        """One extension."""
        variables = given({"id": id})
        data = await self._call(_EXTENSION, "Extension", variables)
        return None if data["extension"] is None else ExtensionSummary.read(data["extension"])

    async def extensions(
        self,
        *,
        project_id: str,
        context_id: str | None = None,
        status: ExtensionStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Extensions:
        """Extensions of a project, or of one of its contexts."""
        variables = given(
            {
                "projectId": project_id,
                "contextId": context_id,
                "status": status,
                "first": first,
                "after": after,
            }
        )
        data = await self._call(_EXTENSIONS, "Extensions", variables)
        return Extensions.read(data["extensions"])

    async def frontier(
        self,
        *,
        plan_id: str,
        first: int | None = None,
    ) -> list[StepSummary]:
        """Steps of a running plan that can be claimed now, in scheduling order."""
        variables = given({"planId": plan_id, "first": first})
        data = await self._call(_FRONTIER, "Frontier", variables)
        return [StepSummary.read(item) for item in data["frontier"]]

    async def health_history(
        self,
        *,
        start: str,
        end: str,
        component: str | None = None,
        limit: int | None = None,
    ) -> HealthHistory:
        """What was found within a span of time, both ends included, in order."""
        variables = given({"start": start, "end": end, "component": component, "limit": limit})
        data = await self._call(_HEALTH_HISTORY, "HealthHistory", variables)
        return HealthHistory.read(data["healthHistory"])

    async def heartbeat_turn(
        self,
        *,
        fence: int,
        id: str,
        worker: str,
        command_id: str | None = None,
    ) -> HeartbeatTurnHeartbeatTurnPayload:
        """Hold a turn for another lease; refused when it is the worker's no more: then stop working on …"""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "fence": fence,
                        "id": id,
                        "worker": worker,
                    }
                ),
            }
        )
        data = await self._call(_HEARTBEAT_TURN, "HeartbeatTurn", variables)
        return member(data["heartbeatTurn"], _HEARTBEAT_TURN_MEMBERS)

    async def import_documents(
        self,
        *,
        documents: list[DocumentInput],
        project_id: str,
        command_id: str | None = None,
    ) -> ImportPayload:
        """Store protocol documents, in the order of their references; each is a command of its own."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "documents": [item.data() for item in documents],
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_IMPORT_DOCUMENTS, "ImportDocuments", variables)
        return member(data["importDocuments"], _IMPORT_DOCUMENTS_MEMBERS)

    async def inbox(
        self,
        *,
        project_id: str,
        actor: str | None = None,
        role: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Inbox:
        """What waits for a decision of an actor or a role, by id; with neither, every pending confirm."""
        variables = given(
            {
                "projectId": project_id,
                "actor": actor,
                "role": role,
                "first": first,
                "after": after,
            }
        )
        data = await self._call(_INBOX, "Inbox", variables)
        return Inbox.read(data["inbox"])

    async def kill_switches(
        self,
        *,
        project_id: str | None = None,
    ) -> list[KillSwitchSummary]:
        """The kill switches that are on: everywhere, and with `projectId` in that project too."""
        variables = given({"projectId": project_id})
        data = await self._call(_KILL_SWITCHES, "KillSwitches", variables)
        return [KillSwitchSummary.read(item) for item in data["killSwitches"]]

    async def modules(
        self,
        *,
        type: str | None = None,
    ) -> list[ModuleSummary]:
        """Modules that run in any process, by type; up to 1000."""
        variables = given({"type": type})
        data = await self._call(_MODULES, "Modules", variables)
        return [ModuleSummary.read(item) for item in data["modules"]]

    async def network(
        self,
        *,
        id: str,
    ) -> NetworkSummary | None:
        """One network with its nodes."""
        variables = given({"id": id})
        data = await self._call(_NETWORK, "Network", variables)
        return None if data["network"] is None else NetworkSummary.read(data["network"])

    async def network_members(
        self,
        *,
        id: str,
        first: int | None = None,
        after: str | None = None,
    ) -> NetworkMembers | None:
        """One network with its nodes."""
        variables = given({"id": id, "first": first, "after": after})
        data = await self._call(_NETWORK_MEMBERS, "NetworkMembers", variables)
        return None if data["network"] is None else NetworkMembers.read(data["network"])

    async def networks(
        self,
        *,
        project_id: str,
        context_id: str | None = None,
        status: NetworkStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Networks:
        """Networks of a project, or of one of its contexts."""
        variables = given(
            {
                "projectId": project_id,
                "contextId": context_id,
                "status": status,
                "first": first,
                "after": after,
            }
        )
        data = await self._call(_NETWORKS, "Networks", variables)
        return Networks.read(data["networks"])

    async def pause_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> PlanPayload:
        """Claim no further step of a running plan."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_PAUSE_PLAN, "PausePlan", variables)
        return member(data["pausePlan"], _PAUSE_PLAN_MEMBERS)

    async def pause_workflow(
        self,
        *,
        execution_id: str,
        project_id: str,
        command_id: str | None = None,
    ) -> WorkflowPayload:
        """Let no further stage of an execution start; those that run finish."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "executionId": execution_id,
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_PAUSE_WORKFLOW, "PauseWorkflow", variables)
        return member(data["pauseWorkflow"], _PAUSE_WORKFLOW_MEMBERS)

    async def plan(
        self,
        *,
        id: str,
    ) -> PlanSummary | None:
        """One plan."""
        variables = given({"id": id})
        data = await self._call(_PLAN, "Plan", variables)
        return None if data["plan"] is None else PlanSummary.read(data["plan"])

    async def plan_approval(
        self,
        *,
        id: str,
    ) -> PlanApproval | None:
        """One plan."""
        variables = given({"id": id})
        data = await self._call(_PLAN_APPROVAL, "PlanApproval", variables)
        return None if data["plan"] is None else PlanApproval.read(data["plan"])

    async def plan_as_of(
        self,
        *,
        id: str,
        as_of: int,
        first: int | None = None,
        after: str | None = None,
    ) -> PlanAsOf | None:
        """One plan."""
        variables = given({"id": id, "asOf": as_of, "first": first, "after": after})
        data = await self._call(_PLAN_AS_OF, "PlanAsOf", variables)
        return None if data["plan"] is None else PlanAsOf.read(data["plan"])

    async def plan_end(
        self,
        *,
        id: str,
    ) -> PlanEnd | None:
        """One plan."""
        variables = given({"id": id})
        data = await self._call(_PLAN_END, "PlanEnd", variables)
        return None if data["plan"] is None else PlanEnd.read(data["plan"])

    async def plan_spending(
        self,
        *,
        id: str,
    ) -> PlanSpending | None:
        """One plan."""
        variables = given({"id": id})
        data = await self._call(_PLAN_SPENDING, "PlanSpending", variables)
        return None if data["plan"] is None else PlanSpending.read(data["plan"])

    async def plans(
        self,
        *,
        project_id: str,
        status: PlanStatus | None = None,
        latest_first: bool | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Plans:
        """Plans of a project, or of one of its contexts."""
        variables = given(
            {
                "projectId": project_id,
                "status": status,
                "latestFirst": latest_first,
                "first": first,
                "after": after,
            }
        )
        data = await self._call(_PLANS, "Plans", variables)
        return Plans.read(data["plans"])

    async def plans_using(
        self,
        *,
        project_id: str,
        capability: str,
        first: int | None = None,
        after: str | None = None,
    ) -> PlansUsing:
        """Plans of a project with steps that use a capability, by id."""
        variables = given(
            {
                "projectId": project_id,
                "capability": capability,
                "first": first,
                "after": after,
            }
        )
        data = await self._call(_PLANS_USING, "PlansUsing", variables)
        return PlansUsing.read(data["plansUsing"])

    async def project(
        self,
        *,
        id: str,
    ) -> Project | None:
        """One project by global id or UUID."""
        variables = given({"id": id})
        data = await self._call(_PROJECT, "Project", variables)
        return None if data["project"] is None else Project.read(data["project"])

    async def project_policy(
        self,
        *,
        id: str,
    ) -> ProjectPolicy | None:
        """One project by global id or UUID."""
        variables = given({"id": id})
        data = await self._call(_PROJECT_POLICY, "ProjectPolicy", variables)
        return None if data["project"] is None else ProjectPolicy.read(data["project"])

    async def project_spending(
        self,
        *,
        id: str,
    ) -> ProjectSpending | None:
        """One project by global id or UUID."""
        variables = given({"id": id})
        data = await self._call(_PROJECT_SPENDING, "ProjectSpending", variables)
        return None if data["project"] is None else ProjectSpending.read(data["project"])

    async def projects(
        self,
        *,
        name: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Projects:
        """Projects by name; with `name` the one of exactly that name."""
        variables = given({"name": name, "first": first, "after": after})
        data = await self._call(_PROJECTS, "Projects", variables)
        return Projects.read(data["projects"])

    async def propose_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> PlanPayload:
        """draft → proposed."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_PROPOSE_PLAN, "ProposePlan", variables)
        return member(data["proposePlan"], _PROPOSE_PLAN_MEMBERS)

    async def read_events(
        self,
        *,
        project_id: str,
        after: str | None = None,
        first: int | None = None,
        families: list[EventFamily] | None = None,
        plan_id: str | None = None,
    ) -> EventPage:
        """One page of a project's log behind `after`; filters leave events out, the cursor moves over …"""
        variables = given(
            {
                "projectId": project_id,
                "after": after,
                "first": first,
                "families": families,
                "planId": plan_id,
            }
        )
        data = await self._call(_READ_EVENTS, "ReadEvents", variables)
        return member(data["events"], _READ_EVENTS_MEMBERS)

    async def record_event(
        self,
        *,
        family: EventFamily,
        project_id: str,
        type: str,
        command_id: str | None = None,
        correlation_id: str | None = None,
        fields: Any = None,
        payload: Any = None,
        plan_id: str | None = None,
    ) -> EventPayload:
        """Record an event in the project's log; it changes nothing else."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "correlationId": correlation_id,
                        "family": family,
                        "fields": fields,
                        "payload": payload,
                        "planId": plan_id,
                        "projectId": project_id,
                        "type": type,
                    }
                ),
            }
        )
        data = await self._call(_RECORD_EVENT, "RecordEvent", variables)
        return member(data["recordEvent"], _RECORD_EVENT_MEMBERS)

    async def refresh_dependent(
        self,
        *,
        dependent_id: str,
        project_id: str,
        command_id: str | None = None,
    ) -> RefreshDependentPayload:
        """Say that a stale plan or step was looked at."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "dependentId": dependent_id,
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_REFRESH_DEPENDENT, "RefreshDependent", variables)
        return member(data["refreshDependent"], _REFRESH_DEPENDENT_MEMBERS)

    async def release_turn(
        self,
        *,
        fence: int,
        id: str,
        worker: str,
        command_id: str | None = None,
    ) -> ReleaseTurnReleaseTurnPayload:
        """Give a turn back unfinished: it is offered again at once."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "fence": fence,
                        "id": id,
                        "worker": worker,
                    }
                ),
            }
        )
        data = await self._call(_RELEASE_TURN, "ReleaseTurn", variables)
        return member(data["releaseTurn"], _RELEASE_TURN_MEMBERS)

    async def remove_dependency(
        self,
        *,
        depends_on: str,
        step_id: str,
        command_id: str | None = None,
    ) -> StepPayload:
        """Take a dependency of a pending step away."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "dependsOn": depends_on,
                        "stepId": step_id,
                    }
                ),
            }
        )
        data = await self._call(_REMOVE_DEPENDENCY, "RemoveDependency", variables)
        return member(data["removeDependency"], _REMOVE_DEPENDENCY_MEMBERS)

    async def report_file_update(
        self,
        *,
        change_type: str,
        file_path: str,
        project_id: str,
        timestamp: str,
        command_id: str | None = None,
        root: str | None = None,
    ) -> FileUpdatePayload:
        """Tell of a change of a file: its time is compared with the graph's, and a drift is flagged."""
        variables = given(
            {
                "input": given(
                    {
                        "changeType": change_type,
                        "commandId": command_id_or_new(command_id),
                        "filePath": file_path,
                        "projectId": project_id,
                        "root": root,
                        "timestamp": timestamp,
                    }
                ),
            }
        )
        data = await self._call(_REPORT_FILE_UPDATE, "ReportFileUpdate", variables)
        return member(data["reportFileUpdate"], _REPORT_FILE_UPDATE_MEMBERS)

    async def rerun_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        from_step: str | None = None,
    ) -> RerunPayload:
        """Make a draft that runs a finished plan again; what holds of it is taken over and not executed …"""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "fromStep": from_step,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_RERUN_PLAN, "RerunPlan", variables)
        return member(data["rerunPlan"], _RERUN_PLAN_MEMBERS)

    async def resource_pools(
        self,
        *,
        first: int | None = None,
        after: str | None = None,
    ) -> list[PoolSummary]:
        """Resource pools by name, with what is held of them now."""
        variables = given({"first": first, "after": after})
        data = await self._call(_RESOURCE_POOLS, "ResourcePools", variables)
        return [PoolSummary.read(item) for item in data["resources"]]

    async def resource_shares(
        self,
        *,
        name: str,
        first: int | None = None,
    ) -> list[ResourceShares]:
        """Resource pools by name, with what is held of them now."""
        variables = given({"name": name, "first": first})
        data = await self._call(_RESOURCE_SHARES, "ResourceShares", variables)
        return [ResourceShares.read(item) for item in data["resources"]]

    async def restore_snapshot(
        self,
        *,
        project_id: str,
        snapshot_id: str,
        command_id: str | None = None,
    ) -> RestorePayload:
        """Bring nodes, edges and values back to a snapshot; traces and the log stay. A running plan is …"""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "projectId": project_id,
                        "snapshotId": snapshot_id,
                    }
                ),
            }
        )
        data = await self._call(_RESTORE_SNAPSHOT, "RestoreSnapshot", variables)
        return member(data["restoreSnapshot"], _RESTORE_SNAPSHOT_MEMBERS)

    async def resume_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> PlanPayload:
        """Go on with a paused plan."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_RESUME_PLAN, "ResumePlan", variables)
        return member(data["resumePlan"], _RESUME_PLAN_MEMBERS)

    async def resume_workflow(
        self,
        *,
        execution_id: str,
        project_id: str,
        command_id: str | None = None,
    ) -> WorkflowPayload:
        """Go on with a paused execution; no completed stage runs again."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "executionId": execution_id,
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_RESUME_WORKFLOW, "ResumeWorkflow", variables)
        return member(data["resumeWorkflow"], _RESUME_WORKFLOW_MEMBERS)

    async def revise_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> PlanPayload:
        """proposed → draft."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_REVISE_PLAN, "RevisePlan", variables)
        return member(data["revisePlan"], _REVISE_PLAN_MEMBERS)

    async def role_names(
        self,
        *,
        project_id: str,
        after: str | None = None,
    ) -> RoleNames:
        """Roles of a project."""
        variables = given({"projectId": project_id, "after": after})
        data = await self._call(_ROLE_NAMES, "RoleNames", variables)
        return RoleNames.read(data["roles"])

    async def saved_answer(
        self,
        *,
        name: str,
        project_id: str,
        plan_id: str | None = None,
        step_key: str | None = None,
        limit: int | None = None,
    ) -> SavedAnswer:
        """The answer to a saved question about a project."""
        variables = given(
            {
                "name": name,
                "projectId": project_id,
                "planId": plan_id,
                "stepKey": step_key,
                "limit": limit,
            }
        )
        data = await self._call(_SAVED_ANSWER, "SavedAnswer", variables)
        return SavedAnswer.read(data["savedAnswer"])

    async def saved_questions(
        self,
    ) -> list[SavedQuestions]:
        """The questions that ship with the platform."""
        variables = given({})
        data = await self._call(_SAVED_QUESTIONS, "SavedQuestions", variables)
        return [SavedQuestions.read(item) for item in data["savedQuestions"]]

    async def session(
        self,
        *,
        id: str,
        after_number: int | None = None,
    ) -> Session | None:
        """The session of a collab: the one under way, or its last; null when there is no such collab."""
        variables = given({"id": id, "afterNumber": after_number})
        data = await self._call(_SESSION, "Session", variables)
        return None if data["session"] is None else Session.read(data["session"])

    async def session_profile_events(
        self,
        *,
        id: str,
    ) -> SessionProfileEvents | None:
        """The session of a collab: the one under way, or its last; null when there is no such collab."""
        variables = given({"id": id})
        data = await self._call(_SESSION_PROFILE_EVENTS, "SessionProfileEvents", variables)
        return None if data["session"] is None else SessionProfileEvents.read(data["session"])

    async def set_budget(
        self,
        *,
        id: str,
        budget: BudgetInput | None = None,
        command_id: str | None = None,
    ) -> BudgetPayload:
        """Set the budget of a project, plan or step, also while it runs; what is spent stays."""
        variables = given(
            {
                "input": given(
                    {
                        "budget": None if budget is None else budget.data(),
                        "commandId": command_id_or_new(command_id),
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_SET_BUDGET, "SetBudget", variables)
        return member(data["setBudget"], _SET_BUDGET_MEMBERS)

    async def set_kill_switch(
        self,
        *,
        on: bool,
        action_type: str | None = None,
        command_id: str | None = None,
        plan_id: str | None = None,
        project_id: str | None = None,
        reason: str | None = None,
    ) -> KillSwitchPayload:
        """Switch a kill switch on or off. What it is about is denied before it runs, and stopped where …"""
        variables = given(
            {
                "input": given(
                    {
                        "actionType": action_type,
                        "commandId": command_id_or_new(command_id),
                        "on": on,
                        "planId": plan_id,
                        "projectId": project_id,
                        "reason": reason,
                    }
                ),
            }
        )
        data = await self._call(_SET_KILL_SWITCH, "SetKillSwitch", variables)
        return member(data["setKillSwitch"], _SET_KILL_SWITCH_MEMBERS)

    async def set_project_policy(
        self,
        *,
        project_id: str,
        command_id: str | None = None,
        policy: Any = None,
    ) -> ProjectPolicyPayload:
        """Set what holds for every step of a project unless its plan or the step says otherwise."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "policy": policy,
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_SET_PROJECT_POLICY, "SetProjectPolicy", variables)
        return member(data["setProjectPolicy"], _SET_PROJECT_POLICY_MEMBERS)

    async def set_snapshot_policy(
        self,
        *,
        before_start: bool,
        project_id: str,
        command_id: str | None = None,
    ) -> SnapshotPolicyPayload:
        """Set whether a project saves a snapshot whenever one of its plans starts; it does unless told …"""
        variables = given(
            {
                "input": given(
                    {
                        "beforeStart": before_start,
                        "commandId": command_id_or_new(command_id),
                        "projectId": project_id,
                    }
                ),
            }
        )
        data = await self._call(_SET_SNAPSHOT_POLICY, "SetSnapshotPolicy", variables)
        return member(data["setSnapshotPolicy"], _SET_SNAPSHOT_POLICY_MEMBERS)

    async def set_value(
        self,
        *,
        key: str,
        project_id: str,
        value: Any,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> ValuePayload:
        """Keep a value under a key of a project; an equal one changes nothing."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "key": key,
                        "projectId": project_id,
                        "value": value,
                    }
                ),
            }
        )
        data = await self._call(_SET_VALUE, "SetValue", variables)
        return member(data["setValue"], _SET_VALUE_MEMBERS)

    async def snapshots(
        self,
        *,
        project_id: str,
        plan_id: str | None = None,
        first: int | None = None,
        upto: int | None = None,
    ) -> list[SnapshotSummary]:
        """Snapshots of a project, or of one plan, the latest first; `upto` is the highest `seq` wanted."""
        variables = given({"projectId": project_id, "planId": plan_id, "first": first, "upto": upto})
        data = await self._call(_SNAPSHOTS, "Snapshots", variables)
        return [SnapshotSummary.read(item) for item in data["snapshots"]]

    async def start_plan(
        self,
        *,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> PlanPayload:
        """approved → in_progress, when somebody offers every capability of the plan."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_START_PLAN, "StartPlan", variables)
        return member(data["startPlan"], _START_PLAN_MEMBERS)

    async def start_session(
        self,
        *,
        collab_id: str,
        plan_id: str,
        bindings: Any = None,
        command_id: str | None = None,
        expected_revision: int | None = None,
        loop_after: int | None = None,
        metadata: Any = None,
    ) -> SessionPayload:
        """Begin a session. Refused, with nothing dispatched, unless somebody can take every turn."""
        variables = given(
            {
                "input": given(
                    {
                        "bindings": bindings,
                        "collabId": collab_id,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "loopAfter": loop_after,
                        "metadata": metadata,
                        "planId": plan_id,
                    }
                ),
            }
        )
        data = await self._call(_START_SESSION, "StartSession", variables)
        return member(data["startSession"], _START_SESSION_MEMBERS)

    async def step_facts(
        self,
        *,
        id: str,
    ) -> StepFacts | None:
        """One step."""
        variables = given({"id": id})
        data = await self._call(_STEP_FACTS, "StepFacts", variables)
        return None if data["step"] is None else StepFacts.read(data["step"])

    async def step_output(
        self,
        *,
        id: str,
    ) -> StepOutput | None:
        """One step."""
        variables = given({"id": id})
        data = await self._call(_STEP_OUTPUT, "StepOutput", variables)
        return None if data["step"] is None else StepOutput.read(data["step"])

    async def step_results(
        self,
        *,
        plan_id: str,
        first: int | None = None,
        after: str | None = None,
    ) -> StepResults:
        """Steps of a plan, in the order of the plan."""
        variables = given({"planId": plan_id, "first": first, "after": after})
        data = await self._call(_STEP_RESULTS, "StepResults", variables)
        return StepResults.read(data["steps"])

    async def steps(
        self,
        *,
        plan_id: str,
        status: StepStatus | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Steps:
        """Steps of a plan, in the order of the plan."""
        variables = given({"planId": plan_id, "status": status, "first": first, "after": after})
        data = await self._call(_STEPS, "Steps", variables)
        return Steps.read(data["steps"])

    async def system_health(
        self,
    ) -> SystemHealth:
        """How database, orchestrators and modules are now; asking leaves nothing in the history."""
        variables = given({})
        data = await self._call(_SYSTEM_HEALTH, "SystemHealth", variables)
        return SystemHealth.read(data["systemHealth"])

    async def system_metrics(
        self,
        *,
        project_id: str | None = None,
    ) -> SystemMetrics:
        """How many plans run and ended, how long they take, and how busy machine and database are."""
        variables = given({"projectId": project_id})
        data = await self._call(_SYSTEM_METRICS, "SystemMetrics", variables)
        return SystemMetrics.read(data["systemMetrics"])

    async def system_overview(
        self,
        *,
        project_id: str | None = None,
    ) -> SystemOverview:
        """All that runs now: plans, orchestrators, modules, agents, resources, open alerts."""
        variables = given({"projectId": project_id})
        data = await self._call(_SYSTEM_OVERVIEW, "SystemOverview", variables)
        return SystemOverview.read(data["systemOverview"])

    async def take_snapshot(
        self,
        *,
        project_id: str,
        command_id: str | None = None,
        plan_id: str | None = None,
        reason: str | None = None,
    ) -> SnapshotPayload:
        """Save the state of a project, or of one plan; it costs the same whatever its size."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "planId": plan_id,
                        "projectId": project_id,
                        "reason": reason,
                    }
                ),
            }
        )
        data = await self._call(_TAKE_SNAPSHOT, "TakeSnapshot", variables)
        return member(data["takeSnapshot"], _TAKE_SNAPSHOT_MEMBERS)

    async def track_resource(
        self,
        *,
        project_id: str,
        root: str,
        command_id: str | None = None,
        settings: Any = None,
    ) -> ResourcePayload:
        """Track a directory by name, or set how it is tracked."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "projectId": project_id,
                        "root": root,
                        "settings": settings,
                    }
                ),
            }
        )
        data = await self._call(_TRACK_RESOURCE, "TrackResource", variables)
        return member(data["trackResource"], _TRACK_RESOURCE_MEMBERS)

    async def tracked_resources(
        self,
        *,
        project_id: str,
        first: int | None = None,
        after: str | None = None,
        states: list[ResourceState] | None = None,
    ) -> TrackedResources:
        """What a project tracks outside the graph, by uri: directories, files, git refs."""
        variables = given({"projectId": project_id, "first": first, "after": after, "states": states})
        data = await self._call(_TRACKED_RESOURCES, "TrackedResources", variables)
        return TrackedResources.read(data["trackedResources"])

    async def transition_collab(
        self,
        *,
        id: str,
        status: CollabStatus,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> CollabPayload:
        """Change the status of a collab by its lifecycle."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_TRANSITION_COLLAB, "TransitionCollab", variables)
        return member(data["transitionCollab"], _TRANSITION_COLLAB_MEMBERS)

    async def transition_context(
        self,
        *,
        id: str,
        status: ContextStatus,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> ContextPayload:
        """Change the status of a context by its lifecycle."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_TRANSITION_CONTEXT, "TransitionContext", variables)
        return member(data["transitionContext"], _TRANSITION_CONTEXT_MEMBERS)

    async def transition_core(
        self,
        *,
        id: str,
        status: CoreStatus,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> CorePayload:
        """Change the status of a core by its lifecycle."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_TRANSITION_CORE, "TransitionCore", variables)
        return member(data["transitionCore"], _TRANSITION_CORE_MEMBERS)

    async def transition_dialog(
        self,
        *,
        id: str,
        status: DialogStatus,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> DialogPayload:
        """Change the status of a dialog by its lifecycle."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_TRANSITION_DIALOG, "TransitionDialog", variables)
        return member(data["transitionDialog"], _TRANSITION_DIALOG_MEMBERS)

    async def transition_extension(
        self,
        *,
        id: str,
        status: ExtensionStatus,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> ExtensionPayload:
        """Change the status of an extension by its lifecycle."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_TRANSITION_EXTENSION, "TransitionExtension", variables)
        return member(data["transitionExtension"], _TRANSITION_EXTENSION_MEMBERS)

    async def transition_network(
        self,
        *,
        id: str,
        status: NetworkStatus,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> NetworkPayload:
        """Change the status of a network by its lifecycle."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_TRANSITION_NETWORK, "TransitionNetwork", variables)
        return member(data["transitionNetwork"], _TRANSITION_NETWORK_MEMBERS)

    async def transition_network_node(
        self,
        *,
        id: str,
        status: NetworkNodeStatus,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> NetworkNodePayload:
        """Change the status of a node of a network by its lifecycle."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                        "status": status,
                    }
                ),
            }
        )
        data = await self._call(_TRANSITION_NETWORK_NODE, "TransitionNetworkNode", variables)
        return member(data["transitionNetworkNode"], _TRANSITION_NETWORK_NODE_MEMBERS)

    async def untrack_resource(
        self,
        *,
        project_id: str,
        uri: str,
        command_id: str | None = None,
    ) -> ResourcePayload:
        """Forget a tracked resource, a directory with all that is below it; no file is touched."""
        variables = given(
            {
                "input": given(
                    {
                        "commandId": command_id_or_new(command_id),
                        "projectId": project_id,
                        "uri": uri,
                    }
                ),
            }
        )
        data = await self._call(_UNTRACK_RESOURCE, "UntrackResource", variables)
        return member(data["untrackResource"], _UNTRACK_RESOURCE_MEMBERS)

    async def update_collab(
        self,
        *,
        changes: Any,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> CollabPayload:
        """Set fields of a collab."""
        variables = given(
            {
                "input": given(
                    {
                        "changes": changes,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_UPDATE_COLLAB, "UpdateCollab", variables)
        return member(data["updateCollab"], _UPDATE_COLLAB_MEMBERS)

    async def update_core(
        self,
        *,
        changes: Any,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> CorePayload:
        """Set fields of a core."""
        variables = given(
            {
                "input": given(
                    {
                        "changes": changes,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_UPDATE_CORE, "UpdateCore", variables)
        return member(data["updateCore"], _UPDATE_CORE_MEMBERS)

    async def update_dialog(
        self,
        *,
        changes: Any,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> DialogPayload:
        """Set fields of a dialog."""
        variables = given(
            {
                "input": given(
                    {
                        "changes": changes,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_UPDATE_DIALOG, "UpdateDialog", variables)
        return member(data["updateDialog"], _UPDATE_DIALOG_MEMBERS)

    async def update_extension(
        self,
        *,
        changes: Any,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> ExtensionPayload:
        """Set fields of an extension."""
        variables = given(
            {
                "input": given(
                    {
                        "changes": changes,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_UPDATE_EXTENSION, "UpdateExtension", variables)
        return member(data["updateExtension"], _UPDATE_EXTENSION_MEMBERS)

    async def update_network(
        self,
        *,
        changes: Any,
        id: str,
        command_id: str | None = None,
        expected_revision: int | None = None,
    ) -> NetworkPayload:
        """Set fields of a network."""
        variables = given(
            {
                "input": given(
                    {
                        "changes": changes,
                        "commandId": command_id_or_new(command_id),
                        "expectedRevision": expected_revision,
                        "id": id,
                    }
                ),
            }
        )
        data = await self._call(_UPDATE_NETWORK, "UpdateNetwork", variables)
        return member(data["updateNetwork"], _UPDATE_NETWORK_MEMBERS)

    async def value(
        self,
        *,
        project_id: str,
        key: str,
    ) -> StoredValue | None:
        """What a project keeps under a key; null when there is nothing."""
        variables = given({"projectId": project_id, "key": key})
        data = await self._call(_VALUE, "Value", variables)
        return None if data["value"] is None else StoredValue.read(data["value"])

    async def value_keys(
        self,
        *,
        project_id: str,
        prefix: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> ValueKeys:
        """The keys under which a project keeps values, by name; with `prefix` those that begin with it."""
        variables = given({"projectId": project_id, "prefix": prefix, "first": first, "after": after})
        data = await self._call(_VALUE_KEYS, "ValueKeys", variables)
        return ValueKeys.read(data["valueKeys"])

    def watch_alerts(
        self,
        *,
        project_id: str | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[WatchAlertsAlertBatch | Heartbeat | Closing]:
        """Alerts that change behind `after` (absent: from now on), each as it is then."""
        variables = given({"projectId": project_id, "after": after})
        return self._subscribe(
            _WATCH_ALERTS, "WatchAlerts", variables, lambda data: member(data["alerts"], _WATCH_ALERTS_MEMBERS)
        )

    def watch_events(
        self,
        *,
        project_id: str,
        after: str | None = None,
        families: list[EventFamily] | None = None,
        plan_id: str | None = None,
    ) -> AsyncGenerator[EventBatch | Heartbeat | Closing]:
        """Events behind `after` (absent: from the beginning), then new ones as they come."""
        variables = given(
            {
                "projectId": project_id,
                "after": after,
                "families": families,
                "planId": plan_id,
            }
        )
        return self._subscribe(
            _WATCH_EVENTS, "WatchEvents", variables, lambda data: member(data["events"], _WATCH_EVENTS_MEMBERS)
        )

    def watch_plan(
        self,
        *,
        plan_id: str,
        after: str | None = None,
    ) -> AsyncGenerator[PlanProgress | Heartbeat | Closing]:
        """Where a plan stands, now and whenever it changes, until it is finished."""
        variables = given({"planId": plan_id, "after": after})
        return self._subscribe(
            _WATCH_PLAN, "WatchPlan", variables, lambda data: member(data["planProgress"], _WATCH_PLAN_MEMBERS)
        )

    async def workflow(
        self,
        *,
        project_id: str,
        execution_id: str,
    ) -> Workflow | None:
        """An execution of a workflow with its stages; null when there is none."""
        variables = given({"projectId": project_id, "executionId": execution_id})
        data = await self._call(_WORKFLOW, "Workflow", variables)
        return None if data["workflow"] is None else Workflow.read(data["workflow"])

    async def workflows(
        self,
        *,
        project_id: str,
        first: int | None = None,
        status: WorkflowRunStatus | None = None,
    ) -> list[WorkflowExecutionSummary]:
        """Executions of workflows of a project, the latest first."""
        variables = given({"projectId": project_id, "first": first, "status": status})
        data = await self._call(_WORKFLOWS, "Workflows", variables)
        return [WorkflowExecutionSummary.read(item) for item in data["workflows"]]
