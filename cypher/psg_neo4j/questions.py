"""Questions in Cypher that people write: answered by reading, within limits, or refused (DESIGN §7).

Twice read-only: the session is in READ access mode, where the server refuses to write, and the plan is looked at
before it runs. It may hold reading operators only; what is not known to read is refused.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import neo4j
from neo4j import exceptions as driver

from psg_neo4j.bounded_answer import metered
from psg_neo4j.database import Database
from psg_neo4j.driver_errors import mapped
from psg_neo4j.errors import DatabaseTimeout, PsgError, TransactionTooLarge
from psg_neo4j.plans import query_plan
from psg_neo4j.question_text import READING_PROCEDURES, QuestionRefused, judge_parameters, judge_text
from psg_neo4j.question_values import json_value

READING_OPERATORS = frozenset(
    (
        "Aggregation", "AllNodesScan", "Anti", "AntiConditionalApply", "AntiSemiApply", "Apply", "Argument",
        "AssertSameNode", "AssertSameRelationship", "BFSPruningVarExpand", "BidirectionalRepeat", "CacheProperties",
        "CartesianProduct", "ConditionalApply", "DirectedAllRelationshipsScan", "DirectedRelationshipByElementIdSeek",
        "DirectedRelationshipByIdSeek", "DirectedRelationshipIndexContainsScan",
        "DirectedRelationshipIndexEndsWithScan", "DirectedRelationshipIndexScan", "DirectedRelationshipIndexSeek",
        "DirectedRelationshipIndexSeekByRange", "DirectedRelationshipTypeScan", "DirectedRelationshipUniqueIndexSeek",
        "DirectedUnionRelationshipTypesScan", "Distinct", "Eager", "EagerAggregation", "EmptyResult", "EmptyRow",
        "ErrorPlan", "ExhaustiveLimit", "Expand", "Filter", "IntersectionNodeByLabelsScan", "LeftOuterHashJoin",
        "LetAntiSemiApply", "LetSelectOrAntiSemiApply", "LetSelectOrSemiApply", "LetSemiApply", "Limit",
        "MultiNodeIndexSeek", "NodeByElementIdSeek", "NodeByIdSeek", "NodeByLabelScan", "NodeCountFromCountStore",
        "NodeHashJoin", "NodeIndexContainsScan", "NodeIndexEndsWithScan", "NodeIndexScan", "NodeIndexSeek",
        "NodeIndexSeekByRange", "NodeLeftOuterHashJoin", "NodeRightOuterHashJoin", "NodeUniqueIndexSeek",
        "NodeUniqueIndexSeekByRange", "NonFuseable", "NullifyMetadata", "Optional", "OptionalExpand",
        "OrderedAggregation", "OrderedDistinct", "OrderedUnion", "PartialSort", "PartialTop", "PreserveOrder",
        "ProcedureCall", "ProduceResults", "ProjectEndpoints", "Projection", "PruningVarExpand",
        "RelationshipCountFromCountStore", "Repeat", "RightOuterHashJoin", "RollUpApply", "SelectOrAntiSemiApply",
        "SelectOrSemiApply", "SemiApply", "ShortestPath", "Skip", "Sort", "StatefulShortestPath",
        "SubtractionNodeByLabelsScan", "Top", "Top1WithTies", "TriadicBuild", "TriadicFilter", "TriadicSelection",
        "UndirectedAllRelationshipsScan", "UndirectedRelationshipByElementIdSeek", "UndirectedRelationshipByIdSeek",
        "UndirectedRelationshipIndexContainsScan", "UndirectedRelationshipIndexEndsWithScan",
        "UndirectedRelationshipIndexScan", "UndirectedRelationshipIndexSeek",
        "UndirectedRelationshipIndexSeekByRange", "UndirectedRelationshipTypeScan",
        "UndirectedRelationshipUniqueIndexSeek", "UndirectedUnionRelationshipTypesScan", "Union",
        "UnionNodeByLabelsScan", "Unwind", "ValueHashJoin", "VarLengthExpand",
    )
)  # fmt: skip
_SPARE_S = 2.0
_POSITION = re.compile(r" ?\(line (\d+), column (\d+) \(offset: \d+\)\)")
_CLIENT_FAULTS = ("Neo.ClientError.Statement.", "Neo.ClientError.Procedure.", "Neo.ClientError.Request.")
_TOO_LARGE = "The question needs more memory than one may have; collect, sort or join less."


class QuestionTooLarge(QuestionRefused):
    """The question needs more memory, or its answer has more bytes, than one may have; ask for less."""

    code = "question_too_large"
    category = "resource_error"


class QuestionTooSlow(QuestionRefused):
    """The question took longer than one may; narrow it, or let it begin at an indexed property."""

    code = "question_too_slow"
    category = "resource_error"


class QuestionsBusy(PsgError):
    """As many questions as may run at once are running; ask again."""

    code = "questions_busy"
    category = "resource_error"
    retryable = True


@dataclass(frozen=True, slots=True)
class QuestionLimits:
    """What one question may take: ``rows`` and ``bytes`` of its answer, ``seconds``; ``at_once`` for all callers."""

    rows: int = 1_000
    bytes: int = 4 << 20
    seconds: float = 5.0
    at_once: int = 4


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """Rows in the order of ``columns``, as JSON (:func:`json_value`); ``truncated`` when there were more."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
    took_ms: float
    operators: list[str] = field(default_factory=list)


class Questions:
    """Answers questions on one database; one per process, as it counts how many run."""

    def __init__(self, database: Database, limits: QuestionLimits | None = None) -> None:
        self._database = database
        self._limits = limits or QuestionLimits()
        self._running = 0

    async def ask(
        self, text: str, params: Mapping[str, Any] | None = None, *, rows: int | None = None, trusted: bool = False
    ) -> QuestionAnswer:
        """Answer a question with at most ``rows`` rows (never more than the limit).

        ``trusted`` texts are this package's own and not judged; parameters always are. Raises QuestionRefused (with
        ``line`` and ``column`` where the server tells them), QuestionTooLarge, QuestionTooSlow, QuestionsBusy, and
        errors of the database.
        """
        if not trusted:
            judge_text(text)
        judge_parameters(params or {})
        if self._running >= self._limits.at_once:
            raise QuestionsBusy(at_once=self._limits.at_once)
        most = min(rows or self._limits.rows, self._limits.rows)
        self._running += 1
        try:
            return await self._bounded(text, dict(params or {}), most, trusted)
        finally:
            self._running -= 1

    async def _bounded(self, text: str, params: dict[str, Any], rows: int, trusted: bool) -> QuestionAnswer:
        began = time.perf_counter()
        try:
            # The server ends a transaction between rows; a thread of it that is lost would never answer.
            with anyio.fail_after(self._limits.seconds + _SPARE_S):
                async with self._transaction() as transaction:
                    operators = [] if trusted else await _judged_plan(transaction, text, params)
                    columns, found = await _rows(transaction, text, params, rows + 1)
        except TimeoutError:
            raise QuestionTooSlow(seconds=self._limits.seconds) from None
        took = (time.perf_counter() - began) * 1000
        return QuestionAnswer(columns, found[:rows], len(found) > rows, round(took, 2), operators)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[neo4j.AsyncTransaction]:
        """A reading transaction, metered and taken back at its end; errors of the driver become ours."""
        meter = None
        database = self._database
        try:
            async with (
                database._slots,
                database._driver.session(
                    database=database._name, default_access_mode=neo4j.READ_ACCESS, fetch_size=200,
                    bookmark_manager=database._bookmarks,
                ) as session,
                await session.begin_transaction(timeout=self._limits.seconds) as transaction,
            ):  # fmt: skip
                with metered(transaction, self._limits.bytes) as meter:
                    yield transaction
        except (driver.DriverError, driver.Neo4jError, OSError) as error:
            if meter is not None and meter.exceeded:
                limit = self._limits.bytes
                raise QuestionTooLarge(f"The answer has more than {limit} bytes; return less.", limit=limit) from None
            raise self._error(error) from error

    def _error(self, error: Exception) -> PsgError:
        if isinstance(error, driver.Neo4jError) and (error.code or "").startswith(_CLIENT_FAULTS):
            return _refusal(error)
        told = mapped(error, self._database.uri)
        if isinstance(told, DatabaseTimeout):
            return QuestionTooSlow(seconds=self._limits.seconds)
        if isinstance(told, TransactionTooLarge):
            return QuestionTooLarge(_TOO_LARGE)
        return told


async def _judged_plan(transaction: neo4j.AsyncTransaction, text: str, params: Mapping[str, Any]) -> list[str]:
    """The operators of the plan, root first; raises QuestionRefused when one of them may do more than read."""
    # On a line of its own, so that the server counts lines and columns as the writer of the question does.
    result = await transaction.run("EXPLAIN\n" + text, dict(params))
    summary = await result.consume()
    plan = query_plan(summary)
    if summary.query_type != "r" or not plan.operators:
        raise QuestionRefused("Questions only read: this one writes, or is a command of the schema or the server.")
    for operator in plan.operators:
        name, details = operator["operator"], operator["details"]
        if name.partition("(")[0] not in READING_OPERATORS:
            raise QuestionRefused(f"Questions only read the graph; {name} is not allowed.", operator=name)
        if name == "ProcedureCall" and str(details).partition("(")[0].lower() not in READING_PROCEDURES:
            raise QuestionRefused(f"The procedure {str(details).partition('(')[0]} is not allowed.", operator=name)
    return [operator["operator"] for operator in plan.operators]


async def _rows(
    transaction: neo4j.AsyncTransaction, text: str, params: Mapping[str, Any], most: int
) -> tuple[list[str], list[list[Any]]]:
    """Column names and up to ``most`` rows; what is beyond stays on the server."""
    result = await transaction.run(text, dict(params))
    records: Sequence[neo4j.Record] = await result.fetch(most)
    return list(result.keys()), [[json_value(value) for value in record.values()] for record in records]


def _refusal(error: driver.Neo4jError) -> QuestionRefused:
    """What the server says of a text, without the text; line and column as the writer of the question counts them."""
    said = (error.message or "").partition('\n"')[0].strip()
    facts: dict[str, Any] = {}
    if found := _POSITION.search(said):
        line, column = int(found[1]) - 1, int(found[2])
        if line >= 1:
            facts = {"line": line, "column": column}
            said = said.replace(found[0], f" (line {line}, column {column})")
        else:
            said = said.replace(found[0], "")
    return QuestionRefused(said or "The server refused the question.", **facts)
