"""The console: its operations fit the schema and its limits, its logic is right, its text is only text."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, specified_rules, validate

from psg_graphql.limits import limit_rule
from psg_graphql.settings import ApiSettings

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "graphql" / "console"
GENERATED = CONSOLE / "src" / "generated" / "operations.ts"
SCHEMA = build_schema((ROOT / "graphql" / "schema.graphql").read_text("utf-8"))
BROWSER_MEANS = re.compile(
    r"dangerouslySetInnerHTML|\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(|srcDoc"
)


def sources(*suffixes: str) -> list[Path]:
    return [path for path in sorted((CONSOLE / "src").rglob("*")) if path.suffix in suffixes]


def generated() -> dict[str, tuple[str, str]]:
    """The id and text of each operation in the generated module, by its name."""
    found = re.findall(
        r'^  name: (".*"),\n  kind: ".*",\n  id: (".*"),\n  text: (".*"),$', GENERATED.read_text("utf-8"), re.MULTILINE
    )
    return {json.loads(name): (json.loads(identity), json.loads(text)) for name, identity, text in found}


def operations() -> list[str]:
    document = parse("\n".join(path.read_text("utf-8") for path in sources(".graphql")))
    return [d.name.value for d in document.definitions if isinstance(d, OperationDefinitionNode) and d.name]


def test_each_operation_fits_the_schema_and_what_the_server_lets_one_cost() -> None:
    rules = [*specified_rules, limit_rule(ApiSettings())]
    made = generated()
    assert sorted(made) == sorted(operations())
    problems = {name: [e.message for e in validate(SCHEMA, parse(text), rules)] for name, (_, text) in made.items()}
    assert {name: found for name, found in problems.items() if found} == {}


def test_operations_are_named_by_their_hash_and_told_to_servers_that_trust_documents_only() -> None:
    made = generated()
    for identity, text in made.values():
        assert identity == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    built = json.loads((ROOT / "graphql/psg_graphql/console/documents.json").read_text("utf-8"))
    assert {identity: built.get(identity) for identity, _ in made.values()} == dict(made.values())


def test_no_source_writes_markup_or_runs_text() -> None:
    # The query page brings an editor of its own, under a policy of its own.
    ours = [path for path in sources(".ts", ".tsx") if "graphiql" not in path.parts]
    found = {path.name: BROWSER_MEANS.findall(path.read_text("utf-8")) for path in ours}
    assert {name: means for name, means in found.items() if means} == {}


def test_links_to_other_places_go_through_the_part_that_checks_them() -> None:
    for path in sources(".tsx"):
        for target in re.findall(r"<a\s[^>]*?href=(\{[^}]*\}|\"[^\"]*\")", path.read_text("utf-8")):
            checked = path.name == "text.tsx" and target == "{safe}"
            inside = (path.name == "controls.tsx" and target == "{to}") or re.match(r'"(/|#)', target)
            assert checked or inside, f"{path.name}: {target}"


def test_colours_have_names() -> None:
    for path in sources(".css"):
        if path.name != "tokens.css" and "graphiql" not in path.parts:
            assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s)])", path.read_text("utf-8")) == [], path.name


def test_sources_are_short() -> None:
    files = [path for path in sources(".ts", ".tsx", ".css") if path != GENERATED]
    files += [*(CONSOLE / "tests").glob("*.ts"), *CONSOLE.glob("*.mjs")]
    assert {path.name: lines for path in files if (lines := path.read_text("utf-8").count("\n")) > 400} == {}


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Node in the console's folder; skip the test where it cannot be run."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node.js is not installed")
    if not (CONSOLE / "node_modules" / "esbuild").is_dir():
        pytest.skip("the console's packages are not installed: run `npm ci` in graphql/console")
    return subprocess.run(
        [program, *arguments], cwd=CONSOLE, capture_output=True, text=True, timeout=150, check=False
    )


def test_the_generated_types_are_those_of_schema_and_operations() -> None:
    done = node("codegen.mjs", "--check")
    assert done.returncode == 0, done.stderr


def test_the_logic_without_a_page() -> None:
    done = node("test.mjs")
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-2_000:]


@pytest.mark.long
def test_the_sources_fit_their_types() -> None:
    done = node("node_modules/typescript/bin/tsc", "--noEmit")
    assert done.returncode == 0, done.stdout
