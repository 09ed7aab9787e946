"""The core knows nothing of what it is used for."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import psg_runtime.execution_core as core

FOLDER = Path(core.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))
# Words of what the platform runs, stores and speaks. `ExecutionPlan` and `context` are the contract's own.
VOCABULARY = re.compile(
    r"\b(?:steps?|projects?|neo4j|cypher|graphql|graphs?|agents?|tools?|llms?|workflows?|psg"
    r"|market|trad(?:e|ing)|patients?|customers?|invoices?|campaigns?|emails?)\b",
    re.IGNORECASE,
)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.req("EXEC-13")
def test_it_imports_the_standard_library_anyio_and_itself() -> None:
    assert len(MODULES) > 5
    own = f"{core.__name__}."
    foreign = {
        f"{path.name}: {name}"
        for path in MODULES
        for name in imports(path)
        if not name.startswith(own) and name.split(".")[0] not in sys.stdlib_module_names | {"anyio"}
    }
    assert foreign == set()


@pytest.mark.req("EXEC-13")
def test_loading_it_loads_nothing_else_of_ours() -> None:
    code = "import sys, psg_runtime.execution_core; print(*(n for n in sys.modules if n.startswith('psg')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {name for name in loaded if not name.startswith(core.__name__)} == {"psg_runtime"}


@pytest.mark.req("EXEC-14")
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_has_no_words_of_a_domain(path: Path) -> None:
    text = path.read_text("utf-8").replace("psg_runtime.execution_core", "")
    found = [
        f"{path.name}:{n}: {m[0]}" for n, line in enumerate(text.splitlines(), 1) for m in VOCABULARY.finditer(line)
    ]
    names = tokenize.generate_tokens(io.StringIO(text).readline)
    parts = {
        (token.start[0], part) for token in names if token.type == tokenize.NAME for part in token.string.split("_")
    }
    found += [f"{path.name}:{line}: {part}" for line, part in parts if VOCABULARY.fullmatch(part)]
    assert found == []


@pytest.mark.req("EXEC-12")
def test_nothing_in_it_is_random() -> None:
    assert [path.name for path in MODULES if {"random", "secrets", "numpy"} & set(imports(path))] == []
