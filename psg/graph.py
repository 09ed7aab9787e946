"""The door to the Project Semantic Graph: every command that can be given, from whichever side it comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import psg_cypher
from psg import approvals
from psg.commands import confirms, lifecycle, nodes, structure
from psg.commands.documents import decided_inside, store_document
from psg.commands.plan_load import PlanLoad, load
from psg.commands.plans import plan_id_of, store_plan, store_plan_document
from psg.commands.projects import check_project
from psg.documents.exporting import export_document
from psg.errors import CommandReused, DuplicateId, NotFound, ReferenceMissing
from psg.model.codec import dumps, logged_value
from psg.model.ids import check_id, derived_id, new_id
from psg.plan.spec import PlanSpec, StepSpec
from psg.write.change import Change
from psg.write.command import Answer, Command
from psg.write.signals import Signals
from psg.write.writer import Locked, ProjectWriter, commit_locked
from psg_neo4j.database import Database

Progress = Callable[[int, int], object]
Decide = Callable[[Locked], Awaitable[Change]]

WRITERS_KEPT = 1_000
NOWHERE = "00000000-0000-4000-8000-000000000000"


class Graph:
    """All commands on the graph through one unit of work; make one per process.

    Every method takes ``actor`` (who asks) and ``command_id`` (a UUID; one is made when absent): a repeated command
    with the same content is answered with the first answer and has no second effect. They return an ``Answer`` and
    raise errors of ``psg.errors``. ``expected_revision`` refuses the command when the node changed in the meantime.
    """

    def __init__(self, db: Database, signals: Signals | None = None) -> None:
        self.db = db
        self.signals = signals or Signals()
        self._writers: dict[tuple[str, str], ProjectWriter] = {}

    def writer(self, project_id: str, statement: str = "command_apply") -> ProjectWriter:
        """Return the one coalescing writer of a project in this process, for rows of ``statement``."""
        writer = self._writers.get((project_id, statement))
        if writer is None:
            if len(self._writers) >= WRITERS_KEPT:
                self._writers = {k: w for k, w in self._writers.items() if w.busy}
            writer = ProjectWriter(self.db, self.signals, project_id, statement)
            self._writers[project_id, statement] = writer
        return writer

    async def locked(self, project_id: str, command: Command, decide: Decide) -> Answer:
        """Commit what ``decide`` makes of what it reads under the project's lock."""

        async def decided(inside: Locked) -> Change:
            change = await decide(inside)
            await approvals.void_touched(inside, change)
            return change

        return await commit_locked(self.db, self.signals, project_id, command, decided)

    async def warm(self) -> None:
        """Have the server plan the statements of every write now; a first plan takes long on a server just booted."""
        nothing = {"project_id": NOWHERE, "batch": {"rows": []}}
        writes = [(psg_cypher.statement(name), nothing) for name in ("command_apply", "plan_load")]
        nowhere = dict.fromkeys(("project_id", "command_id", "plan_id", "snapshot_id", "actor"), NOWHERE) | {"now": 0}
        behind_the_lock = [
            (psg_cypher.statement(name), nowhere) for name in ("project_lock", "plan_state", "snapshot_before_start")
        ]
        await self.db.warm([*writes, *behind_the_lock])

    # Projects

    async def create_project(
        self,
        name: str,
        description: str | None = None,
        *,
        project_id: str | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        """Create a project; raises ``ValidationFailed``, ``DuplicateId`` when name or id is taken. ids: ``project``."""
        check_project(name)
        command = _command("create_project", [name, description, project_id], actor, command_id)
        project_id = check_id(project_id or derived_id("project", command.command_id), "project_id")
        event = {
            "event_id": new_id(), "family": "graph_update", "type": "project_created", "op": "create",
            "entity_type": "Project", "entity": project_id, "actor": actor, "update_kind": "node_add",
            "node_delta": 1, "edge_delta": 0, "command_id": command.command_id, "command_hash": command.fingerprint,
            "answer": dumps({"project": project_id}),
            "changes": dumps({"op": "create", "after": _logged(name=name, description=description), "links": []}),
        }  # fmt: skip
        rows = await self.db.write(
            psg_cypher.statement("project_create"), project_id=project_id, name=name, description=description,
            command_id=command.command_id, command_hash=command.fingerprint, event=event,
        )  # fmt: skip
        verdict = rows[0]["verdict"]
        if verdict == "exists":
            raise DuplicateId(f"project_id: {project_id} exists already", id=project_id)
        if verdict == "name_taken":
            raise DuplicateId(f"name: a project {name!r} exists already", id=rows[0]["named_id"], name=name)
        if verdict == "reused":
            raise CommandReused(f"command {command.command_id} was used before for another request")
        self.signals.notify(project_id, 1)
        return Answer(project_id, command.command_id, 1, {"project": project_id}, verdict == "replay")

    async def project_named(self, name: str) -> str:
        """Return the id of the project of this name; raises ``NotFound``."""
        found = await self.db.read_one(psg_cypher.statement("project_by_name"), name=name)
        if found is None:
            raise NotFound(f"name: there is no project {name!r}", name=name)
        return found["id"]

    async def ensure_project(self, name: str = "default", *, actor: str = "system") -> str:
        """Return the id of the project of this name, creating it when there is none."""
        statement = psg_cypher.statement("project_by_name")
        found = await self.db.read_one(statement, name=name)
        if found is None:
            try:
                return (await self.create_project(name, actor=actor)).project_id
            except DuplicateId:
                found = await self.db.read_one(statement, name=name)
                assert found is not None
        return found["id"]

    # Documents

    async def create_document(
        self,
        project_id: str,
        module: str,
        document: Mapping[str, Any],
        *,
        actor: str = "system",
        command_id: str | None = None,
        progress: Progress | None = None,
        placeholders: bool = False,
    ) -> Answer:
        """Store a protocol 1.0.0 document of any module. ids: the module's id.

        With ``placeholders`` (import) roles that it names and that are not there are made in the same commit (C-30).
        """
        command = _command(f"create_{module}", document, actor, command_id)
        if module == "plan":
            return await self.load_plan(project_id, store_plan_document(document, command), progress)
        try:
            return await self.writer(project_id).submit(store_document(project_id, module, document, command))
        except (DuplicateId, ReferenceMissing):
            inside = decided_inside(module, document, command, placeholders=placeholders)
            if inside is None:
                raise
        return await self.locked(project_id, command, inside)

    async def create_plan(
        self,
        project_id: str,
        context_id: str,
        spec: PlanSpec,
        *,
        plan_id: str | None = None,
        actor: str = "system",
        command_id: str | None = None,
        progress: Progress | None = None,
        invokes: str | None = None,
    ) -> Answer:
        """Store a plan with all its steps as a draft. ids: ``plan``, and ``steps`` by key.

        ``invokes`` is a mark (``psg.workflows.Invocations``): never what a request says, see docs/authorization.md.

        A large plan goes in by chunks and cannot run before the last is in; a repeated command goes on where an
        interrupted one ended.
        """
        payload = [context_id, plan_id, spec.model_dump(mode="json"), *([] if invokes is None else [invokes])]
        command = _command("create_plan", payload, actor, command_id)
        plan_id = check_id(plan_id or plan_id_of(command), "plan_id")
        check_id(context_id, "context_id")
        answer = await self.load_plan(project_id, store_plan(plan_id, context_id, spec, command, invokes), progress)
        return replace(answer, ids=answer.ids | {"steps": {s.key: derived_id(plan_id, s.key) for s in spec.steps}})

    async def export_document(self, project_id: str, module: str, node_id: str) -> dict[str, Any]:
        """Return a node as its protocol document; raises ``NotFound``."""
        return await export_document(self.db, project_id, module, node_id)

    async def load_plan(self, project_id: str, plan: PlanLoad, progress: Progress | None = None) -> Answer:
        """Store a plan that ``psg.commands.plans`` has prepared. ids: ``plan``."""
        return await load(plan, self.writer(project_id, "plan_load"), self.writer(project_id), progress)

    async def update_document(
        self,
        project_id: str,
        module: str,
        node_id: str,
        fields: Mapping[str, Any],
        *,
        expected_revision: int | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        """Set fields of a context or role; ``None`` removes one."""
        command = _command("update", [module, node_id, fields, expected_revision], actor, command_id)
        return await self.locked(
            project_id, command,
            lambda inside: nodes.update_document(inside, module, node_id, fields, expected_revision, command),
        )  # fmt: skip

    async def transition(
        self,
        project_id: str,
        label: str,
        node_id: str,
        status: str,
        *,
        expected_revision: int | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        """Change the status of a context by its transition table; raises ``InvalidTransition``."""
        command = _command("transition", [label, node_id, status, expected_revision], actor, command_id)
        return await self.locked(
            project_id, command,
            lambda inside: nodes.transition_node(inside, label, node_id, status, expected_revision, command),
        )  # fmt: skip

    async def delete(
        self,
        project_id: str,
        label: str,
        node_id: str,
        *,
        expected_revision: int | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        """Delete softly: a tombstone that references still resolve to; refused while something alive needs it."""
        command = _command("delete", [label, node_id, expected_revision], actor, command_id)
        answer = await self.locked(
            project_id, command,
            lambda inside: nodes.delete_node(inside, label, node_id, expected_revision, command),
        )  # fmt: skip
        if label == "Plan":
            await self.close_plan(project_id, node_id, deleted=True)
        return answer

    # The life of a plan

    async def propose_plan(self, project_id: str, plan_id: str, **request: Any) -> Answer:
        """draft → proposed. ids: ``plan``."""
        return await self._on_plan("plan_proposed", approvals.propose_plan, project_id, plan_id, **request)

    async def revise_plan(self, project_id: str, plan_id: str, **request: Any) -> Answer:
        """proposed → draft. ids: ``plan``."""
        return await self._on_plan("plan_draft", approvals.revise_plan, project_id, plan_id, **request)

    async def approve_plan(
        self,
        project_id: str,
        plan_id: str,
        *,
        role: str = "approver",
        reason: str | None = None,
        expected_revision: int | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        """proposed → approved, recording a Confirm with a Decision. ids: ``plan``, ``confirm``, ``decision``.

        Where the plan's ``approval`` asks for more than one, it is one of them: ids ``approvals`` and ``quorum`` tell.
        """
        command = _command("plan_approved", [plan_id, role, reason, expected_revision], actor, command_id)
        return await self.locked(
            project_id, command,
            lambda inside: approvals.approve_plan(inside, plan_id, role, reason, expected_revision, command),
        )  # fmt: skip

    async def start_plan(self, project_id: str, plan_id: str, **request: Any) -> Answer:
        """approved → in_progress, with its Trace. ids: ``plan``, ``trace``."""
        return await self._on_plan("start_plan", approvals.start_plan, project_id, plan_id, **request)

    async def pause_plan(self, project_id: str, plan_id: str, **request: Any) -> Answer:
        """Stop claiming steps of a running plan. ids: ``plan``."""
        return await self._on_plan("pause_plan", lifecycle.pause_plan, project_id, plan_id, **request)

    async def resume_plan(self, project_id: str, plan_id: str, **request: Any) -> Answer:
        """Go on with a paused plan. ids: ``plan``."""
        return await self._on_plan("resume_plan", approvals.resume_plan, project_id, plan_id, **request)

    async def cancel_plan(self, project_id: str, plan_id: str, **request: Any) -> Answer:
        """in_progress → cancelled; its open steps are closed before this returns. ids: ``plan``."""
        answer = await self._on_plan("cancel_plan", lifecycle.cancel_plan, project_id, plan_id, **request)
        await self.close_plan(project_id, plan_id)
        return answer

    async def _on_plan(
        self,
        kind: str,
        decide: Callable[[Locked, str, int | None, Command], Awaitable[Change]],
        project_id: str,
        plan_id: str,
        *,
        expected_revision: int | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        command = _command(kind, [plan_id, expected_revision], actor, command_id)
        return await self.locked(
            project_id, command, lambda inside: decide(inside, plan_id, expected_revision, command)
        )

    async def close_plan(self, project_id: str, plan_id: str, *, deleted: bool = False) -> None:
        """Close (or delete) the open steps of a plan that was cancelled (or deleted), batch by batch.

        Whoever finds a plan that is closing may call this; each batch has a command id of its own, so that two who do
        get in nobody's way.
        """
        kind, decide = ("delete_parts", nodes.delete_parts) if deleted else ("close_steps", lifecycle.close_steps)
        state = await self.db.read_one(psg_cypher.statement("plan_state"), project_id=project_id, plan_id=plan_id)
        run = lifecycle.run_name(plan_id, state["restores"] if state else 0)
        after: int | None = -1
        while after is not None:
            command = Command(kind, [plan_id, after], "system", f"{kind}:{run}:{after}")
            batch = partial(decide, plan_id=plan_id, after=after, command=command)
            after = (await self.locked(project_id, command, batch)).ids["after"]

    # The structure of a plan

    async def add_step(
        self,
        project_id: str,
        plan_id: str,
        step: StepSpec,
        *,
        expected_revision: int | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        """Add a step to a plan that is not finished. ids: ``step``."""
        payload = [plan_id, step.model_dump(mode="json"), expected_revision]
        command = _command("add_step", payload, actor, command_id)
        return await self.locked(
            project_id, command,
            lambda inside: structure.add_step(inside, plan_id, step, expected_revision, command),
        )  # fmt: skip

    async def add_dependency(
        self, project_id: str, step_id: str, depends_on: str, *, actor: str = "system", command_id: str | None = None
    ) -> Answer:
        """Make a pending step depend on another one of its plan; a cycle is refused with its path. ids: ``step``."""
        command = _command("add_dependency", [step_id, depends_on], actor, command_id)
        return await self.locked(
            project_id, command, lambda inside: structure.add_dependency(inside, step_id, depends_on, command)
        )

    async def remove_dependency(
        self, project_id: str, step_id: str, depends_on: str, *, actor: str = "system", command_id: str | None = None
    ) -> Answer:
        """Take a dependency of a pending step away. ids: ``step``."""
        command = _command("remove_dependency", [step_id, depends_on], actor, command_id)
        return await self.locked(
            project_id, command, lambda inside: structure.remove_dependency(inside, step_id, depends_on, command)
        )

    async def decide_confirm(
        self,
        project_id: str,
        confirm_id: str,
        status: str,
        *,
        role: str = "approver",
        reason: str | None = None,
        actor: str = "system",
        command_id: str | None = None,
    ) -> Answer:
        """Decide a Confirm ``approved``, ``rejected`` or ``cancelled``. ids: ``confirm``, ``decision``."""
        command = _command("decide_confirm", [confirm_id, status, role, reason], actor, command_id)
        return await self.locked(
            project_id, command,
            lambda inside: confirms.decide_confirm(inside, confirm_id, status, role, reason, command),
        )  # fmt: skip


def _command(kind: str, payload: Any, actor: str, command_id: str | None) -> Command:
    return Command(kind, payload, actor, command_id or new_id())


def _logged(**values: Any) -> dict[str, Any]:
    return {k: logged_value(v) for k, v in values.items() if v is not None}
