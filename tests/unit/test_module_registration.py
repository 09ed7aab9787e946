"""What is said about modules: versions and their ranges, registrations in both spellings, names of operations."""

from __future__ import annotations

from typing import Any

import pytest

from psg_runtime.modules import ModuleManager, ModuleRegistration, RegistrationInvalid
from psg_runtime.modules.operation_names import capability_of, snake
from psg_runtime.modules.versions import satisfies


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.2.3", "^1.0.0", True), ("2.0.0", "^1.0.0", False), ("0.2.5", "^0.2.3", True), ("0.3.0", "^0.2.3", False),
        ("0.0.3", "^0.0.3", True), ("0.0.4", "^0.0.3", False), ("1.5.9", "~1.5", True), ("1.6.0", "~1.5.2", False),
        ("1.9.9", "1.x", True), ("2.0.0", "1", False), ("2.9.0", ">=1.0.0 <3", True), ("3.0.0", ">=1.0.0, <3", False),
        ("5.0.0", "*", True), ("2.5.0", "1.0.0 || ^2.0.0", True), ("1.2.9", "<=1.2", True), ("1.3.0", "<=1.2", False),
        ("1.3.0", ">1.2", True), ("1.2.9", ">1.2", False), ("1.0.0", "=1.0.0", True), ("1.0.0+b", "1.0.0", True),
        ("1.0.0-beta", "^1.0.0", False), ("1.0.0-beta", "^1.0.0-alpha", True), ("1.1.0-beta", "^1.0.0-alpha", False),
        ("1.0.0-beta", ">1.0.0-alpha <1.0.0", True), ("0.9.0", "^1.0.0-alpha", False), ("1.2.3", "v1.2.3", True),
    ],
)  # fmt: skip
@pytest.mark.req("CORE-23")
def test_ranges_of_versions(version: str, wanted: str, fits: bool) -> None:
    assert satisfies(version, wanted) is fits


@pytest.mark.req("CORE-23")
def test_the_projects_own_pre_releases_count_as_their_release() -> None:
    assert satisfies("1.0.0-alpha", "^1.0.0", own=True)
    assert not satisfies("1.0.0-alpha", "^2.0.0", own=True)


@pytest.mark.parametrize("bad", ["", " ", "one", "^", "1.0.0.0", ">=", "^1.0.0 ||", "1..2", "x" * 300, "=>1", "1.0.0-"])
def test_what_is_no_range_is_refused(bad: str) -> None:
    with pytest.raises(RegistrationInvalid, match="range"):
        satisfies("1.0.0", bad)


@pytest.mark.req("CORE-22")
def test_a_registration_is_read_in_both_spellings() -> None:
    async def healthy() -> dict[str, Any]:
        return {"status": "healthy", "details": {}}

    camel = ModuleRegistration.model_validate({
        "moduleType": "context", "version": "1.0.0-alpha", "capabilities": ["context.create", "context.query"],
        "dependencies": [{"moduleType": "role", "version": "^1.0.0"}], "configuration": {"maxContexts": 10},
        "healthCheck": healthy,
    })  # fmt: skip
    assert camel == ModuleRegistration(
        module_type="context", version="1.0.0-alpha", capabilities=("context.create", "context.query"),
        dependencies=({"module_type": "role", "version": "^1.0.0"},), configuration={"maxContexts": 10},
        health_check=healthy,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"module_type": "Search"}, "no module type"), ({"module_type": ""}, "no module type"),
        ({"version": "1"}, "no semantic version"), ({"version": "01.0.0"}, "no semantic version"),
        ({"capabilities": ["find"]}, "not named search"), ({"capabilities": ["context.create"]}, "not named search"),
        ({"capabilities": ["search.find", "search.find"]}, "twice"), ({"unknown": 1}, "unknown"),
        ({"dependencies": [{"module_type": "role", "version": "latest"}]}, "no range"),
        ({"dependencies": [{"module_type": "role"}, {"module_type": "role"}]}, "named twice"),
        ({"configuration": {"x": float("nan")}}, "not JSON"), ({"health_check": 7}, "healthCheck|health_check"),
    ],
)  # fmt: skip
@pytest.mark.anyio
async def test_a_registration_that_is_wrong_is_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RegistrationInvalid, match=told):
        await ModuleManager().register({"module_type": "search", "version": "1.0.0", **changes})
    with pytest.raises(RegistrationInvalid):
        await ModuleManager().register("search")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operation", "capability"),
    [
        ("createContext", "context.create"), ("create_context", "context.create"), ("create", "context.create"),
        ("context.create", "context.create"), ("queryContexts", "context.query"), ("check", "context.checkAll"),
    ],
)
def test_operations_by_their_names(operation: str, capability: str) -> None:
    offered = ("context.create", "context.query", "context.checkAll")
    assert capability_of("context", operation, offered, {"check": "context.checkAll"}) == capability
    assert snake("checkAllHTTPCalls") == "check_all_httpcalls"
