"""Capabilities from YAML: functions, programs, tools of servers, and what a wrong file is told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from psg.errors import CapabilityDenied, PsgError, UnknownCapability, ValidationFailed
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry
from psg_runtime.ael.capability_file import CapabilityFileInvalid

COUNT = """
capabilities:
  - name: text.count
    type: tool
    version: 1.2.0
    description: Counts the letters of a text.
    inputSchema:
      type: object
      properties: {text: {type: string}, mark: {type: string, default: "!"}}
      required: [text]
      additionalProperties: false
    output_schema: {type: object, properties: {letters: {type: integer, maximum: 5}}, required: [letters]}
    process:
      argv:
        - "%(python)s"
        - -c
        - "import sys, json; print(json.dumps({'letters': len(sys.argv[1])}))"
        - "{{params.text}}{{params.mark}}"
      output: json
"""


def registry_of(tmp_path: Path, text: str) -> CapabilityRegistry:
    file = tmp_path / "capabilities.yaml"
    file.write_text(text)
    registry = CapabilityRegistry()
    registry.load(str(file))
    return registry


async def call(registry: CapabilityRegistry, name: str, params: dict[str, Any], **settings: Any) -> Any:
    layer = AdapterLayer(registry, AelSettings(**settings))
    return (await layer.execute({"type": "tool_call", "name": name, "params": params})).output


@pytest.mark.anyio
@pytest.mark.req("ORCH-10", "ORCH-12", "ORCH-13")
async def test_a_program_as_a_capability(tmp_path: Path) -> None:
    registry = registry_of(tmp_path, COUNT % {"python": sys.executable})
    allowed = {"allow_process": (sys.executable,), "process_roots": (tmp_path,)}
    assert await call(registry, "text.count@1.2.0", {"text": "abc"}, **allowed) == {"letters": 4}
    assert await call(registry, "text.count", {"text": "{{params.mark}}"[:4], "mark": ""}, **allowed) == {"letters": 4}
    with pytest.raises(ValidationFailed, match=r"params of `text.count`"):
        await call(registry, "text.count", {"text": 1}, **allowed)
    with pytest.raises(ValidationFailed, match=r"outputs of `text.count`.*letters: "):
        await call(registry, "text.count", {"text": "abcdef"}, **allowed)
    with pytest.raises(CapabilityDenied, match="PSG_ALLOW_PROCESS"):
        await call(registry, "text.count", {"text": "abc"}, allow_process=())


@pytest.mark.anyio
async def test_a_function_and_a_stand_in(tmp_path: Path) -> None:
    registry = registry_of(
        tmp_path,
        """
capabilities:
  - {name: join, type: tool, python: "os.path:basename", input_schema: {properties: {p: {type: string}}}}
  - {name: alias, type: tool, mcp: {server: desk, tool: add}, input_schema: {type: object}}
  - {name: second, type: tool, mcp: {server: desk, tool: alias}, input_schema: {type: object}}
  - {name: off, type: service, enabled: false, python: "os.path:basename", input_schema: {type: object}}
""",
    )
    registry.register(name="desk.add", type="tool", call=lambda a, b: a + b)
    registry.register(name="desk.alias", type="tool", call=None, input_schema={"type": "object"})
    assert await call(registry, "join", {"p": "a/b"}) == "b"
    assert await call(registry, "alias", {"a": 1, "b": 2}) == 3
    with pytest.raises(CapabilityDenied, match="declared only"):
        await call(registry, "second", {})
    with pytest.raises(CapabilityDenied, match="disabled"):
        await call(registry, "off", {})


@pytest.mark.anyio
async def test_stand_ins_do_not_stand_for_each_other(tmp_path: Path) -> None:
    text = "capabilities: [{name: a.b, type: tool, mcp: {server: a, tool: b}, input_schema: {type: object}}]"
    with pytest.raises(PsgError, match="stands for yet another"):
        await call(registry_of(tmp_path, text), "a.b", {})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("7", "the file is a mapping"),
        ("capabilities: 7", "the file is a mapping"),
        ("capabilities: [7]", r"capabilities\.yaml, line 1, column 16: a capability is a mapping"),
        ("capabilities: [{name: x, type: tool}]", "exactly one of python, process, http, mcp"),
        ("capabilities: [{name: x, type: tool, python: 'a:b', mcp: {}}]", "exactly one of"),
        ("capabilities: [{name: x, type: tool, run: y}]", "unknown key `run`"),
        ("capabilities: [{type: tool, python: 'os:getcwd'}]", "needs a `name`"),
        ("capabilities: [{name: x, type: robot, python: 'os.path:basename'}]", "type `robot` is not one of"),
        ("capabilities: [{name: x, type: tool, python: os}]", "pkg.module:function"),
        ("capabilities: [{name: x, type: tool, python: 'os:sep'}]", "is no function"),
        ("capabilities: [{name: x, type: tool, process: [a]}]", "`process` is a mapping"),
        ("capabilities: [{name: x, type: tool, process: {cwd: a}}]", "`process` needs `argv`"),
        ("capabilities: [{name: x, type: tool, http: {method: GET}}]", "`http` needs `url`"),
        ("capabilities: [{name: x, type: tool, http: {url: u}}]", "needs an input schema"),
        ("capabilities: [{name: x, type: tool, mcp: {server: 1, tool: a}, input_schema: {type: object}}]", "as text"),
        ("capabilities: [{name: x, type: tool, input_schema: [], python: 'os:getcwd'}]", "`input_schema` is a mapping"),
        ("capabilities: [{name: x, type: tool, version: 1.2, python: 'os.path:basename'}]", "no semantic version"),
        (
            "capabilities: [{name: x, type: tool, http: {url: '{{steps.a.output}}'}, input_schema: {type: object}}]",
            "sees `params` only",
        ),
        (
            "capabilities: [{name: x, type: tool, http: {url: u, output: xml}, input_schema: {type: object}}]",
            "`output` is one of",
        ),
        (
            "capabilities: [{name: x, type: tool, input_schema: {type: object}, "
            "process: {argv: [a, '{{secrets.KEY}}']}}]",
            "cannot stand in `argv.1`: arguments of programs are visible",
        ),
        ("capabilities: [", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(CapabilityFileInvalid, match=message):
        registry_of(tmp_path, entry)


def test_a_missing_file_and_a_missing_function_are_named(tmp_path: Path) -> None:
    with pytest.raises(CapabilityFileInvalid, match="cannot be read"):
        CapabilityRegistry().load(str(tmp_path / "none.yaml"))
    with pytest.raises(UnknownCapability, match="no_such_module:f"):
        registry_of(tmp_path, "capabilities: [{name: x, type: tool, python: 'no_such_module:f'}]")
