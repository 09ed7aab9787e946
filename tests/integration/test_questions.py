"""Questions in Cypher: they read, whatever their text is, and end within their limits."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from graphql_api import running_api

from psg_cypher import parse_statements
from psg_neo4j import Database
from psg_neo4j.question_text import QuestionRefused
from psg_neo4j.questions import (
    QuestionLimits,
    Questions,
    QuestionsBusy,
    QuestionTooLarge,
    QuestionTooSlow,
)

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
ASK = """query($q: String!, $p: JSON, $n: Int! = 1000) {
  cypher(query: $q, params: $p, limit: $n) { columns rows truncated } }"""
SAVED = """query($n: String!, $p: ID!, $l: ID, $s: String) {
  savedAnswer(name: $n, projectId: $p, planId: $l, stepKey: $s) { columns rows truncated tookMs } }"""
COUNT = "MATCH (n:QuestionMark {mark: $mark}) RETURN count(n) AS nodes, collect(properties(n)) AS found"

WRITES = [
    "CREATE (:{label} {{mark: $mark}})",
    "CREATE (n:{label} {{mark: $mark}}) RETURN n",
    "MERGE (n:{label} {{mark: $mark, x: 2}}) RETURN n",
    "INSERT (:{label} {{mark: $mark}})",
    "MATCH (n:{label} {{mark: $mark}}) SET n.x = 3 RETURN n",
    "MATCH (n:{label} {{mark: $mark}}) SET n += {{x: 3}}",
    "MATCH (n:{label} {{mark: $mark}}) SET n:Other",
    "MATCH (n:{label} {{mark: $mark}}) REMOVE n.x RETURN n",
    "MATCH (n:{label} {{mark: $mark}}) DETACH DELETE n",
    "MATCH (n:{label} {{mark: $mark}}) NODETACH DELETE n",
    "MATCH (n:{label}) FOREACH (x IN [1] | SET n.x = 9)",
    "UNWIND [1] AS x CALL (x) {{ CREATE (n:{label} {{mark: $mark}}) }} IN TRANSACTIONS RETURN x",
    "UNWIND [1] AS x CALL (x) {{ CREATE (n:{label} {{mark: $mark}}) RETURN n }} RETURN n",
    "MATCH (n:{label} {{mark: $mark}}) RETURN n UNION CREATE (n:{label} {{mark: $mark}}) RETURN n",
    "RETURN 1; CREATE (:{label} {{mark: $mark}})",
    "// a note\nCREATE (:{label} {{mark: $mark}}) // another",
    "/* RETURN */ CREATE /* 1 */ (:{label} {{mark: $mark}})",
    "MATCH (n:`{label}` {{mark: $mark}}) DELETE n",
    "MATCH (n:{label} {{mark: '\\u0027}}) DETACH DELETE n //'}}) RETURN n",
    "\\u0043REATE (:{label} {{mark: $mark}})",
    "CREATE INDEX question_mark_{mark} FOR (n:{label}) ON (n.x)",
    "CREATE CONSTRAINT question_mark_{mark} FOR (n:{label}) REQUIRE n.x IS UNIQUE",
    "DROP CONSTRAINT session_id IF EXISTS",
    "CREATE USER mallory SET PASSWORD 'hunter2hunter2'",
    "ALTER CURRENT USER SET PASSWORD FROM 'x' TO 'y2345678'",
    "CALL db.createLabel('{label}_{mark}')",
    "CALL db.createProperty('p{mark}')",
    "CALL db.awaitIndexes()",
    "CALL dbms.setConfigValue('db.transaction.timeout', '0')",
    "CALL tx.setMetaData({{a: 1}})",
    "EXPLAIN CREATE (:{label} {{mark: $mark}})",
    "PROFILE CREATE (:{label} {{mark: $mark}})",
    "CYPHER runtime=slotted CREATE (:{label} {{mark: $mark}})",
    "USE system CREATE USER mallory SET PASSWORD 'hunter2hunter2'",
    "USE neo4j CREATE (:{label} {{mark: $mark}})",
]
ELSEWHERE = [
    "SHOW SETTINGS", "SHOW USERS", "SHOW CURRENT USER", "SHOW TRANSACTIONS", "SHOW PROCEDURES", "SHOW DATABASES",
    "TERMINATE TRANSACTION 'neo4j-transaction-1'", "CALL dbms.listConfig()", "CALL dbms.components()",
    "CALL dbms.queryJmx('*:*')", "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    "LOAD CSV FROM 'http://169.254.169.254/latest/meta-data' AS line RETURN line",
    "RETURN COLLECT { LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line } AS lines",
    "RETURN EXISTS { CALL dbms.components() YIELD name RETURN name } AS x",
    "CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()", "CALL apoc.load.json('http://127.0.0.1')",
]  # fmt: skip
TEXTS = [
    "`}) DETACH DELETE n //", "'}) DETACH DELETE n //", "\\u0060}) DETACH DELETE", "\"}) MATCH (n) DELETE n", "$mark",
]  # fmt: skip


def statement(text: str) -> Any:
    return parse_statements(f"// name: given :write :many\n{text}\n", "given.cypher")[0]


@pytest.fixture
def questions(db: Database) -> Questions:
    return Questions(db)


@pytest.fixture
async def mark(db: Database) -> AsyncIterator[str]:
    """A node of this test alone."""
    mark = uuid.uuid4().hex
    await db.write(statement("CREATE (:QuestionMark {mark: $mark, x: 1})"), mark=mark)
    try:
        yield mark
    finally:
        await db.write(statement("MATCH (n:QuestionMark {mark: $mark}) DETACH DELETE n"), mark=mark)


async def test_no_text_writes(questions: Questions, db: Database, mark: str) -> None:
    schema = statement("SHOW INDEXES YIELD name RETURN collect(name) AS names")
    before = await db.read(schema)
    for text in WRITES:
        with pytest.raises(QuestionRefused):
            await questions.ask(text.format(label="QuestionMark", mark=mark), {"mark": mark})
    assert (await questions.ask(COUNT, {"mark": mark})).rows == [[1, [{"mark": mark, "x": 1}]]]
    assert await db.read(schema) == before
    users = await db.read(statement("SHOW USERS YIELD user RETURN collect(user) AS users"))
    assert users == [{"users": ["neo4j"]}]


async def test_a_plan_judged_wrongly_would_still_not_write(questions: Questions, mark: str) -> None:
    with pytest.raises(QuestionRefused, match="read access mode"):
        await questions.ask("MATCH (n:QuestionMark {mark: $mark}) SET n.x = 2", {"mark": mark}, trusted=True)
    assert (await questions.ask(COUNT, {"mark": mark})).rows[0][1][0]["x"] == 1


@pytest.mark.parametrize("text", ELSEWHERE, ids=range(len(ELSEWHERE)))
async def test_nothing_but_the_graph_is_read(questions: Questions, text: str) -> None:
    with pytest.raises(QuestionRefused):
        await questions.ask(text)


@pytest.mark.parametrize("text", TEXTS)
async def test_parameters_are_values(questions: Questions, mark: str, text: str) -> None:
    answer = await questions.ask("MATCH (n:QuestionMark {mark: $mark}) RETURN n.x, $t", {"mark": mark, "t": text})
    assert answer.rows == [[1, text]]
    assert (await questions.ask(COUNT, {"mark": text})).rows == [[0, []]]


async def test_answers_end_at_the_limits(questions: Questions, db: Database) -> None:
    answer = await questions.ask("UNWIND range(1, 1000000) AS x RETURN x, 'a' + x AS y", rows=3)
    assert (answer.columns, answer.rows, answer.truncated) == (["x", "y"], [[1, "a1"], [2, "a2"], [3, "a3"]], True)
    whole = await questions.ask("UNWIND range(1, 3) AS x RETURN x", rows=3)
    assert (len(whole.rows), whole.truncated) == (3, False)
    assert len((await questions.ask("UNWIND range(1, 5000) AS x RETURN x", rows=10**9)).rows) == 1000
    small = Questions(db, QuestionLimits(bytes=50_000))
    for text in ("UNWIND range(1, 1000) AS x RETURN $t", "RETURN [$t, $t, $t, $t, $t, $t] AS one_row"):
        with pytest.raises(QuestionTooLarge, match="50000 bytes"):
            await small.ask(text, {"t": "x" * 10_000})
    assert (await small.ask("RETURN 1 AS x")).rows == [[1]]  # the next has a connection of its own


async def test_what_takes_too_long_or_hangs_ends(db: Database) -> None:
    quick = Questions(db, QuestionLimits(seconds=0.5))
    with pytest.raises(QuestionTooSlow):
        await quick.ask("UNWIND range(1, 100000000000) AS x RETURN count(x)")
    assert (await quick.ask("RETURN 1 AS x")).rows == [[1]]


async def test_so_many_at_once_and_no_more(db: Database) -> None:
    questions = Questions(db, QuestionLimits(at_once=1, seconds=0.5))
    found: list[str] = []

    async def ask() -> None:
        try:
            await questions.ask("UNWIND range(1, 100000000000) AS x RETURN count(x)")
        except (QuestionTooSlow, QuestionsBusy) as error:
            found.append(error.code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    assert sorted(found) == ["question_too_slow", "questions_busy"]
    assert (await questions.ask("RETURN 1 AS x")).rows == [[1]]


async def test_mistakes_are_told_where_they_are(questions: Questions) -> None:
    cases = {"RETURN 1 +": (1, 11), "MATCH (n)\nRETURN m": (2, 8)}
    for text, place in cases.items():
        with pytest.raises(QuestionRefused) as refused:
            await questions.ask(text)
        assert (refused.value.details["line"], refused.value.details["column"]) == place
        assert "EXPLAIN" not in refused.value.message
    for text, says in {"RETURN 1/0": "zero", "RETURN $nope": "nope", "RETURN date('x')": "Date"}.items():
        with pytest.raises(QuestionRefused, match=says):
            await questions.ask(text)


async def test_nodes_relationships_and_paths_are_json(questions: Questions, db: Database, mark: str) -> None:
    found = "MATCH (n:QuestionMark {mark: $mark})"
    await db.write(statement(f"{found} CREATE (n)-[:LEADS_TO {{w: 1.5}}]->(:QuestionMark {{mark: $mark}})"), mark=mark)
    answer = await questions.ask(f"{found} MATCH p = (n)-[r:LEADS_TO]->() RETURN n, r, p", {"mark": mark})
    node, relationship, path = answer.rows[0]
    assert (node["$type"], node["labels"], node["properties"]["x"]) == ("Node", ["QuestionMark"], 1)
    assert (relationship["$type"], relationship["type"]) == ("Relationship", "LEADS_TO")
    assert relationship["properties"] == {"w": 1.5}
    assert relationship["start"] == node["id"] == path["nodes"][0]["id"]
    assert [r["id"] for r in path["relationships"]] == [relationship["id"]]


async def test_hashes_of_tokens_are_masked_in_nodes(questions: Questions, db: Database, mark: str) -> None:
    text = "MATCH (n:QuestionMark {mark: $mark}) SET n:ApiToken, n.id = $mark, n.actor = $mark, n.hash = $hash"
    await db.write(statement(text), mark=mark, hash="a" * 64)
    answer = await questions.ask("MATCH (n:QuestionMark {mark: $mark}) RETURN n", {"mark": mark})
    assert answer.rows[0][0]["properties"]["hash"] == "***"


async def test_over_the_api_with_values_limits_and_codes(db: Database, mark: str) -> None:
    async with running_api(db) as api:
        told = await api.ask(ASK, q="MATCH (n:QuestionMark {mark: $mark}) RETURN n.x AS x, $big AS big",
                             p={"mark": mark, "big": 2**63 - 1})  # fmt: skip
        big = {"$type": "Integer", "value": str(2**63 - 1)}
        assert told["cypher"] == {"columns": ["x", "big"], "rows": [[1, big]], "truncated": False}
        assert (await api.ask(ASK, q="UNWIND range(1, 9) AS x RETURN x", n=2))["cypher"]["truncated"] is True
        for q, p, n, code in (
            ("CREATE (n) RETURN n", None, 1, "question_refused"),
            ("RETURN 1", [1], 1, "validation_failed"),
            ("RETURN 1", {"a b": 1}, 1, "question_refused"),
            ("RETURN 1", None, 0, "validation_failed"),
            ("RETURN 1", None, 1001, "validation_failed"),
        ):
            refused = await api.refused(ASK, q=q, p=p, n=n)
            assert refused["extensions"]["code"] == code, refused
        bad = await api.refused(ASK, q="MATCH (n)\nRETURN m")
        assert (bad["extensions"]["details"]["line"], bad["extensions"]["details"]["column"]) == (2, 8)


async def test_saved_questions_stay_in_their_project(db: Database) -> None:
    async with running_api(db) as api:
        project_id, plan_id, _ = await api.running_plan({"a": [], "b": ["a"]})
        other = await api.project()
        listed = await api.ask("{ savedQuestions { name title text ofProject parameters { name } } }")
        names = {q["name"]: q for q in listed["savedQuestions"]}
        assert {"why_not_running", "what_it_affects", "what_led_to_it", "who_approved", "critical_path"} <= set(names)
        assert [p["name"] for p in names["why_not_running"]["parameters"]] == ["project_id", "plan_id", "step_key"]
        for name, question in names.items():
            given = {"n": name, "p": project_id, "l": plan_id, "s": "b"}
            if question["ofProject"]:
                answer = (await api.ask(SAVED, **given))["savedAnswer"]
                assert all(len(row) == len(answer["columns"]) for row in answer["rows"]), name
            else:
                assert (await api.refused(SAVED, **given))["extensions"]["code"] == "validation_failed"
        why = (await api.ask(SAVED, n="why_not_running", p=project_id, l=plan_id, s="b"))["savedAnswer"]
        assert why["rows"][0][2] == "it waits for steps that are not finished"
        for given, code in (
            ({"n": "nope", "p": project_id}, "not_found"),
            ({"n": "why_not_running", "p": project_id}, "validation_failed"),
            ({"n": "why_not_running", "p": other, "l": plan_id, "s": "b"}, "not_found"),
        ):
            refused = await api.refused(SAVED, **given)
            assert refused["extensions"]["code"] == code, refused
