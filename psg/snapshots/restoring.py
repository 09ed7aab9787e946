"""Going back to a snapshot: everything since is undone in one commit, except recorded history (L3-57, DD-15, C-28)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psg_cypher
from psg.commands.structure import RERANK_CHUNK
from psg.errors import PsgError, Refused
from psg.graph import NOWHERE, Graph
from psg.model.ids import new_id
from psg.model.lifecycle import TERMINAL_STEP
from psg.model.references import REFERENCES
from psg.plan.order import ranks
from psg.plan.steps import GATED_TYPES
from psg.snapshots.past import Row, changes_between, find_places, hashes_of, head_of, reader, texts_of
from psg.snapshots.record import FAMILY, Snapshot, find, save
from psg.snapshots.reversal import Reversal, Write
from psg.snapshots.runs import close_or_continue_run
from psg.snapshots.undo import Past, undo
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.writer import Locked, commit_locked

RESTORE_SECONDS = 60.0
MOST_NODES = 50_000
"""Nodes that one restore changes at most: it is one commit, and its memory is the server's."""
CHUNK = 2_000

BEHIND_THE_LOCK = (
    "restore_plans", "snapshot_create", "past_nodes", "past_contents", "restore_frontier", "restore_plan",
    "restore_faults", "snapshot_restored",
)  # fmt: skip
NEEDS = [{"label": r.label, "type": r.relationship} for r in REFERENCES if r.restrict or r.owner]


async def restore(
    graph: Graph, project_id: str, snapshot_id: str, *, actor: str = "system", command_id: str | None = None
) -> Answer:
    """Bring nodes, edges and values back to exactly what they were when the snapshot was taken.

    What came since becomes a tombstone, what was deleted lives again, each as an event of its own; the log, command
    ids, Traces and their segments stay, fences go up so that work given out since no longer counts, and what the
    frontier keeps is computed anew. The state before is saved as a snapshot too. ids: ``snapshot``, ``before`` (the
    snapshot of the state that was left), ``restored`` (how many nodes changed).

    Raises ``NotFound`` for a snapshot of another project, ``Refused`` while a plan that it is about runs and is not
    paused, is being closed or loaded, when a node that would live again needs one that was deleted since, or when
    more than ``MOST_NODES`` nodes changed; ``CursorExpired`` and ``LogUnreadable`` when the log does not reach back.
    Nothing is changed then.
    """
    snapshot = await find(graph.db, project_id, snapshot_id)
    command = Command("restore_snapshot", [snapshot_id], actor, command_id or new_id())
    read = reader(graph.db, project_id)
    head = await head_of(read, project_id, snapshot.seq)
    # The log does not change: most of what is to be undone is read before anybody has to wait.
    events = await changes_between(read, snapshot.plan_id, snapshot.seq, head)
    await _warm(graph)

    async def decide(locked: Locked) -> Change:
        more = await changes_between(locked.read, snapshot.plan_id, head, locked.head_seq)
        return await _Restoration(locked, snapshot, command, undo([*events, *more])).run()

    return await commit_locked(
        graph.db, graph.signals, project_id, command, decide, seconds=RESTORE_SECONDS
    )


async def _warm(graph: Graph) -> None:
    """Have the server plan now what is asked behind the lock: nobody waits for a first planning there."""
    nowhere: dict[str, Any] = {"project_id": NOWHERE, "plan_id": NOWHERE, "snapshot_id": NOWHERE, "now": 0}
    batch = {"ids": [], "hashes": [], "needs": NEEDS, "rows": []}
    frontier = {"terminal": sorted(TERMINAL_STEP), "gated": sorted(GATED_TYPES)}
    more = {"reason": "", "actor": "", "batch": batch, **frontier}
    await graph.db.warm([(psg_cypher.statement(name), nowhere | more) for name in BEHIND_THE_LOCK])


class _Restoration:
    """One restore behind the project's lock."""

    def __init__(self, locked: Locked, snapshot: Snapshot, command: Command, pasts: dict[str, Past]) -> None:
        self._locked = locked
        self._snapshot = snapshot
        self._command = command
        self._pasts = pasts
        self._last_seq = locked.head_seq

    async def run(self) -> Change:
        """Write everything but the record of it, which is the change that is returned."""
        if len(self._pasts) > MOST_NODES:
            raise Refused(
                f"{len(self._pasts)} nodes changed since snapshot {self._snapshot.id}; more than {MOST_NODES} cannot "
                "be restored in one commit; restore plan by plan",
                id=self._snapshot.id,
            )  # fmt: skip
        plans = await self._plans()
        before = await save(self._locked, self._command, self._snapshot.plan_id, "before restore")
        reversal = await self._reversal()
        for phase in (reversal.states, reversal.links, reversal.ends):
            for chunk in _chunks(phase):
                await self._apply(chunk)
        for plan_id in sorted(plans):
            await self._frontier(plan_id, reversal)
        await self._check(reversal.changed)
        return await self._record(plans, reversal, before)

    async def _plans(self) -> dict[str, Row]:
        """The plans concerned, none of which may be running, being closed or being loaded."""
        ids = {past.plan for past in self._pasts.values() if past.plan}
        if self._snapshot.plan_id:
            ids.add(self._snapshot.plan_id)
        rows = await self._locked.read("restore_plans", batch={"ids": sorted(ids)})
        for row in rows:
            past = self._pasts.get(row["id"])
            if row["status"] == "in_progress" and not row["paused"] and not row["deleted"]:
                raise Refused(f"plan {row['id']} is running; pause it before restoring a snapshot", id=row["id"])
            if row["closing"]:
                raise Refused(f"plan {row['id']} is just being closed; try again in a moment", id=row["id"], retry=True)
            if row["loading"] or (past is not None and past.loaded and not past.created):
                raise Refused(
                    f"plan {row['id']} was, or is, only half loaded; such a state cannot be restored", id=row["id"]
                )
        return {row["id"]: row for row in rows}

    async def _reversal(self) -> Reversal:
        """What has to be written, from what there is and what there was."""
        read = self._locked.read
        await find_places(read, self._pasts, self._snapshot.seq)
        texts = await texts_of(read, hashes_of(self._pasts.values()))
        reversal = Reversal({"snapshot": self._snapshot.id, "to": self._snapshot.seq}, texts)
        ids = sorted(self._pasts)
        for i in range(0, len(ids), CHUNK):
            (row,) = await read("past_nodes", batch={"ids": ids[i : i + CHUNK]})
            for found in row["nodes"]:
                reversal.add(found["node"], found["deleted"], self._pasts[found["node"]["id"]])
        return reversal

    async def _apply(self, writes: Sequence[Write]) -> None:
        change = Change(Command("restore_part", None, self._command.actor, new_id(), self._command.correlation_id))
        for write in writes:
            write(change)
        if not change.events:
            return
        rows = await self._locked.read("command_apply", batch={"rows": [change.row(self._locked.project_id)]})
        (answer,) = rows[0]["answers"]
        if answer["verdict"] != "ok":
            raise PsgError(f"a part of the restore was answered {answer['verdict']}", fault=answer["fault"])
        self._last_seq = answer["last_seq"]

    async def _frontier(self, plan_id: str, reversal: Reversal) -> None:
        """Ranks where dependencies changed; counts, labels and sums of the plan in any case (DD-02)."""
        read = self._locked.read
        if plan_id in reversal.rewired:
            rows = await read("plan_dependencies", plan_id=plan_id)
            found = ranks({row["id"]: row["dependencies"] for row in rows})
            changed = [{"id": node, "rank": rank} for node, rank in found.items()]
            for i in range(0, len(changed), RERANK_CHUNK):
                await read("steps_rerank", rows=changed[i : i + RERANK_CHUNK])
        await read("restore_frontier", plan_id=plan_id, terminal=sorted(TERMINAL_STEP), gated=sorted(GATED_TYPES))
        await read("restore_plan", plan_id=plan_id, terminal=sorted(TERMINAL_STEP))

    async def _check(self, ids: Sequence[str]) -> None:
        for i in range(0, len(ids), CHUNK):
            batch = {"ids": list(ids[i : i + CHUNK]), "needs": NEEDS}
            faults = await self._locked.read("restore_faults", batch=batch)
            if faults:
                fault = faults[0]
                raise Refused(
                    f"{fault['from']} would need {fault['to']} ({fault['type']}), which is deleted in the state of the "
                    "snapshot, or was deleted since outside of what it is about; restore a snapshot of the project, or "
                    "delete the former first",
                    id=fault["from"], target=fault["to"], type=fault["type"],
                )  # fmt: skip

    async def _record(self, plans: Mapping[str, Row], reversal: Reversal, before: str) -> Change:
        snapshot, locked = self._snapshot, self._locked
        change = Change(self._command)
        label, node_id = ("Plan", snapshot.plan_id) if snapshot.plan_id else ("Project", locked.project_id)
        details = {
            "snapshot": snapshot.id, "to": snapshot.seq, "before": before, "restored": len(reversal.changed),
        }  # fmt: skip
        change.note(FAMILY, "snapshot_restored", label, node_id, details, plan=snapshot.plan_id)
        for plan_id, row in sorted(plans.items()):
            log_seq = self._last_seq + 1 + len(change.events)
            close_or_continue_run(change, locked, row, reversal.plans.get(plan_id), details, log_seq)
            if row["status"] == "in_progress" and row["paused_ms"] is not None:
                await self._shift_timers(row, reversal.plans.get(plan_id))
        await locked.read("snapshot_restored", snapshot_id=snapshot.id, now=locked.now_ms)
        change.answer = {"snapshot": snapshot.id, "before": before, "restored": len(reversal.changed)}
        return change

    async def _shift_timers(self, row: Row, then: Mapping[str, Any] | None) -> None:
        """Timers that froze with the plan go on when the state that is restored was not paused."""
        if then is not None and then["status"] == "in_progress" and not then["paused"]:
            await self._locked.read(
                "plan_timers_shift", plan_id=row["id"], now_ms=self._locked.now_ms, paused_ms=row["paused_ms"]
            )


def _chunks(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    for i in range(0, len(writes), CHUNK):
        yield writes[i : i + CHUNK]
