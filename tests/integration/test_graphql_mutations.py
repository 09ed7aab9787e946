"""Commands over GraphQL: their effects, their repeats, and what is refused, with nothing changed."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from graphql_api import Api, running_api
from sample_graph import context_document, plan_document, role_document

from psg.read.nodes import Reader
from psg_graphql.global_id import global_id, parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
STEP = "... on StepPayload { step { id key status waitsFor dependencyIds } }"
CONFIRM = "... on ConfirmPayload { confirm { id status planId decisions { status reason actor } target { id } } }"


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with running_api(db) as running:
        yield running


async def head(api: Api, project_id: str) -> str:
    return (await api.ask("query($id: ID!) { project(id: $id) { cursor } }", id=project_id))["project"]["cursor"]


async def test_the_life_of_a_plan(api: Api) -> None:
    project_id, plan_id, steps = await api.plan({"a": [], "b": ["a"]})
    seen = []
    for name in ("proposePlan", "revisePlan", "proposePlan", "approvePlan", "startPlan", "pausePlan", "resumePlan"):
        result = await api.on_plan(name, plan_id)
        seen.append((result["plan"]["status"], result["plan"]["paused"]))
    statuses = ("proposed", "draft", "proposed", "approved", "in_progress", "in_progress", "in_progress")
    assert seen == [(s, i == 5) for i, s in enumerate(statuses)]
    found = await api.ask(
        """query($p: ID!, $id: ID!) { frontier(planId: $id) { id }
        plan(id: $id) { trace { status } context { title } steps { totalCount nodes { key dependencies { key } } } }
        confirms(projectId: $p) { nodes { status decisions { actor decidedByRole } } } }""",
        p=project_id, id=plan_id,
    )  # fmt: skip
    assert found["frontier"] == [{"id": steps["a"]}]
    assert found["plan"] == {
        "trace": {"status": "running"}, "context": {"title": "t"},
        "steps": {"totalCount": 2, "nodes": [
            {"key": "a", "dependencies": []}, {"key": "b", "dependencies": [{"key": "a"}]}]},
    }  # fmt: skip
    (confirm,) = found["confirms"]["nodes"]
    assert confirm == {"status": "approved", "decisions": [{"actor": "anonymous", "decidedByRole": "approver"}]}
    assert (await api.on_plan("cancelPlan", plan_id))["plan"]["status"] == "cancelled"


async def test_a_plan_with_bad_steps_is_refused_whole(api: Api) -> None:
    project_id = await api.project()
    context_id = await api.context(project_id)
    before = await head(api, project_id)
    cases = [
        ({"a": ["b"]}, "plan_invalid", "'b'"),
        ({"a": ["b"], "b": ["a"]}, "dependency_cycle", "a"),
        ({"1 bad key": []}, "plan_invalid", "key"),
    ]
    for dependencies, code, named in cases:
        result = await api.create_plan(context_id, dependencies)  # type: ignore[arg-type]
        assert (result["__typename"], result["code"], result["retryable"]) == ("ValidationError", code, False)
        assert named in result["message"]
    assert await head(api, project_id) == before


async def test_the_same_command_twice_has_one_effect_and_another_one_is_refused(api: Api) -> None:
    project_id = await api.project()
    context_id, command_id = await api.context(project_id), str(uuid.uuid4())
    first = await api.create_plan(context_id, {"a": []}, commandId=command_id)
    after = await head(api, project_id)
    again = await api.create_plan(context_id, {"a": []}, commandId=command_id)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert (again["plan"], again["stepIds"], again["seq"]) == (first["plan"], first["stepIds"], first["seq"])
    other = await api.create_plan(context_id, {"b": []}, commandId=command_id)
    assert (other["__typename"], other["code"]) == ("Conflict", "command_reused")
    assert await head(api, project_id) == after


@pytest.mark.parametrize("name", ["createConfirm", "createContext", "createRole", "createTrace", "createProject"])
async def test_every_creation_can_be_repeated(api: Api, name: str) -> None:
    project_id, plan_id, _ = await api.plan()
    command = str(uuid.uuid4())
    kind = f"{name[0].upper()}{name[1:]}Input"
    given = {
        "createConfirm": {"targetId": plan_id, "requestedByRole": "agent"},
        "createContext": {"projectId": project_id, "title": "again"},
        "createRole": {"projectId": project_id, "name": "boss"},
        "createTrace": {"contextId": await api.context(project_id), "planId": plan_id, "status": "running"},
        "createProject": {"name": f"again {command}"},
    }[name]
    word = name.removeprefix("create")
    fields = f"... on {word}Payload {{ {word.lower()} {{ id }} }}"
    first = await api.command(name, kind, fields, **given, commandId=command)
    again = await api.command(name, kind, fields, **given, commandId=command)
    assert first | {"replayed": True} == again
    assert first["replayed"] is False


async def test_a_stale_revision_is_a_conflict(api: Api) -> None:
    _, plan_id, _ = await api.plan()
    assert (await api.on_plan("proposePlan", plan_id, expectedRevision=1))["plan"]["revision"] == 2
    result = await api.on_plan("revisePlan", plan_id, expectedRevision=1)
    assert (result["__typename"], result["code"]) == ("Conflict", "stale_revision")
    assert result["details"]["current"] == 2


async def test_ids_of_other_projects_and_of_nothing(api: Api) -> None:
    _, plan_id, steps = await api.plan({"a": [], "b": []})
    other_project, other_plan, other_steps = await api.plan({"a": []})
    moved = global_id("Plan", parse_global_id(other_project).project_id, parse_global_id(plan_id).node_id)
    result = await api.on_plan("proposePlan", moved)
    assert (result["__typename"], result["code"]) == ("NotFound", "not_found")
    result = await api.command("addDependency", "DependencyInput", STEP, stepId=steps["a"], dependsOn=other_steps["a"])
    assert result["__typename"] == "NotFound"
    result = await api.on_plan("proposePlan", steps["a"])
    assert (result["__typename"], result["code"]) == ("ValidationError", "invalid_id")
    text = "query($id: ID!, $o: ID!) { a: node(id: $id) { id } plan(id: $o) { id } }"
    found = await api.ask(text, id=moved, o=other_plan)
    assert found == {"a": None, "plan": {"id": other_plan}}
    error = await api.refused('{ plan(id: "rubbish") { id } }')
    assert error["extensions"]["code"] == "invalid_id"
    error = await api.refused(
        "query($p: ID!, $l: ID!) { traces(projectId: $p, planId: $l) { nodes { id } } }", p=other_project, l=plan_id
    )
    assert error["extensions"]["code"] == "not_found"


async def test_steps_and_dependencies_of_a_running_plan(api: Api) -> None:
    _, plan_id, steps = await api.running_plan({"a": [], "b": ["a"]})
    added = await api.command(
        "addStep", "AddStepInput", STEP, planId=plan_id, step={"key": "c", "name": "file.read", "dependencies": ["b"]}
    )
    assert added["step"]["dependencyIds"] == [steps["b"]]
    last = added["step"]["id"]
    linked = await api.command("addDependency", "DependencyInput", STEP, stepId=last, dependsOn=steps["a"])
    assert linked["step"]["dependencyIds"] == [steps["b"], steps["a"]]
    cycle = await api.command("addDependency", "DependencyInput", STEP, stepId=steps["b"], dependsOn=last)
    assert cycle["code"] == "dependency_cycle"
    gone = await api.command("removeDependency", "DependencyInput", STEP, stepId=last, dependsOn=steps["a"])
    assert gone["step"]["waitsFor"] == 1


async def test_a_plan_that_nobody_can_do_does_not_start(api: Api) -> None:
    context_id = await api.context(await api.project())
    made = await api.command(
        "createPlan", "CreatePlanInput", "... on CreatePlanPayload { plan { id } }", contextId=context_id, title="t",
        objective="o", steps=[{"key": "a", "name": "no.such.tool.anywhere"}],
    )  # fmt: skip
    plan_id = made["plan"]["id"]
    for name in ("proposePlan", "approvePlan"):
        await api.on_plan(name, plan_id)
    result = await api.on_plan("startPlan", plan_id)
    assert (result["__typename"], result["code"]) == ("ValidationError", "unknown_capability")
    assert "no.such.tool.anywhere" in result["message"]


async def test_a_template_that_leads_nowhere_is_refused_when_the_plan_is_made(api: Api) -> None:
    context_id = await api.context(await api.project())
    result = await api.command(
        "createPlan", "CreatePlanInput", "", contextId=context_id, title="t", objective="o",
        steps=[{"key": "a", "name": "file.read", "params": {"path": "{{ steps.nobody.output }}"}}],
    )  # fmt: skip
    assert result["__typename"] == "ValidationError"
    assert "nobody" in result["message"]


async def test_confirms_are_decided(api: Api) -> None:
    _, plan_id, _ = await api.plan()
    made = await api.command("createConfirm", "CreateConfirmInput", CONFIRM, targetId=plan_id, requestedByRole="agent")
    assert (made["confirm"]["status"], made["confirm"]["target"]) == ("pending", {"id": plan_id})
    assert made["confirm"]["planId"] == plan_id
    confirm_id = made["confirm"]["id"]
    decided = await api.command(
        "decideConfirm", "DecideConfirmInput", CONFIRM, id=confirm_id, status="approved", role="boss", reason="fine"
    )
    assert decided["confirm"]["decisions"] == [{"status": "approved", "reason": "fine", "actor": "anonymous"}]
    again = await api.command("decideConfirm", "DecideConfirmInput", CONFIRM, id=confirm_id, status="rejected")
    assert (again["__typename"], again["code"]) == ("Refused", "invalid_transition")


async def test_contexts_and_roles_are_changed(api: Api) -> None:
    project_id = await api.project()
    context_id = await api.context(project_id)
    fields = "... on ContextPayload { context { title summary status revision } }"
    changed = await api.command("updateContext", "UpdateContextInput", fields, id=context_id, changes={"title": "new"})
    assert changed["context"] == {"title": "new", "summary": None, "status": "active", "revision": 2}
    bad = await api.command("updateContext", "UpdateContextInput", fields, id=context_id, changes={"status": "closed"})
    assert bad["__typename"] == "ValidationError"
    moved = await api.command("transitionContext", "TransitionContextInput", fields, id=context_id, status="suspended")
    assert moved["context"]["status"] == "suspended"
    wrong = await api.command("transitionContext", "TransitionContextInput", fields, id=context_id, status="archived")
    assert wrong["code"] == "invalid_transition"
    role = "... on RolePayload { role { id capabilities } }"
    made = await api.command("createRole", "CreateRoleInput", role, projectId=project_id, name="r", capabilities=["x"])
    changes = {"capabilities": ["y"]}
    changed = await api.command("updateRole", "UpdateRoleInput", role, id=made["role"]["id"], changes=changes)
    assert changed["role"]["capabilities"] == ["y"]


async def test_deleting_leaves_a_tombstone_and_spares_what_is_needed(api: Api) -> None:
    project_id, plan_id, _ = await api.plan()
    plan = await api.ask("query($id: ID!) { plan(id: $id) { contextId } }", id=plan_id)
    kept = await api.command("deleteNode", "DeleteNodeInput", "", id=plan["plan"]["contextId"])
    assert (kept["__typename"], kept["code"]) == ("Refused", "still_referenced")
    gone = await api.command("deleteNode", "DeleteNodeInput", "... on DeletePayload { id }", id=plan_id)
    assert gone["id"] == plan_id
    found = await api.ask(
        "query($p: ID!, $id: ID!) { plan(id: $id) { deleted } plans(projectId: $p) { nodes { id } totalCount } }",
        p=project_id, id=plan_id,
    )  # fmt: skip
    assert found == {"plan": {"deleted": True}, "plans": {"nodes": [], "totalCount": 0}}


async def test_documents_go_in_and_come_out_equal(api: Api) -> None:
    project_id = await api.project()
    context, role = context_document(), role_document()
    plan = plan_document(context["context_id"], "completed", "pending")
    given = [("plan", plan), ("role", role), ("context", context)]
    documents = [{"module": m, "document": d} for m, d in given]
    fields = "... on ImportPayload { documents { id module replayed } }"
    text = f"mutation($i: ImportDocumentsInput!) {{ importDocuments(input: $i) {{ __typename {fields} }} }}"
    for replayed in (False, True):
        stored = (await api.ask(text, i={"projectId": project_id, "documents": documents}))["importDocuments"]
        assert {d["replayed"] for d in stored["documents"]} == {replayed}
    page, seen = None, []
    while page is None or page["pageInfo"]["hasNextPage"]:
        page = (await api.ask(
            """query($p: ID!, $a: String) { exportDocuments(projectId: $p, first: 2, after: $a) {
            nodes { module document } totalCount pageInfo { hasNextPage endCursor } } }""",
            p=project_id, a=page and page["pageInfo"]["endCursor"],
        ))["exportDocuments"]  # fmt: skip
        seen += [(n["module"], n["document"]) for n in page["nodes"]]
    assert page["totalCount"] == 3
    assert sorted(seen, key=str) == sorted(given, key=str)
    by_module = {d["module"]: d["id"] for d in stored["documents"]}
    alone = await api.ask("query($id: ID!) { exportDocument(id: $id) }", id=by_module["plan"])
    assert alone["exportDocument"] == plan


async def test_injected_text_is_text(api: Api) -> None:
    nasty = "x'}) DETACH DELETE (n) // `\u0060 {{ }} \" \\"
    project_id = await api.project()
    made = await api.command(
        "createContext", "CreateContextInput", "... on ContextPayload { context { title tags } }",
        projectId=project_id, title=nasty, tags=[nasty],
    )  # fmt: skip
    assert made["context"] == {"title": nasty, "tags": [nasty]}


async def test_reading_costs_as_many_statements_for_many_rows_as_for_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    read = Database.read

    async def counted(self: Database, statement: object, /, **params: object) -> object:
        calls.append(statement.name)  # type: ignore[attr-defined]
        return await read(self, statement, **params)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "read", counted)
    query = """query($id: ID!) { plan(id: $id) { context { title } steps(first: 100) { nodes {
        key plan { title } dependencies { key plan { title } } } } } }"""
    counts = []
    for size in (2, 40):
        keys = [f"s{i}" for i in range(size)]
        _, plan_id, _ = await api.plan({k: keys[max(0, i - 3) : i] for i, k in enumerate(keys)})
        calls.clear()
        found = await api.ask(query, id=plan_id)
        assert len(found["plan"]["steps"]["nodes"]) == size
        counts.append(list(calls))
    assert counts[0] == counts[1]
    assert len(counts[0]) <= 3


async def test_dependencies_outside_the_page_are_read_in_one_go(api: Api) -> None:
    keys = [f"s{i}" for i in range(12)]
    _, plan_id, _ = await api.plan({k: keys[max(0, i - 3) : i] for i, k in enumerate(keys)})
    found = await api.ask("""query($id: ID!) { steps(planId: $id, first: 5) { pageInfo { endCursor } } }""", id=plan_id)
    after = found["steps"]["pageInfo"]["endCursor"]
    found = await api.ask(
        """query($id: ID!, $a: String) {
        steps(planId: $id, first: 5, after: $a) { nodes { key dependencies { key } } } }""",
        id=plan_id, a=after,
    )  # fmt: skip
    nodes = found["steps"]["nodes"]
    assert [n["key"] for n in nodes] == keys[5:10]
    assert [[d["key"] for d in n["dependencies"]] for n in nodes] == [keys[i - 3 : i] for i in range(5, 10)]


async def test_plans_are_listed_the_latest_first_and_by_cursors_of_that_order(api: Api) -> None:
    page = """query($p: ID!, $latest: Boolean!, $a: String) { plans(projectId: $p, first: 2, latestFirst: $latest,
        after: $a) { nodes { id } pageInfo { hasNextPage endCursor } totalCount } }"""
    project_id = await api.project()
    context = await api.context(project_id)
    made = [(await api.create_plan(context, {"a": []}))["plan"]["id"] for _ in range(5)]
    seen: list[str] = []
    after, more = None, True
    while more:
        found = (await api.ask(page, p=project_id, latest=True, a=after))["plans"]
        seen += [node["id"] for node in found["nodes"]]
        after, more = found["pageInfo"]["endCursor"], found["pageInfo"]["hasNextPage"]
        assert found["totalCount"] == 5
    assert seen == made[::-1]
    by_id = (await api.ask(page, p=project_id, latest=False))["plans"]["pageInfo"]["endCursor"]
    for latest, foreign in ((True, by_id), (False, after)):
        refused = await api.refused(page, p=project_id, latest=latest, a=foreign)
        assert refused["extensions"]["code"] == "validation_failed"


async def test_actor_of_the_request_is_in_the_log(api: Api) -> None:
    project_id = await api.project()
    text = "mutation($i: CreateRoleInput!) { createRole(input: $i) { ... on Effect { seq } } }"
    answer = await api.post(text, {"i": {"projectId": project_id, "name": "r"}}, **{"x-psg-actor": "user:jo"})
    seq = answer.json()["data"]["createRole"]["seq"]
    found = await api.ask(
        "query($p: ID!, $a: String) { events(projectId: $p, after: $a) { ... on EventPage { events { actor } } } }",
        p=project_id, a=str(seq - 1),
    )  # fmt: skip
    assert found["events"]["events"][0]["actor"] == "user:jo"
    assert (await api.post("{ __typename }", **{"x-psg-actor": "a\tb"})).status_code == 400
    raw = await Reader(api.graph.db).roles(parse_global_id(project_id).project_id, "", 10)
    assert [r["name"] for r in raw] == ["r"]
