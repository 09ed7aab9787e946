"""Questions in Cypher: ad hoc ones for who may read everything, saved ones for the members of a project."""

from __future__ import annotations

from typing import Annotated
from weakref import WeakKeyDictionary

import strawberry
from strawberry.scalars import JSON

from psg.errors import NotFound, ValidationFailed
from psg_cypher.saved_questions import PARAMETERS, SavedQuestion, saved_questions
from psg_graphql.global_id import parse_in, project_of
from psg_graphql.request_context import Info
from psg_graphql.roots import query
from psg_neo4j.database import Database
from psg_neo4j.questions import QuestionAnswer, QuestionLimits, Questions

_LIMITS = QuestionLimits()
_questions: WeakKeyDictionary[Database, Questions] = WeakKeyDictionary()

_Limit = Annotated[int, strawberry.argument(description=f"The most rows, up to {_LIMITS.rows}.")]
_Params = Annotated[JSON | None, strawberry.argument(description="Values by the names of parameters, as JSON.")]


@strawberry.type(description="What a question was answered: rows of values in the order of the columns.")
class CypherAnswer:
    columns: list[str]
    rows: JSON = strawberry.field(
        description="A list of rows, each a list of values; what JSON has no form for is an object with `$type`."
    )
    truncated: bool = strawberry.field(description="Whether there were more rows.")
    took_ms: float = strawberry.field(description="Milliseconds, planning included.")


@strawberry.type(description="A parameter of a saved question.")
class QuestionParameter:
    name: str
    description: str


@strawberry.type(name="SavedQuestion", description="A question that ships with the platform.")
class Saved:
    name: str
    title: str
    text: str = strawberry.field(description="In Cypher.")
    parameters: list[QuestionParameter]
    of_project: bool = strawberry.field(
        description="Whether it reads one project only, so that `savedAnswer` answers it; else it takes `cypher`."
    )


def saved_from(question: SavedQuestion) -> Saved:
    """Return a saved question as the API shows it."""
    parameters = [QuestionParameter(name=name, description=PARAMETERS[name]) for name in question.parameters]
    return Saved(
        name=question.name, title=question.title, text=question.text, parameters=parameters,
        of_project=question.of_project,
    )  # fmt: skip


def questions_on(database: Database) -> Questions:
    """Return what answers questions on ``database``: one for all requests, as it counts how many run."""
    return _questions.setdefault(database, Questions(database))


@strawberry.type
class QuestionQueries:
    @query(
        "The answer to a question in Cypher, of the whole graph: it only reads, and rows, bytes, time and memory are "
        "bounded. Takes the permission `cypher`."
    )
    async def cypher(
        self, info: Info, query: str, params: _Params = None, limit: _Limit = _LIMITS.rows
    ) -> CypherAnswer:
        return _answer(await questions_on(info.context.graph.db).ask(query, _given(params), rows=_rows(limit)))

    @query("The questions that ship with the platform.")
    async def saved_questions(self, info: Info) -> list[Saved]:
        return [saved_from(question) for question in saved_questions().values()]

    @query("The answer to a saved question about a project.")
    async def saved_answer(
        self,
        info: Info,
        name: str,
        project_id: Annotated[strawberry.ID, strawberry.argument(description="Global id or UUID of the project.")],
        plan_id: strawberry.ID | None = None,
        step_key: Annotated[str | None, strawberry.argument(description="Key of a step in the plan.")] = None,
        limit: _Limit = _LIMITS.rows,
    ) -> CypherAnswer:
        question = _saved(name)
        inside = project_of(project_id)
        plan = None if plan_id is None else parse_in(inside, plan_id, "planId", "Plan")
        known = {"project_id": inside, "plan_id": plan, "step_key": step_key}
        missing = [name for name in question.parameters if known[name] is None]
        if missing:
            raise ValidationFailed(f"{question.name} needs {', '.join(missing)}", field=missing[0])
        params = {name: known[name] for name in question.parameters}
        asked = questions_on(info.context.graph.db)
        return _answer(await asked.ask(question.text, params, rows=_rows(limit), trusted=True))


def _saved(name: str) -> SavedQuestion:
    found = saved_questions().get(name)
    if found is None:
        raise NotFound(f"no saved question is named {name[:100]!r}; there are {', '.join(saved_questions())}")
    if not found.of_project:
        raise ValidationFailed(f"{name} reads all projects: ask it by `cypher`, with its text", field="name")
    return found


def _given(params: object) -> dict[str, object]:
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise ValidationFailed("params: an object with the values by name is expected", field="params")
    return params


def _rows(limit: int) -> int:
    if not 1 <= limit <= _LIMITS.rows:
        raise ValidationFailed(f"limit: 1 to {_LIMITS.rows} rows", field="limit")
    return limit


def _answer(found: QuestionAnswer) -> CypherAnswer:
    return CypherAnswer(columns=found.columns, rows=found.rows, truncated=found.truncated, took_ms=found.took_ms)  # type: ignore[arg-type]
