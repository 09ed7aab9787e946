"""``psg demo``: the whole platform at work on a real git repository."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
import typer

import psg
import psg_runtime
from psg_cli.commands.database import HomeOption
from psg_cli.commands.plans import YesFlag, decide_by, watch_run
from psg_cli.failures import UsageError, execute
from psg_cli.logs import configure_logs
from psg_cli.output import JsonFlag, stderr, stdout
from psg_cli.settings import DEFAULT_PORT, CliSettings, load_settings

_TOOLS = "psg_runtime.demo_tools"
_REPORT = "repo-health.md"


def demo(
    repo: Annotated[Path, typer.Option("--repo", help="Git repository to look at.")] = Path(),
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Plan file; default: the example repo-health.yaml.")
    ] = None,
    yes: YesFlag = False,
    stay: Annotated[
        bool | None, typer.Option("--stay/--no-stay", help="Keep all running until Enter; default: at a terminal.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring everything up, run examples/repo-health.yaml on a git repository, show it live, and write a report.

    Nothing of the repository is changed; the report is written below PSG_HOME. Exit status 0 only when the plan is
    completed.

    Examples: psg demo --yes      psg demo --repo ../other --yes
    """

    async def command() -> int:
        settings = load_settings(home=home)
        configure_logs(settings.log_level or "warning")
        root = await _repository(repo)
        file = plan or _example()
        return await _run(settings, root, file, yes=yes, stay=_stays(stay, as_json), as_json=as_json)

    execute(command, as_json=as_json, on_interrupt="The plan stays in the graph and goes on with `psg up`.")


async def _run(settings: CliSettings, root: Path, file: Path, *, yes: bool, stay: bool, as_json: bool) -> int:
    from psg_cli.api import ensure_project, open_client
    from psg_cli.plan_run import submit
    from psg_cli.services import platform
    from psg_runtime.ael import AelSettings
    from psg_runtime.plan_file import apply_params, load_plan

    spec = apply_params(load_plan(file), {"repo": str(root), "report": _REPORT})
    reports = settings.home.absolute() / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    adapters = AelSettings(allow_process=("git",), process_roots=(root,), file_root=reports)
    console = stderr()
    console.print(f"repository {root}", markup=False)
    console.print("starting database, API and orchestrator (the first time Neo4j is downloaded, about 130 MB) …")
    async with platform(settings, port=_port(), ael_settings=adapters, tools=(_TOOLS,)) as running:
        local = settings.model_copy(update={"api_url": running.api_url})
        for name, address in running.addresses.items():
            console.print(f"{name:<9}{address}", markup=False)
        async with open_client(local) as client:
            project = await ensure_project(client, settings.project)
            started = await submit(client, project, spec, role=settings.role)
            browser = running.store.server.http_url if running.store.server else None
            status = await watch_run(
                client, local, started, decide=decide_by(yes), as_json=as_json, browser_url=browser
            )
        report = reports / _REPORT
        results = console if as_json else stdout()
        if status == 0 and report.is_file():
            results.print(f"report   {report}", markup=False)
        results.print("audit    psg verify")
        if stay:
            await _until_enter()
    return status


async def _repository(place: Path) -> Path:
    """The top folder of the git work tree; raises UsageError."""
    if not await anyio.Path(place).is_dir():
        raise UsageError(f"--repo {place}: there is no such folder.")
    try:
        done = await anyio.run_process(["git", "-C", str(place), "rev-parse", "--show-toplevel"], check=False)
    except FileNotFoundError:
        raise UsageError("the demo reads a git repository; install git first.") from None
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise UsageError(f"--repo {place}: not a git work tree ({reason}).")
    return Path(done.stdout.decode().rstrip("\n"))


def _example() -> Path:
    """The plan of the demonstration: of this checkout, else the one that the wheel has beside its tools."""
    checkout = Path(psg.__file__).resolve().parents[1] / "examples" / "repo-health.yaml"
    installed = Path(psg_runtime.__file__).resolve().parent / "demo_tools" / "repo-health.yaml"
    for file in (checkout, installed):
        if file.is_file():
            return file
    raise UsageError("the example plan is not part of this installation; name a plan file with --plan.")


def _port() -> int | None:
    """None (what is configured, 8765 by default), or 0 (any free one) when the default one is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            return 0
    return None


def _stays(stay: bool | None, as_json: bool) -> bool:
    return stay if stay is not None else sys.stdin.isatty() and sys.stdout.isatty() and not as_json


async def _until_enter() -> None:
    stderr().print("everything runs on; Enter stops it", style="dim")
    await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
