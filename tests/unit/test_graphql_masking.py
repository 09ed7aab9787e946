"""Callers learn what they can act on, and nothing else."""

from __future__ import annotations

import pytest
from graphql import GraphQLError
from structlog.testing import capture_logs

from psg.errors import StaleRevision
from psg_graphql.masking import public_error
from psg_neo4j.errors import DatabaseUnavailable

SECRET = "bolt://user:hunter2@graph.internal:7687"


def masked(cause: Exception) -> GraphQLError:
    return public_error(GraphQLError(str(cause), path=["plan"], original_error=cause))


def test_unexpected_errors_are_known_by_an_id_only() -> None:
    with capture_logs() as logs:
        error = masked(RuntimeError(SECRET))
    shown = str(error.formatted)
    assert SECRET not in shown and "RuntimeError" not in shown
    assert error.extensions["code"] == "unexpected_error"
    assert logs[0]["error_id"] == error.extensions["error_id"]
    assert error.extensions["error_id"] in error.message
    assert SECRET in logs[0]["trace"]


def test_database_errors_keep_code_and_retryable_but_no_address() -> None:
    with capture_logs() as logs:
        error = masked(DatabaseUnavailable(f"cannot reach {SECRET}", uri=SECRET))
    assert "hunter2" not in str(error.formatted) and "internal" not in str(error.formatted)
    assert error.extensions | {"code": "database_unavailable", "retryable": True} == error.extensions
    assert SECRET in logs[0]["message"]


def test_errors_of_the_platform_are_told_whole() -> None:
    error = masked(StaleRevision("Plan 1 is at revision 3, not 2; read it again", current=3))
    assert error.message == "Plan 1 is at revision 3, not 2; read it again"
    assert error.extensions["code"] == "stale_revision"
    assert error.extensions["details"] == {"current": 3}


@pytest.mark.parametrize("error", [GraphQLError("Syntax Error"), GraphQLError("x", original_error=GraphQLError("x"))])
def test_what_graphql_itself_says_is_kept_with_a_code(error: GraphQLError) -> None:
    assert public_error(error).extensions == {"code": "request_invalid"}
    assert public_error(public_error(error)) is error
