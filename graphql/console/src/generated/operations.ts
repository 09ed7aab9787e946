// Written by codegen.mjs from graphql/schema.graphql and src/operations; do not edit.
import type { Operation } from "../api/operation";

export type AlertSeverity = "critical" | "high" | "info" | "low" | "medium";
export type AlertStatus = "acknowledged" | "firing" | "resolved";
export type AllocationStrategy = "fair" | "performance" | "priority";
export type AuditOutcome = "allowed" | "denied" | "failed";
export type CollabMode = "broadcast" | "orchestrated" | "pair" | "round_robin" | "swarm";
export type CollabStatus = "active" | "cancelled" | "completed" | "draft" | "suspended";
export type ConfirmStatus = "approved" | "cancelled" | "pending" | "rejected";
export type ConfirmTargetType = "context" | "extension" | "other" | "plan" | "trace";
export type DecisionStatus = "approved" | "cancelled" | "rejected";
export type EventFamily = "compensation_plan" | "cost_budget" | "delta_intent" | "external_integration" | "graph_update" | "impact_analysis" | "import_process" | "intent" | "methodology" | "pipeline_stage" | "reasoning_graph" | "runtime_execution";
export type EventOp = "create" | "link" | "note" | "restore" | "set" | "tombstone" | "unlink";
export type GrantedRole = "admin" | "agent" | "approver" | "cypher" | "operator" | "viewer";
export type HealthState = "degraded" | "healthy" | "unhealthy";
export type JoinMode = "all" | "any" | "not_skipped" | "settled";
export type OnFailure = "compensate" | "continue" | "replan" | "stop";
export type PlanStatus = "approved" | "cancelled" | "completed" | "draft" | "failed" | "in_progress" | "proposed";
export type SegmentStatus = "cancelled" | "completed" | "failed" | "pending" | "running" | "skipped";
export type SessionState = "cancelled" | "completed" | "failed" | "interrupted" | "none" | "running" | "stopped";
export type StepStatus = "blocked" | "completed" | "failed" | "in_progress" | "pending" | "skipped";
export type StepType = "agent" | "conditional" | "confirm" | "foreach" | "llm" | "plan" | "tool" | "wait";
export type AcknowledgeAlertInput = { commandId?: string | null; id: string; resolve?: boolean };
export type ApprovePlanInput = { commandId?: string | null; expectedRevision?: number | null; id: string; reason?: string | null; role?: string };
export type BudgetInput = { calls?: number | null; cost?: number | null; tokens?: number | null; wallMs?: number | null };
export type CreateApiTokenInput = { actor: string; commandId?: string | null; grant?: boolean; lifeDays?: number | null; note?: string | null; projectIds?: Array<string> | null; roles?: Array<GrantedRole> | null };
export type DecideConfirmInput = { commandId?: string | null; id: string; reason?: string | null; role?: string; status: DecisionStatus };
export type DelegateApprovalInput = { commandId?: string | null; id: string; reason?: string | null; to: string };
export type PlanCommandInput = { commandId?: string | null; expectedRevision?: number | null; id: string };
export type RevokeApiTokenInput = { commandId?: string | null; tokenId: string; withMade?: boolean };
export type RoleGrantInput = { actor: string; commandId?: string | null; projectId?: string | null; role: GrantedRole };
export type SetBudgetInput = { budget?: BudgetInput | null; commandId?: string | null; id: string };
export type AccountFragment = { limit: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); spent: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); reserved: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); remaining: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }) };

export type AlertRowFragment = { id: string; seq: number; name: string; message: string; severity: AlertSeverity; status: AlertStatus; source: string; times: number; projectId: string | null; rule: string | null; startedAt: string | null; changedAt: string | null; resolvedAt: string | null; acknowledgedAt: string | null; acknowledgedBy: string | null; details: unknown };

export type AnswerFragment = { columns: Array<string>; rows: unknown; truncated: boolean; tookMs: number };

export type ApprovalRequestFragment = { id: string; status: ConfirmStatus; reason: string | null; requestedAt: string; requestedByRole: string; targetType: ConfirmTargetType; planId: string | null; stepId: string | null; step: ({ id: string; key: string; description: string; capability: string | null; params: unknown | null; planId: string; plan: ({ id: string; title: string }) | null }) | null; target: (({ __typename: "Collab" | "Confirm" | "Core" | "Decision" | "Dialog" | "Extension" | "Message" | "Network" | "NetworkNode" | "Participant" | "Project" | "Role" | "Step" | "Trace" | "TraceSegment" | "TrackedResource" } & {  }) | ({ __typename: "Context" } & { id: string; title: string }) | ({ __typename: "Plan" } & { id: string; title: string; objective: string; status: PlanStatus; stepsTotal: number })) | null; approval: ({ quorum: number; approvals: number; approvers: Array<string>; roles: Array<string>; expiresAt: string | null; proposedBy: string | null; reasonRequired: boolean; separationOfDuty: boolean; voided: boolean; delegations: unknown }) | null; decisions: Array<({ id: string; status: DecisionStatus; actor: string | null; decidedByRole: string; decidedAt: string; reason: string | null })> };

export type CountsFragment = { total: number; pending: number; inProgress: number; completed: number; blocked: number; skipped: number; failed: number };

export type LogEventFragment = { seq: number; eventId: string; family: EventFamily; type: string; op: EventOp; entityType: string; entityId: string; planId: string | null; actor: string; timestamp: string; fromStatus: string | null; toStatus: string | null; correlationId: string | null; commandId: string | null; changes: unknown | null };

export type PageInfoFragment = { hasNextPage: boolean; endCursor: string | null };

export type PlanHeadFragment = { id: string; uuid: string; projectId: string; title: string; objective: string; status: PlanStatus; paused: boolean; loading: boolean; revision: number; stepsTotal: number; stepsOpen: number; stepsFailed: number; recordedAt: string; startedAt: string | null; finishedAt: string | null; onFailure: OnFailure; goalMet: boolean | null; derivation: string | null; derivedFromId: string | null; parentStepId: string | null; successCriteria: Array<string>; params: unknown | null; traceId: string | null; spending: ({ limit: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); spent: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); reserved: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }) }) | null };

export type PlanRowFragment = { id: string; uuid: string; title: string; objective: string; status: PlanStatus; paused: boolean; loading: boolean; stepsTotal: number; stepsOpen: number; stepsFailed: number; recordedAt: string; startedAt: string | null; finishedAt: string | null; derivation: string | null };

export type RefusalFragment = { code: string; message: string };

export type StepNodeFragment = { id: string; revision: number; key: string; type: StepType; capability: string | null; agentRole: string | null; status: StepStatus; ready: boolean; parked: string | null; dueAt: string | null; position: number; attempt: number; retries: number; waitsFor: number; skipReason: string | null; startedAt: string | null; finishedAt: string | null; dependencyIds: Array<string>; join: JoinMode };

export type SumsFragment = { tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null };

export type AcknowledgeAlertData = { acknowledgeAlert: (({ __typename: "AlertPayload" } & { alert: ({ id: string; status: AlertStatus }) }) | ({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string })) };
export type AcknowledgeAlertVariables = { input: AcknowledgeAlertInput };
export const AcknowledgeAlert: Operation<AcknowledgeAlertData, AcknowledgeAlertVariables> = {
  name: "AcknowledgeAlert",
  kind: "mutation",
  id: "sha256:73604aaf27e2a745a36356f059fe7a3cb3c6ae6bfee33f39041d89ba15cd0586",
  text: "mutation AcknowledgeAlert($input: AcknowledgeAlertInput!) {\n  acknowledgeAlert(input: $input) {\n    __typename\n    ... on AlertPayload {\n      alert {\n        id\n        status\n      }\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type ApiTokensData = { apiTokens: ({ nodes: Array<({ id: string; actor: string; note: string | null; active: boolean; createdAt: string; createdBy: string; expiresAt: string | null; revokedAt: string | null; revokedBy: string | null; projectIds: Array<string> | null; roles: Array<GrantedRole> | null })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type ApiTokensVariables = { after?: string | null };
export const ApiTokens: Operation<ApiTokensData, ApiTokensVariables> = {
  name: "ApiTokens",
  kind: "query",
  id: "sha256:b7c4388314fc20625aaab201e6bd7838eafe7d480ec9ce18fd8930e291661ea2",
  text: "query ApiTokens($after: String) {\n  apiTokens(first: 50, after: $after) {\n    nodes {\n      id\n      actor\n      note\n      active\n      createdAt\n      createdBy\n      expiresAt\n      revokedAt\n      revokedBy\n      projectIds\n      roles\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

export type ApprovePlanData = { approvePlan: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "PlanPayload" } & { seq: number })) };
export type ApprovePlanVariables = { input: ApprovePlanInput };
export const ApprovePlan: Operation<ApprovePlanData, ApprovePlanVariables> = {
  name: "ApprovePlan",
  kind: "mutation",
  id: "sha256:4670d74f17ca8b9376e4dcf5faa62f369887191d806c906086f8f9da41bb21ac",
  text: "mutation ApprovePlan($input: ApprovePlanInput!) {\n  approvePlan(input: $input) {\n    __typename\n    ... on PlanPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type AskCypherData = { cypher: ({ columns: Array<string>; rows: unknown; truncated: boolean; tookMs: number }) };
export type AskCypherVariables = { query: string; params?: unknown | null };
export const AskCypher: Operation<AskCypherData, AskCypherVariables> = {
  name: "AskCypher",
  kind: "query",
  id: "sha256:7a5c0d729a7ee3e5c2da7e5b74c85ab07eb854da43f125ccec19b1dfd23a5c6c",
  text: "query AskCypher($query: String!, $params: JSON) {\n  cypher(query: $query, params: $params) {\n    ...Answer\n  }\n}\n\nfragment Answer on CypherAnswer {\n  columns\n  rows\n  truncated\n  tookMs\n}",
};

export type AskSavedData = { savedAnswer: ({ columns: Array<string>; rows: unknown; truncated: boolean; tookMs: number }) };
export type AskSavedVariables = { name: string; projectId: string; planId?: string | null; stepKey?: string | null };
export const AskSaved: Operation<AskSavedData, AskSavedVariables> = {
  name: "AskSaved",
  kind: "query",
  id: "sha256:2dee2826d381f9c206698735f693f5eb039d767eddb9644e9d7ab87872460829",
  text: "query AskSaved($name: String!, $projectId: ID!, $planId: ID, $stepKey: String) {\n  savedAnswer(\n    name: $name\n    projectId: $projectId\n    planId: $planId\n    stepKey: $stepKey\n  ) {\n    ...Answer\n  }\n}\n\nfragment Answer on CypherAnswer {\n  columns\n  rows\n  truncated\n  tookMs\n}",
};

export type AuditTrailData = { auditRecords: ({ nodes: Array<({ seq: number; at: string; lastAt: string; count: number; actor: string; act: string; outcome: AuditOutcome; reason: string | null; projectId: string | null; tokenId: string | null; requestId: string | null; details: unknown })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type AuditTrailVariables = { after?: string | null; outcome?: AuditOutcome | null };
export const AuditTrail: Operation<AuditTrailData, AuditTrailVariables> = {
  name: "AuditTrail",
  kind: "query",
  id: "sha256:d53e69d52a9fab3815dd550ec95a8851f9368d396ea2900e51320ee381b87cd8",
  text: "query AuditTrail($after: String, $outcome: AuditOutcome) {\n  auditRecords(first: 50, after: $after, outcome: $outcome) {\n    nodes {\n      seq\n      at\n      lastAt\n      count\n      actor\n      act\n      outcome\n      reason\n      projectId\n      tokenId\n      requestId\n      details\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

export type BudgetsData = { project: ({ id: string; name: string; spending: ({ limit: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); spent: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); reserved: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); remaining: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }) }) | null }) | null; plans: ({ nodes: Array<({ id: string; title: string; status: PlanStatus; paused: boolean; spending: ({ limit: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); spent: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); reserved: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); remaining: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }) }) | null })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type BudgetsVariables = { projectId: string; after?: string | null };
export const Budgets: Operation<BudgetsData, BudgetsVariables> = {
  name: "Budgets",
  kind: "query",
  id: "sha256:1b5b22f144fc11675a060e3ee9a6e18eb0833cab87bfd32d46a02e2ae9f2e586",
  text: "query Budgets($projectId: ID!, $after: String) {\n  project(id: $projectId) {\n    id\n    name\n    spending {\n      ...Account\n    }\n  }\n  plans(projectId: $projectId, first: 50, after: $after) {\n    nodes {\n      id\n      title\n      status\n      paused\n      spending {\n        ...Account\n      }\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment Account on Spending {\n  limit {\n    ...Sums\n  }\n  spent {\n    ...Sums\n  }\n  reserved {\n    ...Sums\n  }\n  remaining {\n    ...Sums\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}\n\nfragment Sums on Amounts {\n  tokens\n  cost\n  calls\n  wallMs\n}",
};

export type CancelPlanData = { cancelPlan: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "PlanPayload" } & { seq: number })) };
export type CancelPlanVariables = { input: PlanCommandInput };
export const CancelPlan: Operation<CancelPlanData, CancelPlanVariables> = {
  name: "CancelPlan",
  kind: "mutation",
  id: "sha256:959a0caad91ea3d5d0a81d6e0c984d6a6c6ad775d20944a5e16b88ba4b4ca4b2",
  text: "mutation CancelPlan($input: PlanCommandInput!) {\n  cancelPlan(input: $input) {\n    __typename\n    ... on PlanPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type CollabSessionData = { collab: ({ id: string; title: string; purpose: string; mode: CollabMode; status: CollabStatus }) | null; session: ({ uuid: string; state: SessionState; mode: CollabMode; number: number; reason: string | null; planId: string | null; planStatus: PlanStatus | null; planPaused: boolean; turnCount: number; loopAfter: number | null; participants: Array<({ participantId: string; kind: string; role: string | null })>; turns: Array<({ number: number; turnId: string; stepId: string; stepKey: string; participantId: string; agent: string | null; executedBy: string | null; status: StepStatus; startedAt: string | null; finishedAt: string | null })> }) | null };
export type CollabSessionVariables = { collabId: string };
export const CollabSession: Operation<CollabSessionData, CollabSessionVariables> = {
  name: "CollabSession",
  kind: "query",
  id: "sha256:7fd8602fddb3d41c64c7cd70096d2d7c0f47f3bda8497cb24b79e022cbb5aed5",
  text: "query CollabSession($collabId: ID!) {\n  collab(id: $collabId) {\n    id\n    title\n    purpose\n    mode\n    status\n  }\n  session(collabId: $collabId) {\n    uuid\n    state\n    mode\n    number\n    reason\n    planId\n    planStatus\n    planPaused\n    turnCount\n    loopAfter\n    participants {\n      participantId\n      kind\n      role\n    }\n    turns(first: 100) {\n      number\n      turnId\n      stepId\n      stepKey\n      participantId\n      agent\n      executedBy\n      status\n      startedAt\n      finishedAt\n    }\n  }\n}",
};

export type CollabsData = { collabs: ({ nodes: Array<({ id: string; title: string; purpose: string; mode: CollabMode; status: CollabStatus; updatedAt: string | null; recordedAt: string })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type CollabsVariables = { projectId: string; after?: string | null };
export const Collabs: Operation<CollabsData, CollabsVariables> = {
  name: "Collabs",
  kind: "query",
  id: "sha256:6e6338adbc24b34907ff5815255b2524641846f97db529566ec4472b3f62d44e",
  text: "query Collabs($projectId: ID!, $after: String) {\n  collabs(projectId: $projectId, first: 50, after: $after) {\n    nodes {\n      id\n      title\n      purpose\n      mode\n      status\n      updatedAt\n      recordedAt\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

export type CreateApiTokenData = { createApiToken: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "CreatedApiTokenPayload" } & { text: string; token: ({ id: string; actor: string }) })) };
export type CreateApiTokenVariables = { input: CreateApiTokenInput };
export const CreateApiToken: Operation<CreateApiTokenData, CreateApiTokenVariables> = {
  name: "CreateApiToken",
  kind: "mutation",
  id: "sha256:0aee180b86b3a1bb3d99198267b80282e00602009e3035884011f16457523881",
  text: "mutation CreateApiToken($input: CreateApiTokenInput!) {\n  createApiToken(input: $input) {\n    __typename\n    ... on CreatedApiTokenPayload {\n      text\n      token {\n        id\n        actor\n      }\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type DecideConfirmData = { decideConfirm: (({ __typename: "ConfirmPayload" } & { seq: number }) | ({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string })) };
export type DecideConfirmVariables = { input: DecideConfirmInput };
export const DecideConfirm: Operation<DecideConfirmData, DecideConfirmVariables> = {
  name: "DecideConfirm",
  kind: "mutation",
  id: "sha256:9b1f50f771d4c6bcb5bd727eb1dce9415e704242dadae5d56563e62bfc7d92a5",
  text: "mutation DecideConfirm($input: DecideConfirmInput!) {\n  decideConfirm(input: $input) {\n    __typename\n    ... on ConfirmPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type DecideRequestData = { decideConfirm: (({ __typename: "ConfirmPayload" } & { seq: number; confirm: ({ id: string; status: ConfirmStatus }) }) | ({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string })) };
export type DecideRequestVariables = { input: DecideConfirmInput };
export const DecideRequest: Operation<DecideRequestData, DecideRequestVariables> = {
  name: "DecideRequest",
  kind: "mutation",
  id: "sha256:2f943ba2549ec2033a35458baa136cb6f87d24b8a8c46f8d2e865633307c4b07",
  text: "mutation DecideRequest($input: DecideConfirmInput!) {\n  decideConfirm(input: $input) {\n    __typename\n    ... on ConfirmPayload {\n      seq\n      confirm {\n        id\n        status\n      }\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type DelegateRequestData = { delegateApproval: (({ __typename: "ConfirmPayload" } & { seq: number }) | ({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string })) };
export type DelegateRequestVariables = { input: DelegateApprovalInput };
export const DelegateRequest: Operation<DelegateRequestData, DelegateRequestVariables> = {
  name: "DelegateRequest",
  kind: "mutation",
  id: "sha256:4b4bda32eaf47f9bc776ef5ac7ddea178efcc44dea3e65ce6848ce2ad98b9306",
  text: "mutation DelegateRequest($input: DelegateApprovalInput!) {\n  delegateApproval(input: $input) {\n    __typename\n    ... on ConfirmPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type EventHeadData = { project: ({ id: string; cursor: string }) | null };
export type EventHeadVariables = { projectId: string };
export const EventHead: Operation<EventHeadData, EventHeadVariables> = {
  name: "EventHead",
  kind: "query",
  id: "sha256:181551b5c7b90728775a1fd5436c47ca78274e19b5a136114aeece7cc26f168b",
  text: "query EventHead($projectId: ID!) {\n  project(id: $projectId) {\n    id\n    cursor\n  }\n}",
};

export type EventPageData = { events: (({ __typename: "CursorExpired" } & { code: string; message: string; cursor: string }) | ({ __typename: "EventPage" } & { events: Array<({ seq: number; eventId: string; family: EventFamily; type: string; op: EventOp; entityType: string; entityId: string; planId: string | null; actor: string; timestamp: string; fromStatus: string | null; toStatus: string | null; correlationId: string | null; commandId: string | null; changes: unknown | null })>; cursor: string; head: string; hasNextPage: boolean })) };
export type EventPageVariables = { projectId: string; after?: string | null; families?: Array<EventFamily> | null; planId?: string | null };
export const EventPage: Operation<EventPageData, EventPageVariables> = {
  name: "EventPage",
  kind: "query",
  id: "sha256:d85843b69efcf2479fec5d19abc7eab92f5b5d69ea7f43d16bfb4032ff8a26fd",
  text: "query EventPage($projectId: ID!, $after: String, $families: [EventFamily!], $planId: ID) {\n  events(\n    projectId: $projectId\n    after: $after\n    first: 100\n    families: $families\n    planId: $planId\n  ) {\n    __typename\n    ... on EventPage {\n      events {\n        ...LogEvent\n      }\n      cursor\n      head\n      hasNextPage\n    }\n    ... on CursorExpired {\n      code\n      message\n      cursor\n    }\n  }\n}\n\nfragment LogEvent on Event {\n  seq\n  eventId\n  family\n  type\n  op\n  entityType\n  entityId\n  planId\n  actor\n  timestamp\n  fromStatus\n  toStatus\n  correlationId\n  commandId\n  changes\n}",
};

export type GrantRoleData = { grantRole: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "RoleGrantPayload" } & { changed: boolean })) };
export type GrantRoleVariables = { input: RoleGrantInput };
export const GrantRole: Operation<GrantRoleData, GrantRoleVariables> = {
  name: "GrantRole",
  kind: "mutation",
  id: "sha256:60649437fab3d482bcea2b137b9e708a56d0b38cc148f570ddf542839a86b60d",
  text: "mutation GrantRole($input: RoleGrantInput!) {\n  grantRole(input: $input) {\n    __typename\n    ... on RoleGrantPayload {\n      changed\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type GrantsData = { grants: ({ nodes: Array<({ actor: string; projectId: string | null; role: GrantedRole; grantedAt: string; grantedBy: string })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type GrantsVariables = { after?: string | null };
export const Grants: Operation<GrantsData, GrantsVariables> = {
  name: "Grants",
  kind: "query",
  id: "sha256:3905f7bf155e79c4ac383a74cd394a418a0002c960f5a1dc4f5fdfd7bc646a01",
  text: "query Grants($after: String) {\n  grants(first: 50, after: $after) {\n    nodes {\n      actor\n      projectId\n      role\n      grantedAt\n      grantedBy\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

export type LogEventsData = { events: (({ __typename: "Closing" } & { cursor: string; reason: string }) | ({ __typename: "CursorExpired" } & { code: string; message: string; cursor: string }) | ({ __typename: "EventBatch" } & { cursor: string; events: Array<({ seq: number; eventId: string; family: EventFamily; type: string; op: EventOp; entityType: string; entityId: string; planId: string | null; actor: string; timestamp: string; fromStatus: string | null; toStatus: string | null; correlationId: string | null; commandId: string | null; changes: unknown | null })> }) | ({ __typename: "Heartbeat" } & { cursor: string })) };
export type LogEventsVariables = { projectId: string; after?: string | null; families?: Array<EventFamily> | null; planId?: string | null };
export const LogEvents: Operation<LogEventsData, LogEventsVariables> = {
  name: "LogEvents",
  kind: "subscription",
  id: "sha256:229bb44f2b8c9f9355d8f48597299e83fcbde8c506c483d667066fd4919fcc0c",
  text: "subscription LogEvents($projectId: ID!, $after: String, $families: [EventFamily!], $planId: ID) {\n  events(\n    projectId: $projectId\n    after: $after\n    families: $families\n    planId: $planId\n  ) {\n    __typename\n    ... on EventBatch {\n      cursor\n      events {\n        ...LogEvent\n      }\n    }\n    ... on Heartbeat {\n      cursor\n    }\n    ... on Closing {\n      cursor\n      reason\n    }\n    ... on CursorExpired {\n      code\n      message\n      cursor\n    }\n  }\n}\n\nfragment LogEvent on Event {\n  seq\n  eventId\n  family\n  type\n  op\n  entityType\n  entityId\n  planId\n  actor\n  timestamp\n  fromStatus\n  toStatus\n  correlationId\n  commandId\n  changes\n}",
};

export type MeData = { viewer: ({ name: string; method: string; unrestricted: boolean; tokenId: string | null; grants: Array<({ projectId: string | null; roles: Array<GrantedRole> })> }) };
export type MeVariables = {  };
export const Me: Operation<MeData, MeVariables> = {
  name: "Me",
  kind: "query",
  id: "sha256:102c8210850bf9ec42c5223318063ccacf0b3d2d37a6674edc51355265dcab64",
  text: "query Me {\n  viewer {\n    name\n    method\n    unrestricted\n    tokenId\n    grants {\n      projectId\n      roles\n    }\n  }\n}",
};

export type OffersData = { capabilities: ({ nodes: Array<({ reference: string; offeredBy: number; enabled: boolean })> }) };
export type OffersVariables = { name: string };
export const Offers: Operation<OffersData, OffersVariables> = {
  name: "Offers",
  kind: "query",
  id: "sha256:45e0e88370bad28aebc437511b839b860cc7356cfdbef184bacad2f1276490ca",
  text: "query Offers($name: String!) {\n  capabilities(name: $name, first: 20) {\n    nodes {\n      reference\n      offeredBy\n      enabled\n    }\n  }\n}",
};

export type OpenAlertsData = { alerts: Array<({ id: string; seq: number; name: string; message: string; severity: AlertSeverity; status: AlertStatus; source: string; times: number; projectId: string | null; rule: string | null; startedAt: string | null; changedAt: string | null; resolvedAt: string | null; acknowledgedAt: string | null; acknowledgedBy: string | null; details: unknown })> };
export type OpenAlertsVariables = { status?: AlertStatus | null; before?: number | null };
export const OpenAlerts: Operation<OpenAlertsData, OpenAlertsVariables> = {
  name: "OpenAlerts",
  kind: "query",
  id: "sha256:3be329a64db871a1afd16533f7995267d15263e730703b95576e5be788fa790c",
  text: "query OpenAlerts($status: AlertStatus, $before: Long) {\n  alerts(status: $status, first: 50, before: $before) {\n    ...AlertRow\n  }\n}\n\nfragment AlertRow on Alert {\n  id\n  seq\n  name\n  message\n  severity\n  status\n  source\n  times\n  projectId\n  rule\n  startedAt\n  changedAt\n  resolvedAt\n  acknowledgedAt\n  acknowledgedBy\n  details\n}",
};

export type OverviewData = { systemOverview: ({ sessions: Array<unknown>; agents: Array<unknown>; modules: Array<unknown>; counts: unknown; missing: unknown }) };
export type OverviewVariables = { projectId?: string | null };
export const Overview: Operation<OverviewData, OverviewVariables> = {
  name: "Overview",
  kind: "query",
  id: "sha256:d0304c1360f36237090aabe47bb97bdb93dbb69ebf2465ff1c7664273b43b57a",
  text: "query Overview($projectId: ID) {\n  systemOverview(projectId: $projectId) {\n    sessions\n    agents\n    modules\n    counts\n    missing\n  }\n}",
};

export type PausePlanData = { pausePlan: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "PlanPayload" } & { seq: number })) };
export type PausePlanVariables = { input: PlanCommandInput };
export const PausePlan: Operation<PausePlanData, PausePlanVariables> = {
  name: "PausePlan",
  kind: "mutation",
  id: "sha256:1b6b43a9ea3b7b98a0688728443e3b0ef518d012b6c5d19560587ce12631c63d",
  text: "mutation PausePlan($input: PlanCommandInput!) {\n  pausePlan(input: $input) {\n    __typename\n    ... on PlanPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type PendingApprovalsData = { confirms: ({ nodes: Array<({ id: string; planId: string | null; stepId: string | null; reason: string | null; requestedByRole: string; approval: ({ quorum: number; approvals: number; approvers: Array<string>; roles: Array<string>; expiresAt: string | null; reasonRequired: boolean }) | null })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type PendingApprovalsVariables = { projectId: string; after?: string | null };
export const PendingApprovals: Operation<PendingApprovalsData, PendingApprovalsVariables> = {
  name: "PendingApprovals",
  kind: "query",
  id: "sha256:76d3152dd9ea2f072aa64e2cf2921dd841067534d22b54cfd29d8018d715a1db",
  text: "query PendingApprovals($projectId: ID!, $after: String) {\n  confirms(projectId: $projectId, status: pending, first: 100, after: $after) {\n    nodes {\n      id\n      planId\n      stepId\n      reason\n      requestedByRole\n      approval {\n        quorum\n        approvals\n        approvers\n        roles\n        expiresAt\n        reasonRequired\n      }\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

export type PlanData = { plan: ({ id: string; uuid: string; projectId: string; title: string; objective: string; status: PlanStatus; paused: boolean; loading: boolean; revision: number; stepsTotal: number; stepsOpen: number; stepsFailed: number; recordedAt: string; startedAt: string | null; finishedAt: string | null; onFailure: OnFailure; goalMet: boolean | null; derivation: string | null; derivedFromId: string | null; parentStepId: string | null; successCriteria: Array<string>; params: unknown | null; traceId: string | null; spending: ({ limit: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); spent: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }); reserved: ({ tokens: number | null; cost: number | null; calls: number | null; wallMs: number | null }) }) | null }) | null };
export type PlanVariables = { id: string };
export const Plan: Operation<PlanData, PlanVariables> = {
  name: "Plan",
  kind: "query",
  id: "sha256:fcdf6d8a192515be9cba7d16699bde3de20f7a42f4abba0da129e10ffeaf79ce",
  text: "query Plan($id: ID!) {\n  plan(id: $id) {\n    ...PlanHead\n  }\n}\n\nfragment PlanHead on Plan {\n  id\n  uuid\n  projectId\n  title\n  objective\n  status\n  paused\n  loading\n  revision\n  stepsTotal\n  stepsOpen\n  stepsFailed\n  recordedAt\n  startedAt\n  finishedAt\n  onFailure\n  goalMet\n  derivation\n  derivedFromId\n  parentStepId\n  successCriteria\n  params\n  traceId\n  spending {\n    limit {\n      ...Sums\n    }\n    spent {\n      ...Sums\n    }\n    reserved {\n      ...Sums\n    }\n  }\n}\n\nfragment Sums on Amounts {\n  tokens\n  cost\n  calls\n  wallMs\n}",
};

export type PlanProgressData = { planProgress: (({ __typename: "Closing" } & { cursor: string; reason: string }) | ({ __typename: "CursorExpired" } & { code: string; message: string; cursor: string }) | ({ __typename: "Heartbeat" } & { cursor: string }) | ({ __typename: "PlanProgress" } & { status: PlanStatus; paused: boolean; counts: ({ total: number; pending: number; inProgress: number; completed: number; blocked: number; skipped: number; failed: number }); changedSteps: Array<({ id: string; revision: number; key: string; type: StepType; capability: string | null; agentRole: string | null; status: StepStatus; ready: boolean; parked: string | null; dueAt: string | null; position: number; attempt: number; retries: number; waitsFor: number; skipReason: string | null; startedAt: string | null; finishedAt: string | null; dependencyIds: Array<string>; join: JoinMode })>; truncated: boolean; finished: boolean; cursor: string })) };
export type PlanProgressVariables = { planId: string; after?: string | null };
export const PlanProgress: Operation<PlanProgressData, PlanProgressVariables> = {
  name: "PlanProgress",
  kind: "subscription",
  id: "sha256:0e333148d1a55693ef973ac5079af803260dc2df02259fc08fee212182d5fb54",
  text: "subscription PlanProgress($planId: ID!, $after: String) {\n  planProgress(planId: $planId, after: $after) {\n    __typename\n    ... on PlanProgress {\n      status\n      paused\n      counts {\n        ...Counts\n      }\n      changedSteps {\n        ...StepNode\n      }\n      truncated\n      finished\n      cursor\n    }\n    ... on Heartbeat {\n      cursor\n    }\n    ... on Closing {\n      cursor\n      reason\n    }\n    ... on CursorExpired {\n      code\n      message\n      cursor\n    }\n  }\n}\n\nfragment Counts on StepCounts {\n  total\n  pending\n  inProgress\n  completed\n  blocked\n  skipped\n  failed\n}\n\nfragment StepNode on Step {\n  id\n  revision\n  key\n  type\n  capability\n  agentRole\n  status\n  ready\n  parked\n  dueAt\n  position\n  attempt\n  retries\n  waitsFor\n  skipReason\n  startedAt\n  finishedAt\n  dependencyIds\n  join\n}",
};

export type PlanStepsData = { steps: ({ nodes: Array<({ id: string; revision: number; key: string; type: StepType; capability: string | null; agentRole: string | null; status: StepStatus; ready: boolean; parked: string | null; dueAt: string | null; position: number; attempt: number; retries: number; waitsFor: number; skipReason: string | null; startedAt: string | null; finishedAt: string | null; dependencyIds: Array<string>; join: JoinMode })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type PlanStepsVariables = { id: string; after?: string | null };
export const PlanSteps: Operation<PlanStepsData, PlanStepsVariables> = {
  name: "PlanSteps",
  kind: "query",
  id: "sha256:4445ff5ded33266009b2c778e2ce9184520aa21fe94e6ad6e7f9f12a74d28b9d",
  text: "query PlanSteps($id: ID!, $after: String) {\n  steps(planId: $id, first: 100, after: $after) {\n    nodes {\n      ...StepNode\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}\n\nfragment StepNode on Step {\n  id\n  revision\n  key\n  type\n  capability\n  agentRole\n  status\n  ready\n  parked\n  dueAt\n  position\n  attempt\n  retries\n  waitsFor\n  skipReason\n  startedAt\n  finishedAt\n  dependencyIds\n  join\n}",
};

export type PlansData = { plans: ({ nodes: Array<({ id: string; uuid: string; title: string; objective: string; status: PlanStatus; paused: boolean; loading: boolean; stepsTotal: number; stepsOpen: number; stepsFailed: number; recordedAt: string; startedAt: string | null; finishedAt: string | null; derivation: string | null })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type PlansVariables = { projectId: string; status?: PlanStatus | null; after?: string | null };
export const Plans: Operation<PlansData, PlansVariables> = {
  name: "Plans",
  kind: "query",
  id: "sha256:104b6a4952da3bc04fbce8dbba6b6c5f89d0ce194a3d9fcd4f31026554d5be31",
  text: "query Plans($projectId: ID!, $status: PlanStatus, $after: String) {\n  plans(\n    projectId: $projectId\n    status: $status\n    latestFirst: true\n    first: 100\n    after: $after\n  ) {\n    nodes {\n      ...PlanRow\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}\n\nfragment PlanRow on Plan {\n  id\n  uuid\n  title\n  objective\n  status\n  paused\n  loading\n  stepsTotal\n  stepsOpen\n  stepsFailed\n  recordedAt\n  startedAt\n  finishedAt\n  derivation\n}",
};

export type PlatformHealthData = { health: ({ status: string; version: string; database: string | null; schemaVersion: string | null; problems: Array<string> }); systemHealth: ({ status: HealthState; checkedAt: string | null; problems: Array<string>; components: Array<({ component: string; status: HealthState; responseTimeMs: number; checkedAt: string | null; details: unknown })> }); systemMetrics: ({ activeWorkflows: number; completedWorkflows: number; failedWorkflows: number; cancelledWorkflows: number; averageWorkflowDuration: number; claimLagMs: number; cpuUsage: number; memoryUsage: number; storageUsage: number; networkLatency: number; failedSteps: number; collectedAt: string | null }) };
export type PlatformHealthVariables = {  };
export const PlatformHealth: Operation<PlatformHealthData, PlatformHealthVariables> = {
  name: "PlatformHealth",
  kind: "query",
  id: "sha256:b551881104fab9477b2904c701fd6bb5c497bde566398b532c3cdc67d46bf819",
  text: "query PlatformHealth {\n  health {\n    status\n    version\n    database\n    schemaVersion\n    problems\n  }\n  systemHealth {\n    status\n    checkedAt\n    problems\n    components {\n      component\n      status\n      responseTimeMs\n      checkedAt\n      details\n    }\n  }\n  systemMetrics {\n    activeWorkflows\n    completedWorkflows\n    failedWorkflows\n    cancelledWorkflows\n    averageWorkflowDuration\n    claimLagMs\n    cpuUsage\n    memoryUsage\n    storageUsage\n    networkLatency\n    failedSteps\n    collectedAt\n  }\n}",
};

export type PoolsData = { resources: Array<({ name: string; capacity: number; limit: number; used: number; free: number; wanted: number; waiting: number; allocations: number; utilization: number; maxUtilization: number; strategy: AllocationStrategy; shares: Array<({ allocationId: string; holder: string; amount: number; state: string; priority: number; askedAt: string | null; grantedAt: string | null; leaseUntil: string | null })> })> };
export type PoolsVariables = { after: string };
export const Pools: Operation<PoolsData, PoolsVariables> = {
  name: "Pools",
  kind: "query",
  id: "sha256:5a8d96d43061216bcec0981fd597a0e2662d217b42b8604261ff5c6747cdc121",
  text: "query Pools($after: String!) {\n  resources(first: 50, after: $after) {\n    name\n    capacity\n    limit\n    used\n    free\n    wanted\n    waiting\n    allocations\n    utilization\n    maxUtilization\n    strategy\n    shares(first: 50) {\n      allocationId\n      holder\n      amount\n      state\n      priority\n      askedAt\n      grantedAt\n      leaseUntil\n    }\n  }\n}",
};

export type ProjectNameData = { project: ({ id: string; uuid: string; name: string }) | null };
export type ProjectNameVariables = { id: string };
export const ProjectName: Operation<ProjectNameData, ProjectNameVariables> = {
  name: "ProjectName",
  kind: "query",
  id: "sha256:e8ea4e77d0bd87e7029a1f271d7a400fa9736a16373bcf3b693eac059963b2bf",
  text: "query ProjectName($id: ID!) {\n  project(id: $id) {\n    id\n    uuid\n    name\n  }\n}",
};

export type ProjectsData = { projects: ({ nodes: Array<({ id: string; uuid: string; name: string; description: string | null; recordedAt: string; changedAt: string })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type ProjectsVariables = { after?: string | null };
export const Projects: Operation<ProjectsData, ProjectsVariables> = {
  name: "Projects",
  kind: "query",
  id: "sha256:d150f8d9dfbc5c0db5a04d5be5ae2ce600af96bd8327135e7b6bbf91e3915f17",
  text: "query Projects($after: String) {\n  projects(first: 50, after: $after) {\n    nodes {\n      id\n      uuid\n      name\n      description\n      recordedAt\n      changedAt\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

export type ProposePlanData = { proposePlan: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "PlanPayload" } & { seq: number })) };
export type ProposePlanVariables = { input: PlanCommandInput };
export const ProposePlan: Operation<ProposePlanData, ProposePlanVariables> = {
  name: "ProposePlan",
  kind: "mutation",
  id: "sha256:b7940a2572409fc16e2df25ba2b68aef27d796f2dc957123150bdab297dc5b79",
  text: "mutation ProposePlan($input: PlanCommandInput!) {\n  proposePlan(input: $input) {\n    __typename\n    ... on PlanPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type RequestsData = { confirms: ({ nodes: Array<({ id: string; status: ConfirmStatus; reason: string | null; requestedAt: string; requestedByRole: string; targetType: ConfirmTargetType; planId: string | null; stepId: string | null; step: ({ id: string; key: string; description: string; capability: string | null; params: unknown | null; planId: string; plan: ({ id: string; title: string }) | null }) | null; target: (({ __typename: "Collab" | "Confirm" | "Core" | "Decision" | "Dialog" | "Extension" | "Message" | "Network" | "NetworkNode" | "Participant" | "Project" | "Role" | "Step" | "Trace" | "TraceSegment" | "TrackedResource" } & {  }) | ({ __typename: "Context" } & { id: string; title: string }) | ({ __typename: "Plan" } & { id: string; title: string; objective: string; status: PlanStatus; stepsTotal: number })) | null; approval: ({ quorum: number; approvals: number; approvers: Array<string>; roles: Array<string>; expiresAt: string | null; proposedBy: string | null; reasonRequired: boolean; separationOfDuty: boolean; voided: boolean; delegations: unknown }) | null; decisions: Array<({ id: string; status: DecisionStatus; actor: string | null; decidedByRole: string; decidedAt: string; reason: string | null })> })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) };
export type RequestsVariables = { projectId: string; status?: ConfirmStatus | null; after?: string | null };
export const Requests: Operation<RequestsData, RequestsVariables> = {
  name: "Requests",
  kind: "query",
  id: "sha256:d30af462c2e2e3e618d637e284294d7125e869cea421a2a029c65fa21b5c1a01",
  text: "query Requests($projectId: ID!, $status: ConfirmStatus, $after: String) {\n  confirms(projectId: $projectId, status: $status, first: 50, after: $after) {\n    nodes {\n      ...ApprovalRequest\n    }\n    pageInfo {\n      ...PageInfo\n    }\n  }\n}\n\nfragment ApprovalRequest on Confirm {\n  id\n  status\n  reason\n  requestedAt\n  requestedByRole\n  targetType\n  planId\n  stepId\n  step {\n    id\n    key\n    description\n    capability\n    params\n    planId\n    plan {\n      id\n      title\n    }\n  }\n  target {\n    __typename\n    ... on Plan {\n      id\n      title\n      objective\n      status\n      stepsTotal\n    }\n    ... on Context {\n      id\n      title\n    }\n  }\n  approval {\n    quorum\n    approvals\n    approvers\n    roles\n    expiresAt\n    proposedBy\n    reasonRequired\n    separationOfDuty\n    voided\n    delegations\n  }\n  decisions {\n    id\n    status\n    actor\n    decidedByRole\n    decidedAt\n    reason\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

export type ResumePlanData = { resumePlan: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "PlanPayload" } & { seq: number })) };
export type ResumePlanVariables = { input: PlanCommandInput };
export const ResumePlan: Operation<ResumePlanData, ResumePlanVariables> = {
  name: "ResumePlan",
  kind: "mutation",
  id: "sha256:f00a9ee7f5568df37dc823fff7f110ff04c537eb1298eb2303ed57faf0baa799",
  text: "mutation ResumePlan($input: PlanCommandInput!) {\n  resumePlan(input: $input) {\n    __typename\n    ... on PlanPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type RevisePlanData = { revisePlan: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "PlanPayload" } & { seq: number })) };
export type RevisePlanVariables = { input: PlanCommandInput };
export const RevisePlan: Operation<RevisePlanData, RevisePlanVariables> = {
  name: "RevisePlan",
  kind: "mutation",
  id: "sha256:1fd61aaf7e692482f126e1a0f04215c891b5b007edcaface601ca17960cd4784",
  text: "mutation RevisePlan($input: PlanCommandInput!) {\n  revisePlan(input: $input) {\n    __typename\n    ... on PlanPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type RevokeApiTokenData = { revokeApiToken: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "RevokedApiTokenPayload" } & { revoked: Array<string> })) };
export type RevokeApiTokenVariables = { input: RevokeApiTokenInput };
export const RevokeApiToken: Operation<RevokeApiTokenData, RevokeApiTokenVariables> = {
  name: "RevokeApiToken",
  kind: "mutation",
  id: "sha256:9482d47303d77dd94e27db7fc60925999fa05dd8269d5e104ea528461a54d99e",
  text: "mutation RevokeApiToken($input: RevokeApiTokenInput!) {\n  revokeApiToken(input: $input) {\n    __typename\n    ... on RevokedApiTokenPayload {\n      revoked\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type RevokeRoleData = { revokeRole: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "RoleGrantPayload" } & { changed: boolean })) };
export type RevokeRoleVariables = { input: RoleGrantInput };
export const RevokeRole: Operation<RevokeRoleData, RevokeRoleVariables> = {
  name: "RevokeRole",
  kind: "mutation",
  id: "sha256:6edd49a15a452ea90995ecef1cd90074336303e5bce26e8be45b0c04a5d4a128",
  text: "mutation RevokeRole($input: RoleGrantInput!) {\n  revokeRole(input: $input) {\n    __typename\n    ... on RoleGrantPayload {\n      changed\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type SavedQuestionsData = { savedQuestions: Array<({ name: string; title: string; text: string; ofProject: boolean; parameters: Array<({ name: string; description: string })> })> };
export type SavedQuestionsVariables = {  };
export const SavedQuestions: Operation<SavedQuestionsData, SavedQuestionsVariables> = {
  name: "SavedQuestions",
  kind: "query",
  id: "sha256:5c2de629cbbf6b715444cf30c623e5410ae321131e5047390ac7e82a8845e2ca",
  text: "query SavedQuestions {\n  savedQuestions {\n    name\n    title\n    text\n    ofProject\n    parameters {\n      name\n      description\n    }\n  }\n}",
};

export type SetBudgetData = { setBudget: (({ __typename: "BudgetPayload" } & { seq: number }) | ({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string })) };
export type SetBudgetVariables = { input: SetBudgetInput };
export const SetBudget: Operation<SetBudgetData, SetBudgetVariables> = {
  name: "SetBudget",
  kind: "mutation",
  id: "sha256:57701e58e0cbefba930cdbdc9446b50b08f8cd6ca24d8885c41332f5a58f1f46",
  text: "mutation SetBudget($input: SetBudgetInput!) {\n  setBudget(input: $input) {\n    __typename\n    ... on BudgetPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type StartPlanData = { startPlan: (({ __typename: "Conflict" | "Forbidden" | "NotFound" | "Refused" | "ValidationError" } & { code: string; message: string }) | ({ __typename: "PlanPayload" } & { seq: number })) };
export type StartPlanVariables = { input: PlanCommandInput };
export const StartPlan: Operation<StartPlanData, StartPlanVariables> = {
  name: "StartPlan",
  kind: "mutation",
  id: "sha256:de4684920d9b9cbf90347ae7a261a696d963ab7b3b10ea8f43bf5e468106d6ac",
  text: "mutation StartPlan($input: PlanCommandInput!) {\n  startPlan(input: $input) {\n    __typename\n    ... on PlanPayload {\n      seq\n    }\n    ...Refusal\n  }\n}\n\nfragment Refusal on Failure {\n  code\n  message\n}",
};

export type StepDetailData = { step: ({ id: string; revision: number; key: string; type: StepType; capability: string | null; agentRole: string | null; status: StepStatus; ready: boolean; parked: string | null; dueAt: string | null; position: number; attempt: number; retries: number; waitsFor: number; skipReason: string | null; startedAt: string | null; finishedAt: string | null; dependencyIds: Array<string>; join: JoinMode; uuid: string; description: string; condition: string | null; timeoutMs: number | null; urgency: number; params: unknown | null; output: unknown | null; error: unknown | null; subPlans: Array<({ id: string; title: string; status: PlanStatus; derivation: string | null })> }) | null };
export type StepDetailVariables = { id: string };
export const StepDetail: Operation<StepDetailData, StepDetailVariables> = {
  name: "StepDetail",
  kind: "query",
  id: "sha256:14038629f6a0d31ff93f03e4a2dcb71bcb5b39283707b6f5aa1cf6604229300a",
  text: "query StepDetail($id: ID!) {\n  step(id: $id) {\n    ...StepNode\n    uuid\n    description\n    condition\n    timeoutMs\n    urgency\n    params\n    output\n    error\n    subPlans {\n      id\n      title\n      status\n      derivation\n    }\n  }\n}\n\nfragment StepNode on Step {\n  id\n  revision\n  key\n  type\n  capability\n  agentRole\n  status\n  ready\n  parked\n  dueAt\n  position\n  attempt\n  retries\n  waitsFor\n  skipReason\n  startedAt\n  finishedAt\n  dependencyIds\n  join\n}",
};

export type SwitchesData = { killSwitches: Array<({ scope: string; planId: string | null; actionType: string | null; reason: string | null; actor: string | null })> };
export type SwitchesVariables = { projectId: string };
export const Switches: Operation<SwitchesData, SwitchesVariables> = {
  name: "Switches",
  kind: "query",
  id: "sha256:6d541a4d53941e8188ac1548171416681a1afa738eca07b9addcd553ed5d4a36",
  text: "query Switches($projectId: ID!) {\n  killSwitches(projectId: $projectId) {\n    scope\n    planId\n    actionType\n    reason\n    actor\n  }\n}",
};

export type TraceSegmentsData = { trace: ({ segments: ({ nodes: Array<({ id: string; stepId: string | null; label: string; status: SegmentStatus; attempt: number | null; startedAt: string | null; finishedAt: string | null; attributes: unknown | null })>; pageInfo: ({ hasNextPage: boolean; endCursor: string | null }) }) }) | null };
export type TraceSegmentsVariables = { id: string; after?: string | null };
export const TraceSegments: Operation<TraceSegmentsData, TraceSegmentsVariables> = {
  name: "TraceSegments",
  kind: "query",
  id: "sha256:76b0112226ad97e0883442ebbdd184ff5ee81512f20901ad65d400763c4f1472",
  text: "query TraceSegments($id: ID!, $after: String) {\n  trace(id: $id) {\n    segments(first: 100, after: $after) {\n      nodes {\n        id\n        stepId\n        label\n        status\n        attempt\n        startedAt\n        finishedAt\n        attributes\n      }\n      pageInfo {\n        ...PageInfo\n      }\n    }\n  }\n}\n\nfragment PageInfo on PageInfo {\n  hasNextPage\n  endCursor\n}",
};

