"""The example plan on real git repositories, its steps done by the real adapters."""


from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from psg.plan.spec import PlanSpec
from psg_runtime.ael import ActionResult, AdapterLayer, AelSettings, CapabilityRegistry, Parked, action_target
from psg_runtime.demo_tools import build_import_graph, group_files, measure_files, scan_secrets
from psg_runtime.expressions import default_engine, step_template
from psg_runtime.plan_file import apply_params, load_plan

pytestmark = pytest.mark.anyio
EXAMPLE = Path(__file__).parents[2] / "examples" / "repo-health.yaml"
AWS_KEY = "AKIA" + "QWERTYUIOPASDFGH"


def git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True)
    return done.stdout.decode()


MakeRepository = Callable[[dict[str, bytes | str]], Path]


@pytest.fixture
def repository(tmp_path: Path) -> MakeRepository:
    def make(files: dict[str, bytes | str]) -> Path:
        folder = tmp_path / "repo"
        folder.mkdir()
        git(folder, "init", "-q")
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        git(folder, "add", "-A")
        return folder

    return make


async def carry_out(plan: PlanSpec, ael: AdapterLayer, decision: str = "approved") -> dict[str, Any]:
    """The steps one after another, with the rules for skipped ones that the orchestrator has (C-31)."""
    done: dict[str, Any] = {}
    for step in plan.steps:
        scope = {"steps": done, "params": plan.params}
        statuses = [done[key]["status"] for key in step.dependencies]
        unmet = bool(statuses) and "completed" not in statuses
        condition = step.condition is None or default_engine().compile_condition(step.condition).evaluate(scope)
        if unmet or not condition or ael.unavailable_reason(step.type, step.name):
            done[step.key] = {"status": "skipped", "output": None}
            continue
        kind, name = action_target(step.type, step.name, step.agent_role)
        action = {
            "type": kind,
            "name": name,
            "params": step_template(step.type, step.params).resolve(scope),
            "inputs": scope,
            "timeout_ms": step.timeout_ms,
            "idempotency_key": step.key,
        }
        result = await ael.execute(action)
        if isinstance(result, Parked):
            resumed = {"reason": "confirm", "decision": {"status": decision}}
            result = await ael.execute({**action, "resumed": resumed})
        assert isinstance(result, ActionResult)
        # Outputs go through the graph as JSON.
        done[step.key] = {"status": "completed", "output": orjson.loads(orjson.dumps(result.output))}
    return done


def prepared(folder: Path, out: Path, **params: str) -> tuple[PlanSpec, AdapterLayer]:
    registry = CapabilityRegistry()
    registry.load("psg_runtime.demo_tools")
    settings = AelSettings(allow_process=("git",), process_roots=(folder,), file_root=out, llm_api_key=None)
    plan = apply_params(load_plan(EXAMPLE), {"repo": str(folder), **params})
    ael = AdapterLayer(registry, settings)
    ael.check_plan(plan)
    return plan, ael
async def test_a_repository_with_findings(repository: MakeRepository, tmp_path: Path) -> None:
    folder = repository(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "from pkg import b\nfrom . import c\n",
            "pkg/b.py": "from .a import x\n",
            "pkg/c.py": "import os\n" + "x = 1\n" * 500,
            "web/app.ts": "import { y } from './lib/y.js'\n",
            "web/lib/y.ts": "export const y = 1\n",
            "conf/settings.ini": f"aws = {AWS_KEY}\n",
        }
    )
    plan, ael = prepared(folder, tmp_path)
    done = await carry_out(plan, ael)
    assert {key for key, step in done.items() if step["status"] == "skipped"} == {"summary"}
    assert done["oversized"]["output"] == {"count": 1, "files": [{"path": "pkg/c.py", "lines": 501}]}
    assert done["import_graph"]["output"]["edges"] == 4
    assert done["import_graph"]["output"]["cycles"] == [["pkg/a.py", "pkg/b.py"]]
    assert done["likely_secrets"]["output"]["count"] == 1
    assert [f["path"] for f in done["closer_look"]["output"]["files"]] == ["pkg/c.py", "conf/settings.ini"]
    report = (tmp_path / "repo-health.md").read_text()
    assert "7 tracked files" in report
    assert "conf/settings.ini:1 | AWS access key | AKIA*** (20 characters)" in report
    assert "## Closer look" in report
    assert AWS_KEY not in report
    assert AWS_KEY.encode() not in orjson.dumps(done)


@pytest.mark.req("ORCH-30")
async def test_a_clean_repository_skips_the_closer_look(repository: MakeRepository, tmp_path: Path) -> None:
    plan, ael = prepared(repository({"a.py": "print(1)\n"}), tmp_path, report="out/health.md")
    done = await carry_out(plan, ael)
    assert {key for key, step in done.items() if step["status"] == "skipped"} == {"summary", "closer_look"}
    assert "Closer look" not in (tmp_path / "out/health.md").read_text()


async def test_an_empty_repository(repository: MakeRepository, tmp_path: Path) -> None:
    plan, ael = prepared(repository({}), tmp_path)
    done = await carry_out(plan, ael)
    assert done["measure"]["output"] == []
    assert "0 tracked files" in (tmp_path / "repo-health.md").read_text()


async def test_files_of_every_kind(repository: MakeRepository, tmp_path: Path) -> None:
    folder = repository(
        {
            "binary.bin": bytes(range(256)) * 10,
            "huge.txt": b"x" * (1024 * 1024 + 1),
            "latin.py": "# Größe\nimport os\n".encode("latin-1"),
            "broken.py": "def (:\n  import nowhere\n\x0c\\",
            "one line.min.js": "x" * 300_000,
            "no-newline": "a",
            "empty": "",
            "odd|na`me\n<b>.md": "# hi\n",
            "ünï/cödé.py": "from . import cödé\n",
            "gone.txt": "soon\n",
        }
    )
    (folder / "link").symlink_to("/etc/passwd")
    git(folder, "add", "link")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    (folder / "module").mkdir()
    (folder / "gone.txt").unlink()
    plan, ael = prepared(folder, tmp_path)
    done = await carry_out(plan, ael)
    skipped = done["measure"]["output"][0]["skipped"]
    assert sum(group["skipped"].get("binary", 0) for group in done["measure"]["output"]) == 1
    reasons: dict[str, int] = {}
    for group in done["measure"]["output"]:
        for reason, count in group["skipped"].items():
            reasons[reason] = reasons.get(reason, 0) + count
    assert reasons == {"binary": 1, "too_large": 1, "link": 1, "submodule": 1, "missing": 1}, skipped
    assert "12 tracked files" in (tmp_path / "repo-health.md").read_text()


async def test_a_report_that_is_rejected_is_not_written(repository: MakeRepository, tmp_path: Path) -> None:
    plan, ael = prepared(repository({"a.py": ""}), tmp_path)
    with pytest.raises(Exception, match="confirmation was rejected"):
        await carry_out(plan, ael, decision="rejected")
    assert not (tmp_path / "repo-health.md").exists()


async def test_a_folder_without_a_repository_says_so(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plan, ael = prepared(tmp_path / "plain", tmp_path)
    with pytest.raises(Exception, match="not a git repository"):
        await carry_out(plan, ael)


async def test_ten_thousand_files_make_few_items_and_small_outputs(tmp_path: Path) -> None:
    paths = [f"src/package_{i % 100:03}/module_with_a_long_name_{i:05}.py" for i in range(10_000)]
    grouped = group_files("\0".join(paths) + "\0")
    assert grouped["files"] == 10_000
    assert len(grouped["groups"]) <= 400
    assert sorted(path for group in grouped["groups"] for path in group) == sorted(paths)
    assert len(orjson.dumps(grouped)) < 1024 * 1024


async def test_a_listing_that_was_cut_off_loses_only_its_last_name() -> None:
    grouped = group_files("a.py\0b.py\0half-a-na", truncated=True)
    assert grouped["groups"] == [["a.py", "b.py"]]


async def test_names_that_lead_outside_are_left_out() -> None:
    assert group_files("../x\0/etc/passwd\0a/../../b\0ok\0")["groups"] == [["ok"]]


async def test_outputs_keep_to_their_budget(tmp_path: Path) -> None:
    names = [f"m{i}.py" for i in range(50)]
    for name in names:
        text = "".join(f"import some_module_{i}\n" for i in range(60)) + f"{AWS_KEY}\n" * 60
        (tmp_path / name).write_text(text)
    measured = measure_files(str(tmp_path), names, max_lines=10, budget_bytes=4000)
    assert measured["imports_dropped"] > 0
    assert len(orjson.dumps(measured)) < 5500
    scanned = scan_secrets(str(tmp_path), names, budget_bytes=4000)
    assert scanned["dropped"] > 0
    assert len(orjson.dumps(scanned)) < 6000


async def test_a_long_chain_of_imports_is_no_recursion() -> None:
    imports = {f"m{i}.py": [f"m{i + 1}"] for i in range(5000)} | {"m5000.py": ["m0"]}
    graph = build_import_graph([{"imports": imports, "imports_dropped": 0}])
    assert (graph["edges"], graph["cycle_count"]) == (5001, 1)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----", True),
        ("token = 'ghp_" + "a1B2" * 10 + "'", True),
        ("url = postgres://admin:Zx81kQp0Rt@db.internal/x", True),
        ('api_key: "q8Zr1LmX0vTn4KsB7wYd"', True),
        ('api_key: "your-api-key-goes-here"', False),
        ('password = "aaaaaaaaaaaaaaaaaaaa"', False),
        ("password = os.environ['DATABASE_PASSWORD']", False),
        ("url = https://${USER}:${PASSWORD}@host/", False),
        ("see https://example.org/a:b/c", False),
    ],
)
async def test_what_counts_as_a_secret(tmp_path: Path, line: str, found: bool) -> None:
    (tmp_path / "f").write_text(line + "\n")
    assert bool(scan_secrets(str(tmp_path), ["f"])["findings"]) is found
