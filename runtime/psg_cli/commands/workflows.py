"""``psg workflow``: check, run and steer workflows over modules, on the database itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from psg.graph import Graph
from psg.model.ids import UUID4
from psg_cli.commands.database import HomeOption
from psg_cli.failures import EXIT_FAILURE, EXIT_OK, UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, status_text, stderr, stdout, table
from psg_cli.services import load_registry
from psg_cli.settings import CliSettings, load_settings
from psg_cli.store import open_store
from psg_neo4j.migrations import migrate, require_schema
from psg_runtime.core_orchestrator import (
    Catalog,
    CoreOrchestrator,
    CoreOrchestratorConfig,
    ExecutionEnded,
    WorkflowStatus,
    check_workflow,
    loaded,
)
from psg_runtime.modules import ModuleManager
from psg_runtime.plan_file.document import read_document

workflow = typer.Typer(name="workflow", no_args_is_help=True, help="Workflows: stages of modules' operations.")
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Workflow file (YAML or JSON).")]
ExecutionArgument = Annotated[str, typer.Argument(metavar="EXECUTION", help="Id of an execution.")]
InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", help="Input as name=value, the value as JSON or else as text; repeatable."),
]
ProjectOption = Annotated[
    str | None, typer.Option("--project", help="Name or UUID of the project (PSG_PROJECT, default: default).")
]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tools", help="Tools that executed plans may call: pkg.module[:attribute]; repeatable."),
]
PresetOption = Annotated[
    str, typer.Option("--preset", help="Settings of the core orchestrator: single_node or distributed.")
]


@workflow.command("check")
def check(file: FileArgument, given: InputOption = None, as_json: JsonFlag = False) -> None:
    """Tell every mistake in a workflow; nothing is run and no database is needed.

    Without --input references to inputs are not checked.

    Example: psg workflow check workflow.yaml
    """

    async def command() -> None:
        modules = await loaded(ModuleManager())
        inputs = _inputs(given) if given else None
        checked = check_workflow(_definition(file), inputs, Catalog(modules.registrations()))
        if as_json:
            print_json(checked.to_dict())
        else:
            stages = ", ".join(plain(stage.id) for stage in checked.stages)
            stdout().print(f"{plain(checked.name)}: {checked.execution_mode}, {stages}; correct")

    execute(command, as_json=as_json)


@workflow.command("run")
def run(
    file: FileArgument,
    given: InputOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Begin it and leave it to running orchestrators (`psg up`).")
    ] = False,
    tools: ToolsOption = None,
    preset: PresetOption = "single_node",
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a workflow and show what its stages came to. Exit status 0 only when it is completed.

    Its stages run here, and wherever else an orchestrator of the project runs. Ctrl-C leaves the execution as it is: it
    goes on where another orchestrator runs.

    Example: psg workflow run examples/workflow-context-plan-execute.yaml
    """

    async def command() -> int:
        settings = load_settings(home=home, project=project, tools=tuple(tools) if tools else None)
        definition, inputs = _definition(file), _inputs(given)
        async with _core(settings, preset, run_stages=not detach, make=True) as core:
            begun = await core.start_workflow(definition, inputs, actor=settings.actor)
            if detach:
                print_json({"executionId": begun.id}) if as_json else stdout().print(begun.id)
                return EXIT_OK
            stderr().print(f"execution {begun.id}", style="dim")
            async with core:
                return await _awaited(core, begun.id, as_json)

    execute(command, as_json=as_json, on_interrupt="The execution stays; `psg workflow list` shows it.")


@workflow.command("list")
def list_executions(
    status: Annotated[
        str | None, typer.Option("--status", help="pending, running, paused, completed, failed or cancelled.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 50,
    project: ProjectOption = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show executions of a project, the latest first.

    Example: psg workflow list --status running
    """

    async def command() -> None:
        async with _core(load_settings(home=home, project=project)) as core:
            found = await core.list_workflows(status=status, limit=limit)
        if as_json:
            print_json([one.to_dict() for one in found])
            return
        rows = table("execution", "workflow", "status", "stages", "created")
        for one in found:
            stages = f"{one.stages_done}/{one.stages_total}"
            rows.add_row(one.execution_id, plain(one.workflow_id), status_text(one.status), stages, one.created_at)
        stdout().print(rows)

    execute(command, as_json=as_json)


@workflow.command("status")
def show_status(
    execution: ExecutionArgument, project: ProjectOption = None, home: HomeOption = None, as_json: JsonFlag = False
) -> None:
    """Show how an execution stands, with its stages.

    Example: psg workflow status EXECUTION --json
    """

    async def command() -> None:
        async with _core(load_settings(home=home, project=project)) as core:
            _show(await core.get_workflow_status(execution), as_json)

    execute(command, as_json=as_json)


@workflow.command("pause")
def pause(
    execution: ExecutionArgument, project: ProjectOption = None, home: HomeOption = None, as_json: JsonFlag = False
) -> None:
    """Let no further stage of an execution start; those that run finish.

    Example: psg workflow pause EXECUTION
    """
    _steer("pause_workflow", execution, project, home, as_json)


@workflow.command("resume")
def resume(
    execution: ExecutionArgument, project: ProjectOption = None, home: HomeOption = None, as_json: JsonFlag = False
) -> None:
    """Go on with a paused execution; no completed stage runs again.

    Example: psg workflow resume EXECUTION
    """
    _steer("resume_workflow", execution, project, home, as_json)


@workflow.command("cancel")
def cancel(
    execution: ExecutionArgument, project: ProjectOption = None, home: HomeOption = None, as_json: JsonFlag = False
) -> None:
    """End an execution; no further stage starts.

    Example: psg workflow cancel EXECUTION
    """
    _steer("cancel_workflow", execution, project, home, as_json)


def _steer(method: str, execution: str, project: str | None, home: Path | None, as_json: bool) -> None:
    async def command() -> None:
        settings = load_settings(home=home, project=project)
        async with _core(settings) as core:
            await getattr(core, method)(execution, actor=settings.actor)
            _show(await core.get_workflow_status(execution), as_json)

    execute(command, as_json=as_json)


@asynccontextmanager
async def _core(
    settings: CliSettings, preset: str = "single_node", *, run_stages: bool = False, make: bool = False
) -> AsyncIterator[CoreOrchestrator]:
    """A core orchestrator of the project, not at work yet; with ``make`` the project is made where there is none."""
    config = CoreOrchestratorConfig.preset(preset, logLevel="error")
    async with open_store(settings, existing=not make) as store:
        await (migrate(store.db) if store.server is not None else require_schema(store.db))
        graph = Graph(store.db)
        if UUID4.fullmatch(settings.project):
            project_id = settings.project
        else:
            find = graph.ensure_project if make else graph.project_named
            project_id = await find(settings.project)
        core = CoreOrchestrator(graph, project_id, config, tools=_tools(settings, run_stages), run_stages=run_stages)
        if run_stages and isinstance(core.modules, ModuleManager):
            await loaded(core.modules)
        yield core


def _tools(settings: CliSettings, wanted: bool) -> Any:
    if not wanted:
        return None
    return load_registry(settings.tools)


async def _awaited(core: CoreOrchestrator, execution_id: str, as_json: bool) -> int:
    try:
        result = await core.wait_for_workflow(execution_id)
    except ExecutionEnded as error:
        _show(await core.get_workflow_status(execution_id), as_json)
        stderr().print(f"{error.code}: {plain(error.message)}", style="red")
        return EXIT_FAILURE
    if as_json:
        print_json(result.to_dict())
    else:
        _show(await core.get_workflow_status(execution_id), as_json)
        print_json(result.outputs)
    return EXIT_OK


def _show(status: WorkflowStatus, as_json: bool) -> None:
    if as_json:
        print_json(status.to_dict())
        return
    took = "" if status.duration is None else f", {status.duration} ms"
    stdout().print(f"{status.execution_id}  {plain(status.workflow_name)}: {status_text(status.status)}{took}")
    rows = table("stage", "status", "attempts", "ms", "")
    for stage in (status.stages or {}).values():
        why = (stage.error or {}).get("message") or stage.reason or ""
        took = "" if stage.duration is None else str(stage.duration)
        rows.add_row(plain(stage.stage_id), status_text(stage.status), str(stage.attempts), took, plain(why))
    stdout().print(rows)


def _definition(file: Path) -> Any:
    return read_document(file.read_bytes(), str(file)).data


def _inputs(given: list[str] | None) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--input {text!r}: write it as name=value.")
        try:
            found[name] = orjson.loads(value)
        except ValueError:
            found[name] = value
    return found
