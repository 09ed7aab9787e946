"""Values by key and plans as text over GraphQL: one effect per command, nothing lost unseen, mistakes with a place."""

from __future__ import annotations

import uuid
from typing import Any

import anyio
import pytest
from graphql_api import Api, running_api

from psg.audit import verify
from psg_client import Client, Conflict, Refused, ValidationError
from psg_graphql.global_id import parse_global_id
from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

PLAN = """title: From text
params:
  who: {type: string, required: true}
steps:
  - {id: a, type: wait, params: {duration_ms: 1}}
  - {id: b, type: wait, params: {duration_ms: 1}, dependencies: [a], condition: 'params.who != ""'}
"""


def uuid_of(project_id: str) -> str:
    return parse_global_id(project_id).project_id


async def test_values_are_kept_listed_and_forgotten(db: Database) -> None:
    async with running_api(db) as api, Client(f"{api.url}/graphql", actor="user:keeper") as client:
        project = await api.project()
        values: dict[str, Any] = {"a/1": {"deep": [1, 2.5, "ä", None]}, "a/2": 2**53 + 1, "b": False, "a/3": ""}
        for key, value in values.items():
            kept = (await client.set_value(project_id=project, key=key, value=value)).value
            assert kept is not None and (kept.key, kept.value, kept.revision) == (key, value, 1)
        first = await client.value_keys(project_id=project, prefix="a/", first=2)
        rest = await client.value_keys(project_id=project, prefix="a/", first=2, after=first.cursor)
        assert (first.keys, first.has_next_page) == (["a/1", "a/2"], True)
        assert (rest.keys, rest.has_next_page) == (["a/3"], False)
        assert (await client.delete_value(project_id=project, key="b")).value is None
        assert await client.value(project_id=project, key="b") is None
        assert (await client.delete_value(project_id=project, key="never")).value is None
        log = await client.read_events(project_id=project)
        assert [e.actor for e in log.events if e.entity_type == "Value"] == ["user:keeper"] * 5
        assert (await verify(db, uuid_of(project))).violations == []


async def test_a_value_written_twice_by_one_command_does_not_undo_what_came_between(db: Database) -> None:
    async with running_api(db) as api, Client(f"{api.url}/graphql") as client:
        project, command_id = await api.project(), str(uuid.uuid4())
        await client.set_value(project_id=project, key="k", value="first", command_id=command_id)
        await client.set_value(project_id=project, key="k", value="second")
        again = await client.set_value(project_id=project, key="k", value="first", command_id=command_id)
        assert again.replayed and again.value is not None and again.value.value == "second"
        with pytest.raises(Conflict) as reused:
            await client.set_value(project_id=project, key="k", value="third", command_id=command_id)
        assert reused.value.code == "command_reused"


async def test_of_writers_that_saw_the_same_revision_one_succeeds(db: Database) -> None:
    async with running_api(db) as api, Client(f"{api.url}/graphql") as client:
        project = await api.project()
        outcomes: list[str] = []

        async def count_up() -> None:
            for _ in range(5):
                while True:
                    seen = await client.value(project_id=project, key="n")
                    value, revision = (0, 0) if seen is None else (seen.value, seen.revision)
                    try:
                        await client.set_value(
                            project_id=project, key="n", value=value + 1, expected_revision=revision
                        )
                    except Conflict as error:
                        outcomes.append(error.code)
                        continue
                    break

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(count_up)
        found = await client.value(project_id=project, key="n")
        assert found is not None and found.value == 20
        assert set(outcomes) == {"stale_revision"}


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("", 1, "key"),
        ("k" * 513, 1, "512 bytes"),
        ("a\x00b", 1, "control"),
        ("plans/5f0c1c58-1e0b-4f38-9a54-0d1b6a3f9d11", 1, "view of a node"),
        ("psg_schema_version", "9.0.0", "psg migrate"),
    ],
)
async def test_what_cannot_be_kept_is_refused(db: Database, key: str, value: Any, word: str) -> None:
    async with running_api(db) as api:
        project = await api.project()
        body = f'{{"projectId": "{project}", "key": "{key}"'.replace("\x00", "\\u0000") + f', "value": {_json(value)}}}'
        text = "mutation($input: SetValueInput!) { setValue(input: $input) { ... on Failure { code message } } }"
        request = f'{{"query": "{text}", "variables": {{"input": {body}}}}}'
        answer = (await api.http.post("/graphql", content=request, headers={"content-type": "application/json"})).json()
        told = str(answer.get("errors") or answer["data"]["setValue"])
        assert word in told, told


def _json(value: Any) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'


async def context(api: Api) -> tuple[str, str]:
    project = await api.project()
    return project, await api.context(project)


async def test_a_plan_s_text_becomes_a_plan_with_its_parameters(db: Database) -> None:
    async with running_api(db) as api, Client(f"{api.url}/graphql") as client:
        _, inside = await context(api)
        made = await client.create_plan_from_text(context_id=inside, text=PLAN, params={"who": "us"})
        assert made.plan.title == "From text" and set(made.step_ids) == {"a", "b"}
        with pytest.raises(ValidationError, match="`who` is required"):
            await client.create_plan_from_text(context_id=inside, text=PLAN)
        with pytest.raises(ValidationError, match="not of type string"):
            await client.create_plan_from_text(context_id=inside, text=PLAN, params={"who": 3})


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (PLAN.replace("type: wait, params: {duration_ms: 1}}", "type: wat}"), 5, "unknown step type"),
        (f"{PLAN}# {'x' * 1_048_576}", 0, "large plans with createPlan"),
        (PLAN.replace("params.who", "params.whom"), 6, "whom"),
        ("title: [", 2, "not YAML"),
        ("examples/chapter.yaml", 1, "mapping"),  # a name of a file is not read as one
        ("", 1, "empty"),
    ],
)
async def test_a_mistake_in_a_plan_s_text_has_a_place(db: Database, text: str, line: int, word: str) -> None:
    async with running_api(db) as api, Client(f"{api.url}/graphql") as client:
        _, inside = await context(api)
        with pytest.raises(ValidationError, match=word) as caught:
            await client.create_plan_from_text(context_id=inside, text=text, source="mine.yaml")
        if line:
            assert caught.value.code == "plan_file_invalid"
            assert (caught.value.details["file"], caught.value.details["line"]) == ("mine.yaml", line)
        assert (await client.plans(project_id=(await _project_of(client, inside)))).nodes == []


async def _project_of(client: Client, context_id: str) -> str:
    return parse_global_id(context_id).project_id


async def test_a_refused_revision_is_no_refusal_for_good(db: Database) -> None:
    async with running_api(db) as api, Client(f"{api.url}/graphql") as client:
        project = await api.project()
        with pytest.raises((Conflict, Refused), match="revision 0 by now, not 3"):
            await client.set_value(project_id=project, key="k", value=1, expected_revision=3)
        await client.set_value(project_id=project, key="k", value=1, expected_revision=0)
