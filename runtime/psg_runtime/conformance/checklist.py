"""The seven items of the checklist (specification of L3, §8), each shown by the verification method it names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from psg.errors import PsgError
from psg.graph import Graph
from psg_runtime.conformance.integrity import check_integrity, check_transitions
from psg_runtime.conformance.interfaces import check_ael, check_vsl
from psg_runtime.conformance.single_agent import check_single_agent
from psg_runtime.conformance.site import NotMet, Site
from psg_runtime.conformance.streams import check_stages, check_updates
from psg_runtime.metadata import runtime_metadata
from psg_runtime.vsl import InMemoryVSL, Neo4jVSL

Check = Callable[[], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item: what is required, how it is verified, whether it is met, and the evidence or the problem."""

    requirement: str
    verification: str
    met: bool
    evidence: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the checklist came to; ``project_id`` is the scratch project that holds the evidence."""

    metadata: dict[str, Any]
    project_id: str
    items: tuple[ItemResult, ...]

    @property
    def met(self) -> int:
        """Number of items that are met."""
        return sum(item.met for item in self.items)

    @property
    def ok(self) -> bool:
        """Whether all are."""
        return self.met == len(self.items)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as data."""
        return {
            "metadata": self.metadata, "project_id": self.project_id, "met": self.met, "of": len(self.items),
            "items": [asdict(item) for item in self.items],
        }  # fmt: skip


async def run_checklist(graph: Graph, *, progress: Callable[[ItemResult], object] | None = None) -> Report:
    """Run the checklist against the platform on ``graph``'s database, in a project of its own that stays there.

    ``progress`` is told each item when it is judged. An item that is not met is in the report, not raised; errors of
    making the project and of running its plans are raised (``psg_neo4j.errors``, ``NotMet``).
    """
    await graph.warm()  # on a server just booted a first plan may take longer than a write may
    site = await Site.create(graph)
    watched = await site.watch_runs()
    stores = (("InMemoryVSL", InMemoryVSL()), ("Neo4jVSL", Neo4jVSL(graph, site.project_id)))
    checks: tuple[tuple[str, str, Check], ...] = (
        ("Implement VSL Interface", "Provide get(key), set(key, value)", lambda: check_vsl(stores)),
        ("Implement AEL Interface", "Provide execute(action)", check_ael),
        (
            "Maintain PSG", "Graph integrity tests (referential, DAG, immutability)",
            lambda: check_integrity(site, watched),
        ),
        (
            "Emit pipeline_stage Events", "Event stream capture on every status change",
            lambda: check_stages(site, watched),
        ),
        ("Emit graph_update Events", "Event stream capture on PSG changes", lambda: check_updates(watched)),
        (
            "Enforce L2 State Transitions", "Golden flow tests (reject invalid transitions)",
            lambda: check_transitions(site),
        ),
        ("Support SA Profile", "SA golden flow execution", lambda: check_single_agent(site, watched)),
    )  # fmt: skip
    items = []
    for requirement, verification, check in checks:
        items.append(await _judge(requirement, verification, check))
        if progress is not None:
            progress(items[-1])
    return Report(runtime_metadata(), site.project_id, tuple(items))


async def _judge(requirement: str, verification: str, check: Check) -> ItemResult:
    try:
        evidence = await check()
    except NotMet as problem:
        return ItemResult(requirement, verification, False, problem=str(problem))
    except PsgError as error:
        return ItemResult(requirement, verification, False, problem=f"{error.code}: {error}")
    return ItemResult(requirement, verification, True, tuple(evidence))
