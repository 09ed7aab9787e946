"""Carrying a retention policy out on one project: fold, cut, make stubs, remove; each step can be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from psg.audit import verify
from psg.errors import PsgError
from psg.graph import Graph
from psg.model.ids import check_id
from psg.retention.building import Progress, ProjectStore, begin, build, enforce, last_checkpoint
from psg.retention.errors import RetentionRefused
from psg.retention.policy import Policy, policy
from psg.retention.pruning import prune_plan
from psg.retention.survey import Forecast, survey
from psg.retention.sweeping import discard, sweep

OF_THE_LOG = frozenset(
    ("event_gap", "event_order", "head", "state_vs_log", "log_chain", "deltas", "transition", "schema")
)
"""Violations that forbid cutting: what would be removed is the evidence."""


@dataclass(slots=True)
class Outcome:
    """What retention did to a project, or in a dry run would do (``removed`` is empty then).

    ``begins_behind`` is the last number that is gone from its log, ``pruned`` the plans that became stubs,
    ``skipped`` those that somebody came to need meanwhile.
    """

    project_id: str
    dry_run: bool
    begins_behind: int
    forecast: dict[str, Any]
    removed: dict[str, int] = field(default_factory=dict)
    pruned: int = 0
    skipped: int = 0


def _silent(what: str, done: int, total: int) -> None:
    return None


async def retain(
    graph: Graph,
    project_id: str,
    wanted: Policy | None = None,
    *,
    dry_run: bool = False,
    check: bool = True,
    actor: str = "system",
    progress: Progress = _silent,
) -> Outcome:
    """Remove from a project what its policy, or ``wanted``, does not keep; what stays folds to the live graph.

    The log is cut at a checkpoint, finished plans become stubs, snapshots and texts that only the removed events
    needed go. In small commits behind the project's lock, so that others write on; interrupted anywhere, the next call
    goes on. With ``check`` the project is audited first. ``progress`` is called with what is done, how much of it, and
    of how much.

    Raises ``NotFound``, ``RetentionPolicyInvalid`` when there is no policy, ``RetentionRefused`` for a log that
    contradicts itself or is being cut by somebody else, and the errors of ``psg_neo4j``.
    """
    check_id(project_id, "project_id")
    wanted = (wanted or await policy(graph.db, project_id)).required()
    forecast = await survey(graph.db, project_id, wanted)
    outcome = Outcome(project_id, dry_run, forecast.base, told(forecast))
    if dry_run:
        return outcome
    store = ProjectStore(graph.db, project_id)
    if check and not forecast.empty:
        await _audited(graph, project_id)
    last = await last_checkpoint(store)
    if last is not None and last["state"] == "in_force":
        _add(outcome.removed, await sweep(store, last, progress))
    elif last is not None and (last["state"] == "discarding" or _overtaken(last, forecast)):
        await discard(store, last)
    while forecast.events:
        asked = forecast.cut
        outcome.begins_behind = await _cut(graph, store, forecast, wanted, actor, outcome, progress)
        forecast = await survey(graph.db, project_id, wanted)
        if outcome.begins_behind >= asked:  # else an earlier attempt was gone on with that wanted less
            break
    for number, plan_id in enumerate(forecast.plans, start=1):
        done = await prune_plan(store, plan_id, outcome.begins_behind)
        outcome.pruned, outcome.skipped = outcome.pruned + done, outcome.skipped + (not done)
        progress("plans pruned", number, len(forecast.plans))
    return outcome


def told(forecast: Forecast) -> dict[str, Any]:
    """Return a forecast as plain data."""
    return {
        "policy": asdict(forecast.policy), "head": forecast.head, "cut": forecast.cut, **forecast.counts(),
        "holds": [asdict(hold) for hold in forecast.holds],
    }  # fmt: skip


async def _audited(graph: Graph, project_id: str) -> None:
    report = await verify(graph.db, project_id)
    found = [v for v in report.violations if v.kind in OF_THE_LOG]
    if found:
        raise RetentionRefused(
            f"the audit finds {len(found)} violations of the log, the first: {found[0].kind}: {found[0].message}; a "
            "log that is evidence is not cut: run `psg verify`",
            violations=len(found), kind=found[0].kind, id=found[0].node_id,
        )  # fmt: skip


def _overtaken(checkpoint: Mapping[str, Any], forecast: Forecast) -> bool:
    """Whether a checkpoint that was begun would now remove more than the policy allows, or begins at another place."""
    unfinished = checkpoint["state"] == "building"
    return unfinished and (checkpoint["seq"] > forecast.cut or checkpoint["base"] != forecast.base)


async def _cut(
    graph: Graph, store: ProjectStore, forecast: Forecast, wanted: Policy, actor: str, outcome: Outcome,
    progress: Progress,
) -> int:  # fmt: skip
    last = await last_checkpoint(store)
    unfinished = last is not None and last["state"] == "building"
    checkpoint = last if unfinished and last is not None else await begin(store, forecast, actor)
    await build(store, checkpoint, progress)
    if (await survey(graph.db, store.project_id, wanted)).cut < checkpoint["seq"]:
        await discard(store, checkpoint)
        raise RetentionRefused(
            "something came to need the log meanwhile that was to be cut; nothing was removed, try again", retry=True
        )
    try:
        await enforce(graph, store, forecast.counts(), checkpoint)
    except PsgError:
        again = await last_checkpoint(store)
        if again is None or again["state"] == "building":
            raise
    _add(outcome.removed, await sweep(store, checkpoint, progress))
    return int(checkpoint["seq"])


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count
