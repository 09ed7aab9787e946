"""``psg backup`` and ``psg restore``: everything in one file, and back into a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from psg_cli.backup_files import Dropped, drop_older, drop_stale, file_for, opened, unfinished
from psg_cli.commands.database import HomeOption
from psg_cli.failures import EXIT_FAILURE, UsageError, execute
from psg_cli.output import JsonFlag, print_json, stderr, stdout
from psg_cli.settings import CliSettings, load_settings
from psg_cli.store import open_store

if TYPE_CHECKING:
    from psg.backup import Summary

_SHOWN_VIOLATIONS = 10
_SHOWN = ("nodes", "events", "links", "records")


def backup(
    file: Annotated[
        Path, typer.Argument(help="File to write, or a folder in which it is named after the time (psg-….backup.gz).")
    ],
    verify: Annotated[bool, typer.Option("--verify", help="Write nothing; tell if the file is whole.")] = False,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="In a folder: remove all but this many of the newest backups.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Do not go on with an unfinished backup.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file when there is one.")] = False,
    lock_seconds: Annotated[
        float, typer.Option("--lock-seconds", min=1, help="How long writers of one project may be kept waiting.")
    ] = 60.0,
    section_bytes: Annotated[
        int, typer.Option("--section-bytes", min=1, help="How much is written anew after an interruption, about.")
    ] = 4 * 1024 * 1024,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write everything the platform keeps to one file, also while it runs: compressed, with checksums, read back.

    The file appears under its name only when it is whole; only its owner can read it. A backup that was interrupted is
    gone on with by the same command within a day. Exit status 1 when the file is made but the database is not what its
    log says (then --keep removes nothing), or when something could not be removed.

    Examples: psg backup psg.backup.gz      psg backup /var/backups/psg --keep 7      psg backup psg.backup.gz --verify
    """

    async def command() -> int:
        if verify:
            return _verify(file, as_json)
        if keep is not None and not file.is_dir():
            raise UsageError(f"--keep counts the backups of a folder, and {file} is none")
        for stale in drop_stale(file):
            stderr().print(f"removed {stale}: it was begun more than 24 hours ago and never finished", markup=False)
        made = file_for(file)
        if made.exists() and not force:
            raise UsageError(f"{made} exists; choose another name or say --force")
        options = {"lock_seconds": lock_seconds, "section_bytes": section_bytes}
        found = await _take(made, load_settings(home=home), restart, options, as_json)
        dropped = _dropped(file, keep, found) if keep is not None else Dropped()
        _show_made(made, found, dropped, as_json)
        return EXIT_FAILURE if found.violations or dropped.told else 0

    execute(command, as_json=as_json, on_interrupt="interrupted; the same command goes on where it stopped")


async def _take(file: Path, settings: CliSettings, restart: bool, options: dict[str, Any], as_json: bool) -> Summary:
    from psg.backup import backup as take

    async with open_store(settings, reading=True) as store:
        with unfinished(file, restart=restart) as target, _shown("written", as_json) as shown:
            return await take(
                store.db, target, **options, progress=shown, resume=True,
                told=lambda text: stderr().print(text, style="dim", markup=False),
            )  # fmt: skip


def _dropped(folder: Path, keep: int, found: Summary) -> Dropped:
    """Remove older backups, unless what was just made is of a damaged database: those may be the last good ones."""
    if found.violations:
        return Dropped(told=["nothing was removed: while the database is not what its log says, --keep keeps all"])
    return drop_older(folder, keep)


def _show_made(file: Path, found: Summary, dropped: Dropped, as_json: bool) -> None:
    for violation in found.violations[:_SHOWN_VIOLATIONS]:
        stderr().print(f"the database is not what its log says (see psg verify): {violation}", markup=False)
    for text in dropped.told:
        stderr().print(text, markup=False)
    size = file.stat().st_size
    if as_json:
        removed, left = ([str(one) for one in some] for some in (dropped.removed, dropped.left))
        print_json({"file": str(file), "bytes": size, **asdict(found), "removed": removed, "not_removed": left})
        return
    console = stdout()
    console.print(f"{_told(found.counts)} in {file} ({size / 1024 / 1024:.1f} MiB), read back", markup=False)
    console.print(f"sha256 {found.sha256}", markup=False)
    for one in dropped.removed:
        console.print(f"removed {one}", markup=False)


def _verify(file: Path, as_json: bool) -> int:
    """Read a backup as ``psg restore`` would, fold its logs, and tell."""
    from psg.backup import check

    with opened(file) as source, _shown("read", as_json) as shown:
        found = check(source, fold=True, progress=shown)
    _say("whole: ", found.counts, as_json, {"file": str(file), **asdict(found)})
    if not as_json:
        left = f", {found.unfolded} that their log does not tell of any more" if found.unfolded else ""
        stdout().print(f"{found.folded} nodes compared with their log: {len(found.violations)} violations{left}")
        for violation in found.violations:
            stdout().print(violation, markup=False)
    return EXIT_FAILURE if found.violations else 0


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `psg backup` wrote.", exists=True, dir_okay=False)],
    check_only: Annotated[bool, typer.Option("--check", help="Only read the file and tell if it is whole.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove all projects of the database first; what is in them is lost.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Store a backup in an empty database, bring its schema up first, and audit it after.

    The file is checked to its last byte before anything is stored. A restore that was interrupted is gone on with by
    the same command; until then nothing else starts on that database. Exit status 1 when the audit finds a violation.

    Examples: psg restore psg.backup.gz --home ./restored      psg restore psg.backup.gz --check
    """

    async def command() -> int:
        from psg.accounts import Accounts, AuditRecord
        from psg.audit import verify
        from psg.backup import check
        from psg.backup import restore as put_back

        with opened(file) as source:
            if check_only:
                found = check(source)
                _say("whole: ", found.counts, as_json, {**asdict(found), "file": str(file)})
                return 0
            settings = load_settings(home=home)
            async with open_store(settings, restoring=True) as store:
                with _shown("stored", as_json) as shown:
                    found = await put_back(store.db, source, replace=replace, migrating=True, progress=shown)
                told = {"file": file.name, "replace": replace, "projects": found.counts["projects"]}
                await Accounts(store.db).record(AuditRecord(settings.actor, "restore", "allowed", details=told))
                report = await verify(store.db)
        violations = [asdict(violation) for violation in report.violations]
        _say("stored ", found.counts, as_json, {**asdict(found), "file": str(file), "violations": violations})
        if not as_json:
            stdout().print(f"{len(violations)} violations; `psg verify` lists them" if violations else "0 violations")
        return EXIT_FAILURE if violations else 0

    execute(command, as_json=as_json, on_interrupt="interrupted: the same command goes on; nothing else starts on it")


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
