"""``psg backup`` in a folder: what is removed there, what stays, and which unfinished file is gone on with."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from psg.backup import Summary
from psg.backup.salvage import Salvaged
from psg.backup.taking import RESUME_WITHIN_S, _misfit
from psg_cli.backup_files import BackupUnderWay, drop_stale, file_for, unfinished
from psg_cli.main import app

OLD = [f"psg-2020010{day}T000000Z.backup.gz" for day in range(1, 5)]
Keeping = Callable[..., Result]


@pytest.fixture
def keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keeping:
    """Calls ``psg backup FOLDER --keep 2`` in a folder with four backups; what is read finds these violations."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in OLD:
        (tmp_path / name).write_bytes(b"good")

    def call(*options: str, violations: tuple[str, ...] = ()) -> Result:
        async def take(file: Path, *_: Any) -> Summary:
            with unfinished(file) as target:
                target.write(b"made")
            return Summary(violations=list(violations))

        monkeypatch.setattr("psg_cli.commands.backup._take", take)
        return CliRunner().invoke(app, ["backup", str(tmp_path), "--keep", "2", *options])

    return call


def there(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_all_but_the_newest_are_removed(keeping: Keeping, tmp_path: Path) -> None:
    done = keeping("--json")
    said = orjson.loads(done.stdout)
    assert done.exit_code == 0 and said["not_removed"] == []
    assert said["removed"] == [str(tmp_path / name) for name in OLD[:3]]
    assert there(tmp_path) == [OLD[3], Path(said["file"]).name]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_is_removed_while_the_database_breaks_a_rule(
    keeping: Keeping, tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = keeping(*options, violations=("a node is another",))
    assert done.exit_code == 1 and "nothing was removed" in done.stderr
    assert set(OLD) < set(there(tmp_path)), "these may be the last good ones"
    if options:
        assert orjson.loads(done.stdout)["removed"] == []


def test_what_cannot_be_removed_is_told_and_the_backup_is_made(
    keeping: Keeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.unlink

    def unlink(file: Path, missing_ok: bool = False) -> None:
        if file.name == OLD[0]:
            raise PermissionError(1, "Operation not permitted", str(file))
        real(file, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    done = keeping("--json")
    said = orjson.loads(done.stdout)
    assert done.exit_code == 1 and "defect" not in done.stderr
    assert f"{tmp_path / OLD[0]} could not be removed: Operation not permitted" in done.stderr
    assert said["not_removed"] == [str(tmp_path / OLD[0])] and len(said["removed"]) == 2
    assert Path(said["file"]).read_bytes() == b"made"


def test_a_folder_that_cannot_be_listed_leaves_the_backup(
    keeping: Keeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def iterdir(folder: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(folder))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", iterdir)
        done = keeping("--json")
    assert done.exit_code == 1 and f"{tmp_path} could not be removed: Permission denied" not in done.stderr
    assert f"{tmp_path} could not be listed: Permission denied" in done.stderr
    assert Path(orjson.loads(done.stdout)["file"]).exists()


def part_of(folder: Path, age_s: float) -> Path:
    part = folder / time.strftime("psg-%Y%m%dT%H%M%SZ.backup.gz.part", time.gmtime(time.time() - age_s))
    part.write_bytes(b"begun")
    return part


def test_an_unfinished_file_of_a_day_ago_gives_way_to_a_new_one(tmp_path: Path) -> None:
    stale, fresh = part_of(tmp_path, RESUME_WITHIN_S + 60), part_of(tmp_path, RESUME_WITHIN_S - 60)
    (tmp_path / "psg-20200101T000000Z.backup.gz").write_bytes(b"whole")
    (tmp_path / "mine.part").write_bytes(b"mine")
    assert drop_stale(tmp_path) == [stale]
    assert not stale.exists() and len(there(tmp_path)) == 3
    assert file_for(tmp_path) == fresh.with_suffix(""), "this one is gone on with"
    assert drop_stale(tmp_path / "psg.backup.gz") == drop_stale(tmp_path / "mine.part") == [], "no folders"


def test_an_unfinished_file_that_somebody_writes_stays_however_old(tmp_path: Path) -> None:
    stale = part_of(tmp_path, 10 * RESUME_WITHIN_S)
    with unfinished(stale.with_suffix("")) as target:
        assert drop_stale(tmp_path) == [] and stale.exists()
        with pytest.raises(BackupUnderWay), unfinished(file_for(tmp_path)):
            pass
        target.write(b"whole")
    assert there(tmp_path) == [stale.with_suffix("").name]


def test_what_was_begun_a_day_ago_is_begun_anew_under_any_name() -> None:
    import psg_cypher

    def why(age_s: float) -> str | None:
        created_ms = int((time.time() - age_s) * 1000)
        known = Summary([one.version for one in psg_cypher.migrations()], created_ms)
        nothing_asked: Any = None
        return anyio.run(_misfit, nothing_asked, Salvaged(0, known, None))

    assert why(RESUME_WITHIN_S - 60) is None
    assert why(RESUME_WITHIN_S + 60) == "it was begun more than 24 hours ago"
