"""``psg doctor``: everything that this installation stands on, looked at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict

from psg.errors import PsgError
from psg_cli.commands.database import HomeOption
from psg_cli.doctor.findings import Finding, fail
from psg_cli.failures import EXIT_OK, execute
from psg_cli.output import JsonFlag, plain, print_json, stdout
from psg_cli.settings import CliSettings, load_settings

EXIT_WARNINGS = 1
EXIT_FAILURES = 2
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(home: HomeOption = None, as_json: JsonFlag = False) -> None:
    """Look at everything this installation stands on, and say what to do where something is wrong.

    Python and packages, settings, disk, ports, Java and Neo4j, database, migrations, indexes, clock, orchestrators,
    logs, tokens, API. Nothing is started and nothing is changed; it also works when nothing runs. No secret is printed.

    Exit status: 0 all well, 1 warnings, 2 something does not work.

    Examples: psg doctor      psg doctor --json
    """

    async def command() -> int:
        found = await examine(home_settings)
        worst = Counter[str](finding.level for finding in found)
        if as_json:
            levels = {level: worst[level] for level in _STYLES}
            print_json({"findings": [asdict(one) for one in found], **levels})
        else:
            _show(found)
        return EXIT_FAILURES if worst["fail"] else EXIT_WARNINGS if worst["warn"] else EXIT_OK

    def home_settings() -> CliSettings:
        return load_settings(home=home)

    execute(command, as_json=as_json)


async def examine(settings_of: Callable[[], CliSettings]) -> list[Finding]:
    """Make every check; what cannot be read stops only the checks that need it."""
    from psg_cli.doctor import environment

    found = [*environment.check_python(), *environment.check_packages(), *environment.check_settings()]
    try:
        settings = settings_of()
    except PsgError:  # told by the check of settings
        return found
    return found + await _examine_with(settings)


async def _examine_with(settings: CliSettings) -> list[Finding]:
    from psg_cli.doctor import machine
    from psg_cli.doctor.database import check_database
    from psg_cli.doctor.service import check_api
    from psg_graphql.settings import api_settings

    found = [*_safe("disk", machine.check_disk(settings)), *_safe("embedded", machine.check_embedded(settings))]
    api, answers = await check_api(settings)
    try:
        listens = api_settings()
        found += _safe("ports", machine.check_ports(settings, listens, api_answers=answers))
    except PsgError:
        pass  # told by the check of settings
    return [*found, *await check_database(settings), api]


def _safe(check: str, findings: Iterable[Finding]) -> list[Finding]:
    made: list[Finding] = []
    try:
        made.extend(findings)
    except (PsgError, OSError) as error:
        made.append(fail(check, f"could not be checked: {error}", "see whether the folders and files can be read"))
    return made


def _show(found: list[Finding]) -> None:
    console = stdout()
    for one in found:
        console.print(f"[{_STYLES[one.level]}]{one.level:<4}[/] {one.check:<13} {plain(one.message)}")
        if one.level != "ok" and one.advice:
            console.print(f"{'':<18} → {plain(one.advice)}", style="dim")
    count = Counter(one.level for one in found)
    console.print(f"{count['ok']} ok, {count['warn']} warnings, {count['fail']} failures")
