"""``psg sandbox``: what this machine can enforce on programs and code of plans."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from pydantic import ValidationError
from rich.table import Table

from psg_cli.failures import execute
from psg_cli.output import JsonFlag, print_json, stdout
from psg_cli.settings import settings_invalid


def sandbox(as_json: JsonFlag = False) -> None:
    """Tell which limits this machine can enforce on `process.run` and `code.run`, and which are set.

    Exit status 1 when the settings ask for limits that it cannot enforce: such steps would be refused.

    Examples: psg sandbox      psg sandbox --json      PSG_MULTI_TENANT=true psg sandbox
    """

    async def command() -> int:
        from psg_runtime.ael import AelSettings
        from psg_runtime.ael.adapters.process import sandboxing_of
        from psg_runtime.sandbox import facts_of_this_machine, report

        try:
            settings = sandboxing_of(AelSettings()).settings
        except ValidationError as error:
            raise settings_invalid(error) from None
        found = report(settings, await anyio.to_thread.run_sync(facts_of_this_machine))
        if as_json:
            print_json(found)
        else:
            _show(found)
        return 1 if settings.everything and found["chosen"] is None else 0

    execute(command)


def _show(found: dict[str, Any]) -> None:
    console = stdout()
    chosen = found["chosen"]
    mode = "multi-tenant mode" if found["multi_tenant"] else "single tenant: a limit counts when it is set"
    console.print(f"Sandbox: {chosen or 'none that can enforce everything'} ({mode})")
    table = Table("mechanism", *(level["name"] for level in found["levels"]))
    for mechanism, meaning in found["mechanisms"].items():
        marks = ["yes" if mechanism in level["enforces"] else "-" for level in found["levels"]]
        table.add_row(f"{mechanism}: {meaning}", *marks)
    console.print(table)
    for title in ("facts", "limits"):
        console.print(f"{title}: " + ", ".join(f"{name} {value}" for name, value in found[title].items()))
