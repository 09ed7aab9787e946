"""What follows from roles: lists, approvals in one's own name, imports, answers that tell nothing, the audit trail."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from access_world import OPERATOR, World, access_world

from psg.audit import verify
from psg_graphql.global_id import global_id, parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

SINGLES = "query($p: ID!, $i: ID!) { project(id: $p) { id } plan(id: $i) { id } }"


@pytest.fixture
async def world(db: Database) -> AsyncIterator[World]:
    async with access_world(db) as world:
        yield world
        for place in (world.own, world.other):
            assert (await verify(db, place.project_id)).violations == []


async def test_projects_are_listed_counted_and_paged_among_ones_own(world: World) -> None:
    viewer = await world.person("viewer")
    await world.accounts.grant(viewer.token.actor, world.other.project_id, "agent", by=OPERATOR)
    text = """query($a: String) {
      projects(first: 1, after: $a) { totalCount nodes { id } pageInfo { endCursor hasNextPage } } }"""
    seen, after, more = [], None, True
    while more:
        page = (await world.asked(viewer, text, a=after))["data"]["projects"]
        assert page["totalCount"] == 2
        seen += [node["id"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert sorted(seen) == sorted((world.own.ids["Project"], world.other.ids["Project"]))
    nobody, everywhere = await world.person(), await world.person("viewer", project="*")
    assert (await world.asked(nobody, text))["data"]["projects"]["totalCount"] == 0
    assert (await world.asked(everywhere, text))["data"]["projects"]["totalCount"] >= 2
    project = await world.asked(viewer, "query($i: ID!) { project(id: $i) { name } }", i=seen[0])
    name = project["data"]["project"]["name"]
    named = "query($n: String) { projects(name: $n) { totalCount nodes { id } } }"
    found = (await world.asked(viewer, named, n=name))["data"]["projects"]
    assert found == {"totalCount": 1, "nodes": [{"id": seen[0]}]}
    assert (await world.asked(nobody, named, n=name))["data"]["projects"] == {"totalCount": 0, "nodes": []}


async def test_ids_of_several_projects_are_answered_one_by_one(world: World) -> None:
    viewer = await world.person("viewer")
    ids = [world.other.ids["Plan"], world.own.ids["Plan"], global_id("Plan", world.own.project_id, str(uuid.uuid4())),
           world.other.ids["Step"], world.own.ids["Step"]]  # fmt: skip
    answer = await world.asked(viewer, "query($i: [ID!]!) { nodes(ids: $i) { id } }", i=ids)
    assert [node and node["id"] for node in answer["data"]["nodes"]] == [None, ids[1], None, None, ids[4]]
    assert "errors" not in answer


async def test_another_project_is_answered_as_one_that_does_not_exist(world: World) -> None:
    admin = await world.person("admin")
    nowhere = str(uuid.uuid4())
    told: list[list[Any]] = []
    for project_id in (world.other.project_id, nowhere):
        plan = world.other.ids["Plan"] if project_id != nowhere else global_id("Plan", nowhere, nowhere)
        told.append([
            await world.asked(admin, "query($p: ID!) { plans(projectId: $p) { totalCount } }", p=project_id),
            await world.asked(admin, SINGLES, p=project_id, i=plan),
            await world.asked(admin, "query($p: ID!) { events(projectId: $p) { __typename } }", p=project_id),
            await world.asked(admin, "query($p: ID!) { killSwitches(projectId: $p) { scope } }", p=project_id),
            await world.told(admin, "deleteNode", "DeleteNodeInput", id=plan),
            await world.told(admin, "createContext", "CreateContextInput", projectId=project_id, title="t"),
            await world.told(admin, "grantRole", "RoleGrantInput", actor="x", role="viewer", projectId=project_id),
        ])
    assert told[0] == told[1]
    assert told[0][5]["code"] == "forbidden"


async def test_plans_using_a_capability_are_not_told_of_another_project(world: World) -> None:
    viewer = await world.person("viewer")
    text = "query($p: ID!) { capabilities(first: 1) { nodes { name usedBy(projectId: $p) { totalCount } } } }"
    listed = await world.asked(viewer, text, p=world.own.ids["Project"])
    assert "errors" not in listed
    if listed["data"]["capabilities"]["nodes"]:  # a platform that offers something
        refused = await world.asked(viewer, text, p=world.other.ids["Project"])
        assert refused["errors"][0]["extensions"]["code"] == "forbidden"


async def test_a_command_is_about_one_project(world: World) -> None:
    both = await world.person("operator")
    await world.accounts.grant(both.token.actor, world.other.project_id, "operator", by=OPERATOR)
    head = await world.head(world.own)
    foreign_step = await world.told(
        both, "addDependency", "DependencyInput", stepId=world.own.ids["Step"], dependsOn=world.other.ids["Step"]
    )
    member = {"participantId": "x", "kind": "agent", "roleId": world.other.ids["Role"]}
    foreign_role = await world.told(
        both, "addParticipant", "AddParticipantInput", collabId=world.own.ids["Collab"], participant=member
    )
    assert [foreign_step["code"], foreign_role["code"]] == ["forbidden", "forbidden"]
    assert "several projects" in foreign_step["message"]
    assert await world.head(world.own) == head


async def approved(world: World, approval: dict[str, Any]) -> str:
    """A plan that is proposed by nobody of interest and needs this approval."""
    made = await world.api.create_plan(world.own.ids["Context"], {"a": []}, approval=approval)
    await world.api.on_plan("proposePlan", made["plan"]["id"])
    plan: str = made["plan"]["id"]
    return plan


async def test_who_approves_is_who_has_the_token(world: World) -> None:
    ann, bob = await world.person("approver", "operator"), await world.person("approver")
    plan = await approved(world, {"quorum": 2})

    async def approve(who: Any, actor: str | None = None, role: str = "approver") -> dict[str, Any]:
        text = "mutation($i: ApprovePlanInput!) { approvePlan(input: $i) { __typename ... on Failure { code } } }"
        headers = {"authorization": f"Bearer {who.text}"} | ({"x-psg-actor": actor} if actor else {})
        answer = (await world.api.post(text, {"i": {"id": plan, "role": role}}, **headers)).json()
        found: dict[str, Any] = (answer.get("data") or {}).get("approvePlan") or answer["errors"][0]["extensions"]
        return found

    name = ann.token.actor
    assert (await approve(ann, bob.token.actor))["code"] == "actor_refused"
    assert (await approve(ann, role="security"))["code"] == "forbidden", "a role that one does not have"
    assert (await approve(ann, f"{name}/1"))["__typename"] == "PlanPayload"
    assert (await approve(ann, f"{name}/2"))["code"] == "already_decided", "the same person, whatever the worker"
    assert (await approve(bob))["__typename"] == "PlanPayload"
    text = "query($p: ID!) { plan(id: $p) { status } confirms(projectId: $q) { nodes { planId decisions { actor } } } }"
    text = text.replace("$p: ID!", "$p: ID!, $q: ID!")
    found = (await world.asked(ann, text, p=plan, q=world.own.ids["Project"]))["data"]
    assert found["plan"]["status"] == "approved"
    (confirm,) = [c for c in found["confirms"]["nodes"] if c["planId"] == plan and c["decisions"]]
    assert [d["actor"] for d in confirm["decisions"]] == [name, bob.token.actor]


async def test_who_proposes_does_not_approve_under_another_name(world: World) -> None:
    ann = await world.person("approver", "operator")
    made = await world.api.create_plan(world.own.ids["Context"], {"a": []}, approval={"separation_of_duty": True})
    plan = made["plan"]["id"]
    propose = "mutation($i: PlanCommandInput!) { proposePlan(input: $i) { __typename } }"
    headers = {"authorization": f"Bearer {ann.text}", "x-psg-actor": f"{ann.token.actor}/editor"}
    assert (await world.api.post(propose, {"i": {"id": plan}}, **headers)).json()["data"]["proposePlan"]
    assert (await world.told(ann, "approvePlan", "ApprovePlanInput", id=plan))["code"] == "not_entitled"


async def test_no_decision_is_made_up_by_a_document_or_a_plan(world: World) -> None:
    operator = await world.person("operator")
    head = await world.head(world.own)
    forged = [
        await world.told(
            operator, "createConfirm", "CreateConfirmInput", targetId=world.own.ids["Plan"], requestedByRole="author",
            status="approved",
        ),
        await world.told(operator, "importDocuments", "ImportDocumentsInput", projectId=world.own.ids["Project"],
                         documents=[]),
        await world.told(
            operator, "createPlan", "CreatePlanInput", contextId=world.own.ids["Context"], title="t", objective="o",
            steps=[{"key": "a", "name": "module.invoke", "params": {"module": "confirm", "actor": "somebody"}}],
        ),
        *[
            await world.told(
                operator, "executeWorkflow", "ExecuteWorkflowInput", projectId=world.own.ids["Project"],
                definition={"id": "w", "name": "w", "version": "1.0.0", "executionMode": "sequential", "stages": [
                    {"id": "s", "name": "s", "moduleType": module, "operation": operation, "inputs": inputs}
                ]},
            )
            for module, operation, inputs in (
                ("confirm", "processApproval", {"approvers": ["somebody"]}), ("plan", "approve", {}),
                ("plan", "createPlan", {"steps": [{"key": "a", "name": "module.invoke"}]}),
                ("core", "executePlan", {"planId": "x"}), ("role", "delete_role", {}),
            )
        ],
    ]  # fmt: skip
    assert [f.get("code") for f in forged] == ["forbidden"] * 8, forged
    assert await world.head(world.own) == head


async def test_documents_of_another_project_are_not_reached_by_an_import(world: World) -> None:
    admin = await world.person("admin")
    context = parse_global_id(world.other.ids["Context"]).node_id
    meta = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
    dialog = {"meta": meta, "dialog_id": str(uuid.uuid4()), "context_id": context, "messages": [], "status": "active"}
    heads = await world.head(world.own), await world.head(world.other)
    here = await world.told(
        admin, "importDocuments", "ImportDocumentsInput", projectId=world.own.ids["Project"],
        documents=[{"module": "dialog", "document": dialog}],
    )  # fmt: skip
    there = await world.told(
        admin, "importDocuments", "ImportDocumentsInput", projectId=world.other.ids["Project"],
        documents=[{"module": "dialog", "document": dialog}],
    )  # fmt: skip
    assert here["code"] in ("reference_missing", "validation_failed", "not_found"), here
    assert there["code"] == "forbidden"
    assert (await world.head(world.own), await world.head(world.other)) == heads


async def test_what_is_denied_and_what_is_done_by_privilege_is_in_the_trail(world: World) -> None:
    viewer, admin = await world.person("viewer"), await world.person("admin")
    own, other = world.own.project_id, world.other.project_id
    for _ in range(3):
        await world.told(viewer, "deleteNode", "DeleteNodeInput", id=world.own.ids["Role"])
    await world.asked(viewer, "query($i: ID!) { node(id: $i) { id } }", i=world.other.ids["Plan"])
    done = await world.told(admin, "deleteNode", "DeleteNodeInput", id=world.own.ids["Role"])
    assert done["__typename"] == "DeletePayload"
    missing = global_id("Role", own, str(uuid.uuid4()))
    assert (await world.told(admin, "deleteNode", "DeleteNodeInput", id=missing))["code"] == "not_found"
    await world.accounts.flush()

    async def told(actor: str, project: str) -> list[tuple[str, str, str | None]]:
        found = await world.accounts.audit_records(actor=actor, project_id=project)
        assert all(record.token_id and record.request_id for record in found)
        return [(record.act, record.outcome, record.reason) for record in found]

    assert await told(viewer.token.actor, own) == [("Mutation.deleteNode", "denied", "forbidden")]
    assert await told(viewer.token.actor, other) == [("Query.node", "denied", "forbidden")]
    assert await told(admin.token.actor, own) == [
        ("Mutation.deleteNode", "allowed", None), ("Mutation.deleteNode", "failed", "not_found"),
    ]  # fmt: skip


async def test_what_belongs_to_the_platform_takes_a_role_everywhere(world: World) -> None:
    queries = {
        "resources": "{ resources { __typename } }", "systemOverview": "{ systemOverview { counts } }",
        "systemMetrics": "{ systemMetrics { activeWorkflows } }",
        "cypher": '{ cypher(query: "RETURN 1 AS n") { __typename } }',
        "auditRecords": "{ auditRecords(first: 1) { __typename } }",
    }  # fmt: skip
    may = {
        ("viewer", "*"): {"resources", "systemOverview", "systemMetrics"},
        ("operator", "*"): {"resources", "systemOverview", "systemMetrics", "createProject"},
        ("cypher", "*"): {"cypher"},
        ("admin", "*"): {*queries, "createProject"},
        ("admin", None): set(),
    }
    for (role, where), expected in may.items():
        who = await world.person(role, project=where)
        found = {
            name for name, text in queries.items()
            if [e["extensions"]["code"] for e in (await world.asked(who, text)).get("errors", ())] != ["forbidden"]
        }  # fmt: skip
        made = await world.told(who, "createProject", "CreateProjectInput", name=f"access {uuid.uuid4()}")
        found |= {"createProject"} if made["__typename"] == "ProjectPayload" else set()
        assert found == expected, role
    questioner = await world.person("cypher", project="*")
    assert (await world.asked(questioner, "{ projects { totalCount } }"))["data"]["projects"]["totalCount"] == 0
    overview = "query($p: ID!) { systemOverview(projectId: $p) { counts resources } }"
    told = (await world.asked(await world.person("viewer"), overview, p=world.own.ids["Project"]))["data"]
    assert told["systemOverview"]["resources"] == []
    assert set(told["systemOverview"]["counts"]) <= {"projects", "log_seq", "claim_lag_ms"}
