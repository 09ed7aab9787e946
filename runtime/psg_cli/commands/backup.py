"""``psg backup`` and ``psg restore``: everything in one file, and back into an empty database."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from psg.errors import PsgError
from psg_cli.commands.database import HomeOption
from psg_cli.failures import EXIT_FAILURE, UsageError, execute
from psg_cli.output import JsonFlag, print_json, stderr, stdout
from psg_cli.settings import load_settings
from psg_cli.store import open_store

_SHOWN = ("nodes", "events", "links", "records")


def backup(
    file: Annotated[Path, typer.Argument(help="File to write, for example psg-2026-11-21.backup.gz.", dir_okay=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the file when there is one.")] = False,
    lock_seconds: Annotated[
        float, typer.Option("--lock-seconds", min=1, help="How long writers of one project may be kept waiting.")
    ] = 60.0,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write everything the platform keeps to one file, also while it runs: compressed, with a checksum.

    The file appears under its name only when it is whole, and only its owner can read it.

    Example: psg backup psg.backup.gz
    """

    async def command() -> None:
        from psg.backup import backup as take

        if file.exists() and not force:
            raise UsageError(f"{file} exists; choose another name or say --force")
        part = file.with_name(f"{file.name}.part")
        async with open_store(load_settings(home=home), reading=True) as store:
            try:
                with _for_the_owner(part) as target, _shown("written", as_json) as shown:
                    found = await take(store.db, target, lock_seconds=lock_seconds, progress=shown)
                    target.flush()
                    os.fsync(target.fileno())
                part.replace(file)
            except OSError as error:
                raise BackupFileFailed(f"{error.filename or part}: {error.strerror}") from error
            finally:
                part.unlink(missing_ok=True)
        if as_json:
            print_json({"file": str(file), "bytes": file.stat().st_size, **asdict(found)})
        else:
            size = file.stat().st_size / 1024 / 1024
            stdout().print(f"{_told(found.counts)} in {file} ({size:.1f} MiB)\nsha256 {found.sha256}", markup=False)

    execute(command, as_json=as_json, on_interrupt="interrupted; nothing was written")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `psg backup` wrote.", exists=True, dir_okay=False)],
    check_only: Annotated[bool, typer.Option("--check", help="Only read the file and tell if it is whole.")] = False,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Store a backup in an empty database, bring its schema up first, and audit it after.

    The file is checked to its last byte before anything is stored. Exit status 1 when the audit finds a violation.

    Examples: psg restore psg.backup.gz --home ./restored      psg restore psg.backup.gz --check
    """

    async def command() -> int:
        from psg.audit import verify
        from psg.backup import check
        from psg.backup import restore as put_back
        from psg_neo4j.migrations import migrate

        with file.open("rb") as source:
            if check_only:
                found = check(source)
                _say("whole: ", found.counts, as_json, {**asdict(found), "file": str(file)})
                return 0
            async with open_store(load_settings(home=home)) as store:
                await migrate(store.db)
                with _shown("stored", as_json) as shown:
                    found = await put_back(store.db, source, progress=shown)
                report = await verify(store.db)
        violations = [asdict(violation) for violation in report.violations]
        _say("stored ", found.counts, as_json, {**asdict(found), "file": str(file), "violations": violations})
        if not as_json:
            stdout().print(f"{len(violations)} violations; `psg verify` lists them" if violations else "0 violations")
        return EXIT_FAILURE if violations else 0

    execute(command, as_json=as_json, on_interrupt="interrupted: what was stored so far is no platform; empty it")


class BackupFileFailed(PsgError):
    """The file of a backup cannot be written."""

    code = "backup_file_failed"
    category = "resource_error"


def _for_the_owner(path: Path) -> BinaryIO:
    """A new file that nobody else can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _say(word: str, counts: Mapping[str, int], as_json: bool, facts: Mapping[str, object]) -> None:
    if as_json:
        print_json(facts)
    else:
        stdout().print(f"{word}{_told(counts)}", markup=False)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


class _Bar:
    """A progress bar at a terminal; a line for each tenth otherwise."""

    def __init__(self, word: str, bar: Progress | None) -> None:
        self._word = word
        self._bar = bar
        self._task = bar.add_task(word, total=None) if bar is not None else None
        self._tenth = 0

    def __call__(self, done: Mapping[str, int], total: Mapping[str, int]) -> None:
        known = [name for name in _SHOWN if name in total]
        so_far, all_of_it = sum(done[name] for name in known), sum(total[name] for name in known)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=so_far, total=max(so_far, all_of_it))
            return
        tenth = 10 * so_far // max(all_of_it, 1)
        if tenth > self._tenth:
            self._tenth = tenth
            stderr().print(f"{self._word} {so_far} of about {max(so_far, all_of_it)}", style="dim")


@contextmanager
def _shown(word: str, as_json: bool) -> Iterator[_Bar | None]:
    console = stderr()
    if as_json:
        yield None
    elif not console.is_terminal:
        yield _Bar(word, None)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
            yield _Bar(word, bar)
