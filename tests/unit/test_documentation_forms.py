"""What can be judged of the snippets in the documents without a platform: forms, names, commands, limits."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import snippets
import yaml
from graphql import build_schema, parse, validate
from graphql.language import ast as graphql_ast
from snippets import ROOT, Snippet, documents, of

from psg_cli.main import app
from psg_runtime.ael.capability_file import read_capabilities
from psg_runtime.hooks.rules import rules_hook
from psg_runtime.mcp_servers.settings import read_servers
from psg_runtime.plan_file import load_plan

DOCUMENTS = documents()
SCHEMA = build_schema((ROOT / "graphql" / "schema.graphql").read_text("utf-8"))
# Snippets that are not run, of all documents together: what needs a server that tests do not have, and little else.
MOST_NOT_RUN = 20
BLANK_STEP = {"id": "blank", "type": "wait", "params": {"duration_ms": 1}}
BLANK_PLAN = {"title": "Blank", "objective": "Hold what a document shows", "steps": [BLANK_STEP]}
PLAN_KEYS = {"title", "objective", "params", "steps", "policy", "approval", "budget", "on_failure", "success_criteria"}


def all_snippets() -> list[Snippet]:
    return [s for name in DOCUMENTS for s in snippets.snippets(name)]


def test_every_fence_names_a_language_that_is_judged() -> None:
    assert [f"{s.place} {s.language!r}" for s in all_snippets() if s.language not in snippets.LANGUAGES] == []


def test_fences_are_closed() -> None:
    for name in DOCUMENTS:
        text = (ROOT / name).read_text("utf-8")
        assert len(re.findall(r"^ *```", text, re.MULTILINE)) == 2 * len(snippets.snippets(name)), name


def test_few_snippets_are_not_run_and_each_says_why() -> None:
    left = [s for s in all_snippets() if s.reason is not None]
    assert [s.place for s in left if len(s.reason or "") < 8] == []
    assert len(left) <= MOST_NOT_RUN, Counter(s.file for s in left)


@pytest.mark.parametrize("name", [n for n in DOCUMENTS if snippets.snippets(n)])
def test_python_parses_and_commands_exist(name: str) -> None:
    for snippet in snippets.snippets(name):
        if snippet.language == "python":
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
            compile(snippet.before + snippet.code, snippet.place, "exec", flags=flags)
        if snippet.language == "console":
            lines = snippets.console_lines(snippet.code)
            assert lines, f"{snippet.place}: a console fence has lines that begin with '$ '"
            asked = [words for line in lines if (words := snippets.psg_words(line.words)) is not None]
            assert [u for words in asked for u in snippets.unknown_words(words)] == [], snippet.place
        if snippet.language == "text":
            asked = snippets.synopsis(snippet.code)
            assert [u for words in asked for u in snippets.unknown_words(words)] == [], snippet.place


def test_the_check_of_commands_can_fail() -> None:
    unknown = snippets.unknown_words
    assert unknown(["plan", "show", "X", "--json"]) == [] and unknown(["plan", "shew"]) == ["psg … shew"]
    assert unknown(["up", "--prot", "1"]) == ["--prot"] and unknown(["run", "x.yaml", "-p", "a=b", "--yes"]) == []
    assert app.info.name == "psg"


def test_commands_and_their_output_are_told_apart() -> None:
    code = "$ psg up --port 0 \\\n    --tools x   # says\nready\n\n$ A=b psg verify\n0 violations\n"
    up, verify = snippets.console_lines(code)
    assert (up.words, up.printed) == ("psg up --port 0 --tools x   # says", ["ready"])
    assert snippets.psg_words(verify.words) == ["verify"] and verify.printed == ["0 violations"]


def as_plan(data: Any) -> dict[str, Any]:
    """What a document shows of a plan, completed to a whole one."""
    if isinstance(data, list):
        return {**BLANK_PLAN, "steps": data}
    return {**BLANK_PLAN, **data}


def judge_plan(data: Any, snippet: Snippet, tmp_path: Path) -> None:
    whole = as_plan(data)
    needed = set(re.findall(r"\{\{\s*(\w+)\.output", json.dumps(whole)))
    needed |= set(re.findall(r"\b(\w+)\.output", " ".join(whole.get("success_criteria", []))))
    there = {step["id"] for step in whole["steps"]}
    missing = [{**BLANK_STEP, "id": name} for name in sorted(needed - there - {"item", "outer"})]
    params = {n: {"type": "string", "default": ""} for n in re.findall(r"params\.(\w+)", json.dumps(whole))}
    whole["steps"] = missing + [_after(step, missing) for step in whole["steps"]]
    whole["params"] = {**params, **whole.get("params", {})}
    load_plan(json.dumps(whole), source=snippet.place)


def _after(step: dict[str, Any], missing: list[dict[str, Any]]) -> dict[str, Any]:
    named = [m["id"] for m in missing if f"{m['id']}.output" in json.dumps(step)]
    return {**step, "dependencies": [*step.get("dependencies", []), *named]} if named else step


def judge_capabilities(data: Any, snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "capabilities.yaml"
    file.write_text(snippet.code, "utf-8")
    assert list(read_capabilities(file))


def judge_servers(data: Any, snippet: Snippet, tmp_path: Path) -> None:
    file = tmp_path / "servers.yaml"
    file.write_text(snippet.code, "utf-8")
    names = re.findall(r"\$\{(\w+)\}", snippet.code)
    assert read_servers(file, dict.fromkeys(names, "x")).servers


def judge_rules(data: Any, snippet: Snippet, tmp_path: Path) -> None:
    rules_hook(data["rules"])


def judge_prometheus(data: Any, snippet: Snippet, tmp_path: Path) -> None:
    """Its metrics are exported: their names stand in our sources."""
    sources = "\n".join(p.read_text("utf-8") for p in (ROOT / "graphql" / "psg_graphql").rglob("*.py"))
    sources += "\n".join(p.read_text("utf-8") for p in (ROOT / "runtime" / "psg_runtime").rglob("*.py"))
    used = {re.sub(r"_(bucket|sum|count|total)$", "", n) for n in re.findall(r"\bpsg_[a-z_]+", snippet.code)}
    assert [n for n in used if n not in sources and n.removeprefix("psg_") not in sources] == []


KINDS: dict[str, Callable[[Any, Snippet, Path], None]] = {
    "capabilities": judge_capabilities, "mcpServers": judge_servers, "rules": judge_rules,
    "scrape_configs": judge_prometheus, "groups": judge_prometheus,
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in DOCUMENTS if of("yaml", n)])
def test_yaml_is_what_its_reader_takes(name: str, tmp_path: Path) -> None:
    for snippet in of("yaml", name):
        for data in yaml.safe_load_all(snippet.code):
            judge = next((KINDS[key] for key in KINDS if isinstance(data, dict) and key in data), None)
            if judge is None:
                known = isinstance(data, list) or PLAN_KEYS & set(data)
                assert known, f"{snippet.place}: neither a plan nor a part of one, nor a file that psg reads"
                judge = judge_plan
            judge(data, snippet, tmp_path)


@pytest.mark.parametrize("name", [n for n in DOCUMENTS if of("json", n) + of("toml", n) + of("env", n)])
def test_data_parses(name: str) -> None:
    for snippet in of("json", name):
        json.loads(snippet.code)
    for snippet in of("toml", name):
        tomllib.loads(snippet.code)
    for snippet in of("env", name):
        lines = [line for line in snippet.code.splitlines() if line.strip() and not line.startswith("#")]
        assert [line for line in lines if not re.match(r"[A-Z][A-Z0-9_]*=", line)] == [], snippet.place


@pytest.mark.parametrize("name", [n for n in DOCUMENTS if of("graphql", n)])
def test_graphql_is_valid(name: str) -> None:
    for snippet in of("graphql", name):
        document = parse(snippet.code)
        if any(isinstance(d, graphql_ast.TypeSystemDefinitionNode) for d in document.definitions):
            known = {d.name.value for d in document.definitions}  # type: ignore[attr-defined]
            assert known <= set(SCHEMA.type_map), snippet.place
        else:
            assert validate(SCHEMA, document) == [], snippet.place
