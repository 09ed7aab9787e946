"""With a key for payloads: undoing, sub-plans and reruns read what is encrypted and write down nothing in clear."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, registry, step

from psg.audit import verify
from psg.derivation import rerun_plan
from psg.model import codec
from psg.model.cipher import Cipher
from psg_runtime.orchestrator.compensation import compensate

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]
MARK = "planted-marker-1f0c"


async def echo(value: Any) -> Any:
    return value


async def test_what_is_derived_from_encrypted_plans_is_encrypted(db: Any) -> None:
    inner = {"id": "a", "name": "echo", "params": {"value": "{{params.v}}"}}
    document = {"params": {"v": {"type": "string", "required": True}}, "steps": [inner]}
    with codec.using(Cipher("1f" * 32)):
        world = await World.create(db)
        plan_id = await world.started(
            step("x", name="echo", params={"value": MARK},
                 compensation={"name": "echo", "params": {"value": "undo {{x.output}}"}}),
            step("sub", "x", type="plan", params={"plan": document, "params": {"v": "{{x.output}}"}}),
            step("bad", "sub", type="plan", params={"plan": f"no template {MARK}"}),
            success_criteria=("size(x.output) > 5",),
        )  # fmt: skip
        async with world.running(registry(echo=echo)):
            assert await world.finished(plan_id) == ["failed"]
            undoing = await compensate(world.graph, world.project_id, plan_id)
            assert undoing is not None
            await world.finished(undoing.ids["plan"])
            again = (await rerun_plan(world.graph, world.project_id, plan_id, from_step="bad")).ids["plan"]
        assert (await world.steps(undoing.ids["plan"]))["undo_x"]["output"] == f"undo {MARK}"
        assert (await world.steps(plan_id))["sub"]["output"]["outputs"] == {"a": MARK}
        assert (await world.steps(again))["sub"]["status"] == "pending"  # x was undone
        assert (await verify(db, world.project_id)).violations == []
        rows = await world.query(
            "MATCH (n:PsgNode {project_id: $project_id}) UNWIND ['params', 'compensation', 'subplan_error'] AS k "
            "WITH labels(n) AS labels, k, toStringOrNull(n[k]) AS text WHERE text CONTAINS $mark "
            "RETURN labels, k, text",
            mark=MARK,
        )
        assert rows == []
