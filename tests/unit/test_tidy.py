"""Habits of the house, kept by a test instead of by memory."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main
from graphql import build_schema, parse, validate

from psg_cli.main import app
from psg_cli.settings import CliSettings
from psg_graphql.identity.settings import OidcSettings
from psg_graphql.settings import ApiSettings
from psg_neo4j.embedded import ServerSettings
from psg_runtime.ael import AelSettings
from psg_runtime.bus import BusSettings
from psg_runtime.modules import ModuleSettings
from psg_runtime.monitoring import MonitoringSettings
from psg_runtime.orchestrator import OrchestratorSettings
from psg_runtime.plan_file import load_plan
from psg_runtime.resources import ResourceSettings
from psg_runtime.tracing import TracingSettings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("psg", "cypher", "runtime", "graphql")
GENERATED = {"graphql/psg_client/generated.py"}
CATCH_ALLS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "shared", "tools_common"}
SOURCE_LINES, TEST_LINES, FUNCTION_LINES = 400, 500, 70
CYPHER = re.compile(r"\b(?:MATCH|MERGE|UNWIND|FOREACH)\b\s*[(\[$A-Za-z]")
# In two halves, so that this file does not hold what it looks for.
FORBIDDEN = [a + b for a, b in (
    ("/wo", "rk/"), ("/tm", "p/w/"), ("/ro", "ot/"), ("/ho", "me/runner"), ("pypi", ".org"), ("python", "hosted"),
    ("repo1.", "maven"), ("npm", "js.org"), ("-----BEGIN ", "PRIVATE"),
)]  # fmt: skip


def tracked() -> list[str]:
    """Names of the files of this tree that are, or are about to be, under version control."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in answer.stdout.splitlines() if (ROOT / name).is_file()]


def sources() -> list[str]:
    """Our Python modules, without tests and generated ones."""
    return [n for n in tracked() if n.endswith(".py") and n.split("/")[0] in PACKAGES and n not in GENERATED]


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def documents() -> list[str]:
    return [n for n in tracked() if n.endswith(".md") or n in ("docker-compose.yml", "Dockerfile", ".env.example")]


def test_files_are_short() -> None:
    tests = [n for n in tracked() if n.endswith(".py") and n.startswith("tests/")]
    limits = dict.fromkeys(sources(), SOURCE_LINES) | dict.fromkeys(tests, TEST_LINES)
    limits |= {n: SOURCE_LINES for n in tracked() if n.endswith(".cypher")} | {"ARCHITECTURE.md": 150}
    long = {n: lines for n, most in limits.items() if (lines := text_of(n).count("\n")) > most}
    assert long == {}


def test_functions_are_short() -> None:
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name in tracked()
        if name.endswith(".py") and name not in GENERATED
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES
    ]
    assert long == []


def test_no_module_is_a_catch_all() -> None:
    assert [n for n in tracked() if n.endswith(".py") and Path(n).stem in CATCH_ALLS] == []


def test_every_module_says_what_it_is_for() -> None:
    written = [n for n in sources() if text_of(n).strip()]
    mute = [n for n in written if not ast.get_docstring(ast.parse(text_of(n)))]
    assert mute == []


def test_python_asks_for_cypher_by_name() -> None:
    found = []
    for name in sources():
        tree = ast.parse(text_of(name))
        prose = {id(constant) for constant in _docstrings(tree)}
        found += [
            f"{name}:{node.lineno} {node.value[:60]!r}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
            and CYPHER.search(node.value)
        ]  # fmt: skip
    assert found == []


def _docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    found = []
    for name in tracked():
        content = (ROOT / name).read_bytes()
        found += [f"{name}: {word}" for word in FORBIDDEN if word.encode() in content]
    assert found == []


def test_only_anyio_is_used_for_concurrency() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name in sources()
        for node in ast.walk(ast.parse(text_of(name)))
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "asyncio" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "asyncio")
    ]
    assert found == []


@pytest.mark.parametrize("name", documents())
def test_documents_name_only_commands_targets_and_variables_that_exist(name: str) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text_of(name), re.DOTALL)) if name.endswith(".md") else ""
    assert [c for c in _commands(code) if not _exists(c)] == []
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", code)) <= targets
    named = set(re.findall(r"\bPSG_[A-Z0-9_]*[A-Z0-9]\b", text_of(name)))
    assert named <= _variables()


def _commands(code: str) -> list[tuple[str, ...]]:
    """What stands behind each ``psg`` at the beginning of a command, up to the first option or argument."""
    found = re.findall(r"(?:^|[`$&|(] *|[A-Z]=\S* |bin/)psg((?: +[a-z][a-z-]*\b(?![./=]))+)", code, re.MULTILINE)
    return [tuple(words.split()) for words in found]


def _exists(words: tuple[str, ...]) -> bool:
    command: click.Command | None = typer.main.get_command(app)  # type: ignore[assignment]
    for word in words:
        inner = getattr(command, "commands", None)
        if inner is None:
            return True  # an argument
        command = inner.get(word)
        if command is None:
            return False
    return True


def _variables() -> set[str]:
    known = {
        "PSG_" + field.upper()
        for kind in (CliSettings, AelSettings, OrchestratorSettings, BusSettings, TracingSettings)
        for field in kind.model_fields
    }
    known |= {"PSG_API_" + field.upper() for field in ApiSettings.model_fields}
    known |= {"PSG_OIDC_" + field.upper() for field in OidcSettings.model_fields} | {"PSG_AUTH"}
    known |= {"PSG_MONITOR_" + field.upper() for field in MonitoringSettings.model_fields}
    known |= {"PSG_MODULE_" + field.upper() for field in ModuleSettings.model_fields}
    known |= {"PSG_RESOURCE_" + field.upper() for field in ResourceSettings.model_fields}
    known |= {"PSG_NEO4J_" + field.upper() for field in ServerSettings.__dataclass_fields__}
    known |= {"PSG_CACHE_DIR", "PSG_BUS_HUB_TOKEN", "PSG_PUBLISH_ADDRESS", "PSG_API", "PSG_MAX_EXECUTION_TIME"}
    return known | {"PSG_TEST_NEO4J_URI", "PSG_TEST_NEO4J_USER", "PSG_TEST_NEO4J_PASSWORD"}


def test_the_command_check_can_fail() -> None:
    assert _commands("`psg plan show ID`\n$ psg serve --port 1\nPSG_HOME=x psg migrate\n.venv/bin/psg db start") == [
        ("plan", "show"), ("serve",), ("migrate",), ("db", "start"),
    ]  # fmt: skip
    assert _exists(("plan", "show")) and _exists(("run", "plan"))
    assert not _exists(("plan", "shew")) and not _exists(("conquer",))


@pytest.mark.parametrize("name", [n for n in documents() if n.endswith(".md")])
def test_links_between_documents_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(name))
    inside = [link for link in links if not re.match(r"https?://|mailto:", link)]
    assert [link for link in inside if not ((ROOT / name).parent / link).exists()] == []


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text_of(name), re.DOTALL)


def test_the_readme_s_plan_is_one_and_uses_the_tool_shown_above_it() -> None:
    (plan,) = [load_plan(text) for text in blocks("README.md", "yaml")]
    tools = set(re.findall(r'@tool\("([^"]+)"\)', "".join(blocks("README.md", "python"))))
    assert {step.name for step in plan.steps if step.name} == tools


def test_the_readme_s_graphql_is_valid() -> None:
    schema = build_schema(text_of("graphql/schema.graphql"))
    documents = blocks("README.md", "graphql")
    assert len(documents) == 2
    assert [validate(schema, parse(text)) for text in documents] == [[], []]


def test_the_readme_s_python_compiles() -> None:
    for text in blocks("README.md", "python"):
        compile(text, "README.md", "exec")
