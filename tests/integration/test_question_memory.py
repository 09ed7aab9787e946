"""A question that collects without end is stopped by the memory that one transaction may have; the server lives on."""

from __future__ import annotations

import pytest
from conftest import FreshNeo4j

from psg_neo4j import Database
from psg_neo4j.questions import QuestionLimits, Questions, QuestionTooLarge, QuestionTooSlow

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


@pytest.mark.long
async def test_a_huge_collect_is_stopped_and_nothing_else_suffers(fresh_neo4j: FreshNeo4j) -> None:
    server = await fresh_neo4j()
    async with Database.connect(server.uri, server.user, server.password) as db:
        questions = Questions(db, QuestionLimits(seconds=60))
        for text in (
            "UNWIND range(1, 1000000000) AS x RETURN size(collect(x))",
            "UNWIND range(1, 1000000000) AS x WITH DISTINCT x RETURN count(x)",
            "UNWIND range(1, 1000000000) AS x WITH x ORDER BY -x RETURN x",
        ):
            with pytest.raises((QuestionTooLarge, QuestionTooSlow)) as refused:
                await questions.ask(text)
            assert isinstance(refused.value, QuestionTooLarge), text
        small = Questions(db, QuestionLimits(seconds=2))
        # One row of 2^24 maps within maps, which the server begins to send: the connection is cut off.
        with pytest.raises((QuestionTooLarge, QuestionTooSlow)):
            await small.ask("WITH {a: 1} AS m " + "WITH {a: m, b: m} AS m " * 24 + "RETURN m")
        assert (await questions.ask("RETURN 1 AS x")).rows == [[1]]
