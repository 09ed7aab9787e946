"""``psg ask``: questions to the graph, in Cypher or saved ones."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
import typer

from psg_cli.api import find_project, node_id, open_client
from psg_cli.commands.plans import ApiOption, ProjectOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, stderr, stdout, table
from psg_cli.settings import CliSettings, load_settings
from psg_client import Client
from psg_client.generated import AskCypher, SavedAnswer

Answer = AskCypher | SavedAnswer
_OF_SAVED = ("plan_id", "step_key")


def ask(
    question: Annotated[
        str | None, typer.Argument(help="The question in Cypher; - reads it from standard input.", show_default=False)
    ] = None,
    params: Annotated[
        list[str] | None, typer.Option("--param", "-P", help="A parameter as name=value (JSON, else text); repeatable.")
    ] = None,
    saved: Annotated[str | None, typer.Option("--saved", help="Name of a saved question, about --project.")] = None,
    list_saved: Annotated[bool, typer.Option("--list", help="List the saved questions.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most rows.")] = 1000,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a line of column names.")] = False,
    project: ProjectOption = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask the graph: reading only, within limits of rows, bytes, time and memory.

    Questions in Cypher read every project and take the permission `cypher`; saved ones are for members of a project.

    Examples: psg ask 'MATCH (p:Plan) RETURN p.title, p.status LIMIT 10'      psg ask --list
    psg ask --saved why_not_running -P plan_id=… -P step_key=review
    """

    async def command() -> None:
        if [question is not None, saved is not None, list_saved].count(True) != 1:
            raise UsageError("give one of: a question in Cypher, --saved NAME, --list")
        if as_csv and as_json:
            raise UsageError("--csv and --json exclude each other")
        given = _given(params or [])
        settings = load_settings(project=project, api_url=api_url)
        async with open_client(settings) as client:
            if list_saved:
                await _list(client, as_json)
            elif saved is not None:
                _show(await _saved(client, settings, saved, given, limit), as_json, as_csv)
            else:
                text = sys.stdin.read() if question == "-" else str(question)
                _show(await client.ask_cypher(query=text, params=given, limit=limit), as_json, as_csv)

    execute(command, as_json=as_json)


async def _saved(
    client: Client, settings: CliSettings, name: str, given: Mapping[str, Any], limit: int
) -> Answer:
    of_all = next((q for q in await client.saved_questions() if q.name == name and not q.of_project), None)
    if of_all is not None:  # about all projects, so it takes what questions in Cypher take
        return await client.ask_cypher(query=of_all.text, params=given, limit=limit)
    unknown = sorted(set(given) - {*_OF_SAVED})
    if unknown:
        raise UsageError(f"a saved question takes {', '.join(_OF_SAVED)} and --project; not {', '.join(unknown)}")
    inside = await find_project(client, settings.project)
    plan, step = (None if given.get(n) is None else str(given[n]) for n in _OF_SAVED)
    if plan is not None:
        plan = await node_id(client, settings, "Plan", plan)
    return await client.saved_answer(name=name, project_id=inside.id, plan_id=plan, step_key=step, limit=limit)


async def _list(client: Client, as_json: bool) -> None:
    found = await client.saved_questions()
    if as_json:
        print_json([{"name": q.name, "title": q.title, "parameters": [p.name for p in q.parameters]} for q in found])
        return
    shown = table("NAME", "QUESTION", "PARAMETERS")
    for question in found:
        names = ", ".join(p.name for p in question.parameters)
        shown.add_row(plain(question.name), plain(question.title), plain(names))
    stdout().print(shown)


def _given(params: Sequence[str]) -> dict[str, Any]:
    """The parameters of ``name=value`` texts; a value that is no JSON is the text itself."""
    found: dict[str, Any] = {}
    for text in params:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--param {text!r}: name=value is expected")
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found


def _show(answer: Answer, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json({"columns": answer.columns, "rows": answer.rows, "truncated": answer.truncated})
        return
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(answer.columns)
        writer.writerows([_cell(value) for value in row] for row in answer.rows)
    else:
        shown = table(*(plain(column) for column in answer.columns))
        for row in answer.rows:
            shown.add_row(*(plain(_cell(value)) for value in row))
        stdout().print(shown)
        if not answer.rows:
            stderr().print("0 rows")
    if answer.truncated:
        stderr().print(f"There are more than these {len(answer.rows)} rows.")


def _cell(value: Any) -> str:
    """A value on one line: text and scalars as themselves, the dates and numbers of Neo4j by their value."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict) and "value" in value and "$type" in value:
        return str(value["value"])
    return orjson.dumps(value).decode()
