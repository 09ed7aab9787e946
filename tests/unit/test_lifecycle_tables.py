"""The transition tables: exactly the pairs of the specification, the same refusal for all others."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from psg.errors import InvalidTransition
from psg.model.entities import MODULES
from psg.model.lifecycle import PLAN, STAGE_STATUS, STEP, TABLES, TERMINAL_PLAN, TERMINAL_STEP, check_transition
from psg.model.protocol import DOCUMENTS, PARTS, PlanStatus, StepStatus

LEGAL_PLAN = {
    ("draft", "proposed"), ("proposed", "approved"), ("proposed", "draft"), ("approved", "in_progress"),
    ("in_progress", "completed"), ("in_progress", "failed"), ("in_progress", "cancelled"),
}  # fmt: skip
STATUSES = {
    "Plan": get_args(PlanStatus),
    "Step": get_args(StepStatus),
    **{
        label: get_args(DOCUMENTS[module].model_fields["status"].annotation)
        for module, label in MODULES.items()
        if label not in ("Plan", "Role")
    },
    "NetworkNode": get_args(PARTS["NetworkNode"].model_fields["status"].annotation),
}


@pytest.mark.req("DD-09", "DD-11")
def test_a_plan_has_exactly_the_transitions_of_the_specification() -> None:
    assert {(current, target) for current, after in PLAN.items() for target in after} == LEGAL_PLAN
    assert {"completed", "failed", "cancelled"} == TERMINAL_PLAN
    assert len(list(product(PLAN, PLAN))) == 49


@pytest.mark.req("L3-19")
@pytest.mark.parametrize("label", TABLES)
def test_a_table_uses_the_statuses_of_the_frozen_schema_and_no_others(label: str) -> None:
    table = TABLES[label]
    assert set(table) == set(STATUSES[label])
    assert {target for after in table.values() for target in after} <= set(table)


@pytest.mark.req("DD-10", "DD-11")
@pytest.mark.parametrize("label", TABLES)
def test_every_other_pair_is_refused_by_name(label: str) -> None:
    table = TABLES[label]
    for current, target in product(table, table):
        if target in table[current]:
            check_transition(label, current, target)
            continue
        with pytest.raises(InvalidTransition, match=f"^Invalid transition: {current} .* {target} ") as caught:
            check_transition(label, current, target)
        assert caught.value.details == {"entity_type": label, "current": current, "target": target}


def test_a_status_that_does_not_exist_is_refused_like_any_other() -> None:
    for current, target in (("draft", "paused"), ("paused", "draft")):
        with pytest.raises(InvalidTransition):
            check_transition("Plan", current, target)


def test_every_status_of_plan_and_step_has_its_stage() -> None:
    assert set(PLAN) | set(STEP) == set(STAGE_STATUS)
    assert {STAGE_STATUS[s] for s in TERMINAL_STEP | TERMINAL_PLAN} == {"completed", "failed", "skipped"}
    assert set(STAGE_STATUS.values()) <= {"pending", "running", "completed", "failed", "skipped"}
