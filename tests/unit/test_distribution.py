"""What is handed out: wheel, sdist, locks with hashes and no addresses, and the bill of materials."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from psg_neo4j.embedded.artifacts import pinned_jars

ROOT = Path(__file__).resolve().parents[2]
PLACES = {"psg": "", "psg_cypher": "cypher", "psg_neo4j": "cypher", "psg_runtime": "runtime", "psg_cli": "runtime",
          "psg_graphql": "graphql", "psg_client": "graphql"}  # fmt: skip
CONSOLE_LOCK = ROOT / "graphql" / "console" / "package-lock.json"


def build(source: Path, folder: Path, *more: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *more]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> dict[str, bytes]:
    (found,) = built.glob("*.whl")
    return content(found)


def test_the_wheel_has_every_file_of_the_packages_and_no_other(wheel: dict[str, bytes]) -> None:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    expected = set()
    for name in listed.stdout.splitlines():
        for package, parent in PLACES.items():
            if name.startswith(f"{parent}/{package}/".lstrip("/")) and (ROOT / name).is_file():
                expected.add(name.removeprefix(f"{parent}/"))
    ours = {name for name in wheel if ".dist-info/" not in name}
    assert ours == expected | {"psg_graphql/schema.graphql", "psg_runtime/demo_tools/repo-health.yaml"}


def test_the_wheel_has_what_is_no_python(wheel: dict[str, bytes]) -> None:
    assert wheel["psg_graphql/schema.graphql"] == (ROOT / "graphql" / "schema.graphql").read_bytes()
    for name in ("psg_cypher/queries/command.cypher", "psg_cypher/browser/guide.html", "psg_neo4j/embedded/jars.lock"):
        assert wheel[name]
    assert any(re.match(r"psg_cypher/migrations/V0001__.*\.cypher$", name) for name in wheel)
    assert all(f"{package}/py.typed" in wheel for package in PLACES)
    assert wheel["psg_graphql/console/index.html"] and any(n.startswith("psg_graphql/console/assets/") for n in wheel)
    assert any(name.endswith("/licenses/LICENSE") for name in wheel)


def test_the_wheel_asks_for_little_unless_an_extra_is_named(wheel: dict[str, bytes]) -> None:
    (text,) = [data.decode() for name, data in wheel.items() if name.endswith("METADATA")]
    metadata = Parser().parsestr(text)
    needed = [r for r in metadata.get_all("Requires-Dist", []) if "extra ==" not in r]
    assert {re.split(r"[<>=]", r)[0] for r in needed} == {"anyio", "httpx2", "orjson"}
    extras = {"client", "server", "embedded", "llm", "mcp", "redis", "postgres", "nats", "kafka", "keyring", "otel"}
    assert set(metadata.get_all("Provides-Extra", [])) == extras
    (entry,) = [data.decode() for name, data in wheel.items() if name.endswith("entry_points.txt")]
    assert "psg = psg_cli.entry:main" in entry


def test_a_wheel_built_from_the_sdist_is_the_same(built: Path, wheel: dict[str, bytes], tmp_path: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = packed.getnames()
        packed.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    inside = {name.partition("/")[2].split("/")[0] for name in names}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "psg", "cypher", "runtime", "graphql"} <= inside
    assert not inside & {"tests", "docs", ".venv", ".ci"}
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]
    build(source, tmp_path / "again")
    (again,) = (tmp_path / "again").glob("*.whl")
    assert content(again) == wheel
    # And byte by byte: neither clock nor machine goes into what is handed out.
    for made in built.iterdir():
        assert (tmp_path / "again" / made.name).read_bytes() == made.read_bytes(), made.name


def test_every_locked_package_has_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = re.findall(r"^[A-Za-z0-9](?:.*\\\n)*.*$", text, re.MULTILINE)
    assert len(pinned) > 50 and [e for e in pinned if "==" not in e or "--hash=sha256:" not in e] == []
    assert not re.search(r"://|--index-url|--find-links", text)


def test_no_lock_file_says_where_to_download() -> None:
    locks = [path for path in ROOT.rglob("*.lock") if not {".venv", "node_modules"} & set(path.parts)]
    assert {"requirements.lock", "jars.lock"} <= {path.name for path in locks}
    assert [path.name for path in locks if path.is_file() and b"://" in path.read_bytes()] == []


@pytest.mark.skipif(not CONSOLE_LOCK.exists(), reason="the console's sources are not in this tree")
def test_every_locked_package_of_the_console_has_a_hash_and_no_address() -> None:
    packages = json.loads(CONSOLE_LOCK.read_text("utf-8"))["packages"]
    unpinned = [name for name, p in packages.items() if name and not p.get("link") and not p.get("integrity")]
    assert len(packages) > 10 and unpinned == []
    assert [name for name, p in packages.items() if "resolved" in p and "://" in str(p["resolved"])] == []


@pytest.fixture(scope="module")
def sbom() -> tuple[str, dict[str, Any]]:
    text = made_sbom()
    return text, json.loads(text)


def made_sbom() -> str:
    command = [sys.executable, "-W", "error", str(ROOT / ".ci" / "sbom.py")]
    environment = os.environ | {"PYTHONHASHSEED": str(len(os.listdir(ROOT)))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_bill_of_materials_is_valid_and_the_same_each_time(sbom: tuple[str, dict[str, Any]]) -> None:
    text, document = sbom
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert made_sbom() == text and "timestamp" not in document["metadata"]
    assert document["metadata"]["component"]["name"] == "psg-platform"


def test_the_bill_of_materials_has_each_pinned_part_with_its_hashes(sbom: tuple[str, dict[str, Any]]) -> None:
    found = {c["purl"]: c for c in sbom[1]["components"]}
    assert len(found) == len(sbom[1]["components"]) or CONSOLE_LOCK.exists()
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^ ;\\]+)", lock, re.MULTILINE):
        assert found[f"pkg:pypi/{name.lower()}@{version}"]["hashes"]
    for jar in pinned_jars():
        group, artifact, version, *classifier = jar.coordinate.split(":")
        purl = f"pkg:maven/{group}/{artifact}@{version}" + (f"?classifier={classifier[0]}" if classifier else "")
        assert found[purl]["hashes"] == [{"alg": "SHA-256", "content": jar.sha256}] and found[purl]["licenses"]
    without = [c["name"] for c in found.values() if not c.get("licenses") and not c.get("properties")]
    assert without == [] and "://" not in json.dumps([c.get("externalReferences") for c in found.values()])
