"""``psg conformance``: the L3 compliance checklist, run against the platform that is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psg_cli.commands.database import HomeOption
from psg_cli.failures import EXIT_FAILURE, execute
from psg_cli.logs import configure_logs
from psg_cli.output import JsonFlag, print_json, stdout
from psg_cli.settings import load_settings
from psg_cli.store import open_store

if TYPE_CHECKING:
    from psg_runtime.conformance import ItemResult


def conformance(home: HomeOption = None, as_json: JsonFlag = False) -> None:
    """Run the L3 compliance checklist and print each item with its evidence. Exit status 1 when one is not met.

    It works in a project of its own, which stays as evidence, in the database of PSG_NEO4J_URI or the embedded one
    (started for it when none runs; a running `psg up` is shared and not disturbed).

    Examples: psg conformance      psg conformance --json | jq .met
    """

    async def command() -> int:
        from psg.graph import Graph
        from psg_neo4j.migrations import migrate, require_schema
        from psg_runtime.conformance import run_checklist

        settings = load_settings(home=home)
        configure_logs(settings.log_level or "error")
        async with open_store(settings) as store:
            if store.server is None:
                await require_schema(store.db)
            else:
                await migrate(store.db)
            report = await run_checklist(Graph(store.db), progress=None if as_json else _show)
        if as_json:
            print_json(report.to_dict())
        else:
            console = stdout()
            for name, value in report.metadata.items():
                shown = ", ".join(value) if isinstance(value, list) else value
                console.print(f"{name:<28}{shown}", markup=False)
            console.print(f"{'evidence in project':<28}{report.project_id}", markup=False)
            console.print(f"{report.met} of {len(report.items)}")
        return 0 if report.ok else EXIT_FAILURE

    execute(command, as_json=as_json)


def _show(item: ItemResult) -> None:
    console = stdout()
    console.print("[green]met[/]     " if item.met else "[red]NOT MET[/] ", end="")
    console.print(f"{item.requirement} — {item.verification}", markup=False)
    for line in item.evidence if item.met else [item.problem]:
        console.print(f"        {line}", markup=False)
