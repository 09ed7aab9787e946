"""The code in docs/orchestrator-contracts.md does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio

from psg_runtime.hooks import rules_hook
from psg_runtime.plan_file.document import read_document

TEXT = (Path(__file__).parents[2] / "docs" / "orchestrator-contracts.md").read_text("utf-8")


def test_the_python_of_the_document_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "orchestrator-contracts.md", "exec"), names)
    anyio.run(names["main"])
    replay = names["replay"]
    (plan_id,) = replay.plan_ids()
    last = replay.entries(plan_id)[-1]
    assert (last.event, last.data.output) == ("execution_completed", {"found": "all about graphs"})


def test_the_rules_of_the_document_are_rules() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert rules_hook(read_document(text, "document").data["rules"]).name == "policy_rules"
