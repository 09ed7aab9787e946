"""Global ids and cursors: what went in comes out, everything else is refused with a reason."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psg.errors import InvalidId, NotFound, ValidationFailed
from psg.model.entities import ENTITIES
from psg_graphql.connections import cursor_of, key_of, log_position, page_size
from psg_graphql.global_id import GlobalId, global_id, parse_global_id, parse_in, project_of

UUIDS = st.uuids(version=4).map(str)


@given(st.sampled_from(sorted(ENTITIES)), UUIDS, UUIDS)
def test_global_ids_come_apart_again(label: str, project: str, node: str) -> None:
    assert parse_global_id(global_id(label, project, node)) == GlobalId(label, project, node)


@given(st.text(max_size=200))
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidId):
        parse_global_id(text)
    with pytest.raises(InvalidId):
        project_of(f"x{text}")


def test_type_and_project_are_checked() -> None:
    one, two, node = (str(uuid.uuid4()) for _ in range(3))
    text = global_id("Plan", one, node)
    with pytest.raises(InvalidId, match="is the id of a Plan; a Step is expected"):
        parse_global_id(text, "stepId", "Step")
    with pytest.raises(NotFound, match="another project"):
        parse_in(two, text, "planId", "Plan")
    assert parse_in(one, text, "planId", "Plan") == node
    assert project_of(global_id("Project", one, one)) == project_of(one) == one


@given(st.one_of(st.integers(-(2**53), 2**53), st.text(max_size=50)))
def test_cursors_keep_their_key(key: int | str) -> None:
    start: int | str = 0 if isinstance(key, int) else ""
    assert key_of(cursor_of(key), start) == key


@pytest.mark.parametrize("cursor", ["", "!", "bnVsbA", cursor_of(3), cursor_of("x") + "é"])
def test_foreign_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        key_of(cursor, "")


@pytest.mark.parametrize("cursor", ["", "-1", "1.5", "x", "٣", "9" * 40])
def test_foreign_log_positions_are_refused(cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        log_position(cursor)


def test_page_sizes_are_1_to_100() -> None:
    assert page_size(1) == 1
    assert page_size(100) == 100
    for size in (0, -1, 101):
        with pytest.raises(ValidationFailed):
            page_size(size)
