"""The orchestrator process: a lease, a lane per project with work, and the watch over timers and lost colleagues."""

from __future__ import annotations

import time

import anyio
import structlog
from anyio.abc import TaskGroup

import psg_cypher
from psg import approvals
from psg.errors import LeaseLost, PsgError
from psg.graph import NOWHERE, Graph
from psg_runtime.ael import ActionExecutionLayer
from psg_runtime.hooks import HookChain
from psg_runtime.orchestrator.decide import preferred
from psg_runtime.orchestrator.lane import Capacity, Lane
from psg_runtime.orchestrator.policy_hooks import chain_of
from psg_runtime.orchestrator.reactions import Reactions
from psg_runtime.orchestrator.recovery import Recovery
from psg_runtime.orchestrator.session import Session
from psg_runtime.orchestrator.session_watch import SessionWatch
from psg_runtime.orchestrator.settings import OrchestratorSettings

log = structlog.get_logger(__name__)

WATCH_S = 0.4
RULES_S = 0.3
POLL_REST = 40
POLL_MAX_S = 0.4


class Orchestrator:
    """Runs plans: start as many processes of it as you like against one database.

    ``ael`` does the work; it may offer ``registry`` (with ``names()`` and ``roles()``), which the session publishes so
    that a plan naming something nobody can do is refused at its start. ``hooks`` are asked before every attempt
    (default: those of installed packages and of the settings; raises ``ValidationFailed`` when they are not whole).
    """

    def __init__(
        self,
        graph: Graph,
        ael: ActionExecutionLayer,
        settings: OrchestratorSettings | None = None,
        *,
        hooks: HookChain | None = None,
    ) -> None:
        self.graph = graph
        self._ael = ael
        self._settings = settings or OrchestratorSettings()
        self._hooks = chain_of(self._settings.policy_hooks, getattr(ael, "settings", None)) if hooks is None else hooks
        self._capacity = Capacity(self._settings.capacity)
        self._lanes: dict[str, Lane] = {}
        self._seen: dict[str, float] = {}
        self._live: list[str] = []
        self._stop = anyio.Event()
        self._session = self._new_session()
        self._recovery = Recovery(graph)
        self._reactions = Reactions(graph, replans_approved=self._settings.replans_approved)

    @property
    def session_id(self) -> str:
        """The id of the present session; steps carry it as their owner."""
        return self._session.id

    @property
    def running(self) -> int:
        """Number of steps that run in this process now."""
        return sum(lane.running for lane in self._lanes.values())

    def stop(self) -> None:
        """Ask for an orderly end: nothing more is claimed, running steps may finish (``drain_ms``)."""
        self._stop.set()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Work until ``stop()`` or cancellation; ready (``task_status``) once the lease is held."""
        await self._warm()
        await self._session.open()
        self._live = [self._session.id]
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_lease)
                tasks.start_soon(self._watch)
                tasks.start_soon(self._watch_rules)
                tasks.start_soon(self._poll, tasks)
                tasks.start_soon(SessionWatch(self.graph, self._settings.projects).run)
                task_status.started()
                await self._stop.wait()
                await self._drain()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(5, shield=True):
                try:
                    await self._session.end()
                except PsgError as error:
                    log.warning("session_not_ended", code=error.code)

    async def _warm(self) -> None:
        """Have the server plan the hot statements now, by running them on a project that does not exist."""
        nothing = {
            "project_id": NOWHERE, "session_id": NOWHERE, "actor": NOWHERE, "want": 0, "fanout_max": 0,
            "batch": {"results": [], "skips": [], "runs": []},
        }  # fmt: skip
        await self.graph.db.warm([(psg_cypher.statement("frontier_advance"), nothing)])
        await self.graph.warm()

    def _new_session(self) -> Session:
        registry = getattr(self._ael, "registry", None)
        names = registry.names() if registry else []
        roles = registry.roles() if registry else []
        return Session(self.graph.db, self._settings.lease_ms, names, roles, self._settings.capacity)

    async def _keep_lease(self) -> None:
        """A lost lease means that others run our steps: stop them and begin again as a new session."""
        while True:
            try:
                await self._session.renew_forever()
            except LeaseLost as lost:
                log.warning("lease_lost", reason=str(lost))
                for lane in self._lanes.values():
                    lane.cancel_all()
                self._session = self._new_session()
                await self._until_done(self._session.open)

    async def _until_done(self, work: object) -> None:
        while True:
            try:
                await work()  # type: ignore[operator]
                return
            except PsgError as error:
                log.warning("database_away", code=error.code)
                await anyio.sleep(WATCH_S)

    async def _poll(self, tasks: TaskGroup) -> None:
        """Look for work that others made ready: plans started, timers due, fan-outs to go on with."""
        while True:
            started = time.monotonic()
            try:
                rows = await self.graph.db.read(psg_cypher.statement("frontier_wakeups"))
                took = time.monotonic() - started
                await self._dispatch(rows, tasks)
            except PsgError as error:
                log.warning("frontier_not_read", code=error.code, error=str(error))
                took = WATCH_S
            # A busy database is asked less often: looking never takes more than a fraction of the time.
            await anyio.sleep(max(self._settings.poll_ms / 1000, min(POLL_REST * took, POLL_MAX_S)))

    async def _dispatch(self, rows: list[dict[str, object]], tasks: TaskGroup) -> None:
        now = time.monotonic()
        waiting = {str(r["project_id"]) for r in rows}
        self._seen = {p: self._seen.get(p, now) for p in waiting}
        for row in rows:
            project_id = str(row["project_id"])
            if not self._mine(project_id, now) or self._stop.is_set():
                continue
            why = row["why"]
            assert isinstance(why, list)
            if "timer" in why:
                await self._recovery.release_timers(project_id)
            if "unlocking" in why:
                await self._recovery.unlock(project_id)
            self._reactions.begin(project_id, why, tasks)
            if not {"stopping", "reacting"}.issuperset(why):
                self._lane(project_id, tasks).wake()

    def _mine(self, project_id: str, now: float) -> bool:
        """A project's preferred process goes first; what it leaves lying, any other takes up."""
        if self._settings.projects and project_id not in self._settings.projects:
            return False
        if preferred(project_id, self._live) == self._session.id:
            return True
        return (now - self._seen[project_id]) * 1000 >= self._settings.steal_after_ms

    def _lane(self, project_id: str, tasks: TaskGroup) -> Lane:
        lane = self._lanes.get(project_id)
        if lane is None or lane.idle:
            lane = Lane(
                self.graph, self._ael, project_id, lambda: self._session.id, self._capacity, self._settings,
                self._hooks,
            )  # fmt: skip
            self._lanes[project_id] = lane
            tasks.start_soon(lane.run, tasks, name=f"project {project_id}")
        return lane

    async def _watch(self) -> None:
        """Take over from colleagues that are gone, finish what cancelled plans left, stop what is not ours."""
        while True:
            try:
                live = await self.graph.db.read(psg_cypher.statement("sessions_live"))
                self._live = sorted({self._session.id, *(r["id"] for r in live)})
                await self._recovery.take_over(self._session.id)
                await self._recovery.close_plans()
                await approvals.expire_due(self.graph, self._session.id)
                for lane in list(self._lanes.values()):
                    await lane.check_owned()
            except PsgError as error:
                log.warning("watch_interrupted", code=error.code, error=str(error))
            self._lanes = {p: lane for p, lane in self._lanes.items() if not lane.idle}
            await anyio.sleep(WATCH_S)

    async def _watch_rules(self) -> None:
        """Look at policies and kill switches of the projects with work here, and at steps that wait too long."""
        while True:
            await anyio.sleep(RULES_S)
            lanes = {project_id: lane for project_id, lane in self._lanes.items() if not lane.idle}
            if not lanes:
                continue
            try:
                rows = await self.graph.db.read(
                    psg_cypher.statement("rules_of_projects"), batch={"project_ids": list(lanes)}
                )
                for row in rows:
                    lanes[row["project_id"]].tell(row["seq"], row["now"], row)
                if self._capacity.free <= 0:
                    for lane in lanes.values():
                        await lane.fail_overdue()
            except PsgError as error:
                log.warning("rules_not_read", code=error.code, error=str(error))

    async def _drain(self) -> None:
        """Claim nothing more and let what runs finish and be stored."""
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.draining = True
            lane.wake()
        with anyio.move_on_after(self._settings.drain_ms / 1000):
            while any(not lane.settled for lane in lanes):  # noqa: ASYNC110 - several lanes, one deadline
                await anyio.sleep(0.02)
        for lane in lanes:
            lane.cancel_all()
