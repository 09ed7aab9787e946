"""What the graph should do, as a few dictionaries in Python: the oracle of the random tests.

An operation is data. ``Model.apply`` says how it ends (``ok`` or the code of its error) and changes the model;
``perform`` does it to the graph. The rules here are written down from the documents, not from the commands' code.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from sample_graph import META, confirm_document, context_document, plan_document, role_document

from psg.documents import import_documents
from psg.errors import PsgError
from psg.graph import Graph
from psg.model.ids import derived_id
from psg.plan.spec import PlanSpec, StepSpec

PLAN = {"propose": ("draft", "proposed"), "revise": ("proposed", "draft"), "approve": ("proposed", "approved")}
CONTEXT = {
    "draft": {"active", "closed"}, "active": {"suspended", "archived"}, "suspended": {"active", "closed"},
    "archived": {"closed"}, "closed": set(),
}  # fmt: skip
CONFIRM = {
    "pending": {"approved", "rejected", "cancelled"}, "approved": set(), "rejected": {"approved", "cancelled"},
    "cancelled": set(),
}  # fmt: skip
OVER = {"completed", "failed", "cancelled"}
DONE = {"completed", "failed", "skipped"}
NEEDED_BY = {"Context": ("IN_CONTEXT", "Plan"), "Step": ("DEPENDS_ON", "Step"), "Confirm": ("DECIDES", "Decision")}
Edge = tuple[str, str, str]
State = tuple[dict[str, tuple[str, str | None]], set[str], set[Edge]]


@dataclass(frozen=True)
class Op:
    """One operation: what, on which node, with what else; ``command_id`` names it, so that it can be repeated."""

    kind: str
    node: str
    command_id: str
    more: tuple[Any, ...] = ()

    def made(self, what: str) -> str:
        """The id of a node that the operation makes."""
        return derived_id(what, self.command_id)


@dataclass
class Node:
    """One node as far as the oracle knows it."""

    label: str
    status: str | None = None
    deleted: bool = False
    plan: str | None = None
    key: str | None = None
    paused: bool = False


@dataclass
class Model:
    """Nodes by id and edges of one project."""

    project_id: str
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: set[Edge] = field(default_factory=set)

    def ids(self, *labels: str) -> list[str]:
        """Everything there ever was of some types, also what is deleted."""
        return [i for i, n in self.nodes.items() if n.label in labels]

    def copy(self) -> Model:
        return deepcopy(self)

    def back_to(self, saved: Model) -> Model:
        """This model after a restore of ``saved``: what came since is deleted, its own edges stay with it."""
        made = saved.copy()
        since = {i: n for i, n in self.nodes.items() if i not in saved.nodes}
        made.nodes |= {i: replace(n, deleted=n.label != "Trace") for i, n in since.items()}
        made.edges |= {edge for edge in self.edges if edge[0] in since}
        return made

    def state(self, *, traces: bool) -> State:
        """Living nodes with type and status, the deleted ones, and the edges of the living: what is compared."""
        nodes = {i: n for i, n in self.nodes.items() if traces or n.label != "Trace"}
        alive = {i: (n.label, n.status) for i, n in nodes.items() if not n.deleted}
        return alive, nodes.keys() - alive.keys(), {edge for edge in self.edges if edge[0] in alive}

    def apply(self, op: Op) -> str:
        """How ``op`` ends; the model is changed when it ends well."""
        outcome: str = getattr(self, f"_{op.kind}")(op)
        return outcome

    # What is there

    def _get(self, node_id: str, label: str) -> Node | None:
        node = self.nodes.get(node_id)
        return node if node is not None and node.label == label and not node.deleted else None

    def _steps(self, plan_id: str) -> dict[str, Node]:
        return {i: n for i, n in self.nodes.items() if n.plan == plan_id and not n.deleted}

    def _targets(self, node_id: str, kind: str) -> list[str]:
        return [target for source, k, target in self.edges if source == node_id and k == kind]

    def _sources(self, node_id: str, kind: str) -> list[Node]:
        found = [self.nodes[s] for s, k, target in self.edges if target == node_id and k == kind]
        return [node for node in found if not node.deleted]

    def _reaches(self, start: str, goal: str) -> bool:
        seen, stack = set(), [start]
        while stack:
            node = stack.pop()
            if node == goal:
                return True
            if node not in seen:
                seen.add(node)
                stack += self._targets(node, "DEPENDS_ON")
        return False

    # Contexts, roles, confirms

    def _context(self, op: Op) -> str:
        self.nodes[op.node] = Node("Context", op.more[0])
        self.edges.add((op.node, "IN_PROJECT", self.project_id))
        return "ok"

    def _role(self, op: Op) -> str:
        self.nodes[op.node] = Node("Role")
        self.edges.add((op.node, "IN_PROJECT", self.project_id))
        return "ok"

    def _rename(self, op: Op) -> str:
        return "not_found" if self._get(op.node, "Role") is None else "ok"

    def _move(self, op: Op) -> str:
        context = self._get(op.node, "Context")
        if context is None:
            return "not_found"
        if op.more[0] not in CONTEXT[context.status or ""]:
            return "invalid_transition"
        context.status = op.more[0]
        return "ok"

    def _confirm(self, op: Op) -> str:
        if self._get(op.more[0], "Plan") is None:
            return "reference_missing"
        self.nodes[op.node] = Node("Confirm", "pending")
        self.edges.add((op.node, "CONFIRMS", op.more[0]))
        return "ok"

    def _decide(self, op: Op) -> str:
        confirm = self._get(op.node, "Confirm")
        if confirm is None:
            return "not_found"
        if op.more[0] not in CONFIRM[confirm.status or ""]:
            return "invalid_transition"
        confirm.status = op.more[0]
        self._decision(op, op.node, op.more[0])
        return "ok"

    def _decision(self, op: Op, confirm_id: str, status: str) -> None:
        self.nodes[op.made("decision")] = Node("Decision", status)
        self.edges.add((op.made("decision"), "DECIDES", confirm_id))

    # Plans

    def _plan(self, op: Op) -> str:
        """Steps ``s0`` … in number ``more[1]``, with dependencies (from, to) by number."""
        context_id, count, pairs = op.more
        trial = Model(self.project_id, {}, {(f"s{a}", "DEPENDS_ON", f"s{b}") for a, b in pairs})
        if any(trial._reaches(f"s{b}", f"s{a}") for a, b in pairs):
            return "dependency_cycle"
        if self._get(context_id, "Context") is None:
            return "reference_missing"
        keys = {f"s{i}": derived_id(op.node, f"s{i}") for i in range(count)}
        self._store(op.node, context_id, "draft", keys, dict.fromkeys(keys, "pending"))
        self.edges |= {(keys[a], kind, keys[b]) for a, kind, b in trial.edges}
        return "ok"

    def _import(self, op: Op) -> str:
        """A context and a plan in it, given in the wrong order; each step depends on the one before."""
        status, statuses = op.more
        context_id, steps = op.made("context"), [op.made(f"s{i}") for i in range(len(statuses))]
        self._context(Op("context", context_id, op.command_id, ("active",)))
        self._store(op.node, context_id, status, {i: i for i in steps}, dict(zip(steps, statuses, strict=True)))
        self.edges |= {(b, "DEPENDS_ON", a) for a, b in pairwise(steps)}
        return "ok"

    def _store(self, plan_id: str, context: str, status: str, keys: dict[str, str], statuses: dict[str, str]) -> None:
        self.nodes[plan_id] = Node("Plan", status, paused=status == "in_progress")
        self.edges.add((plan_id, "IN_CONTEXT", context))
        for key, step_id in keys.items():
            self.nodes[step_id] = Node("Step", statuses[key], plan=plan_id, key=key)
            self.edges.add((step_id, "IN_PLAN", plan_id))

    def _life(self, op: Op) -> str:
        """propose, revise, approve."""
        source, target = PLAN[op.more[0]]
        plan = self._get(op.node, "Plan")
        if plan is None:
            return "not_found"
        if plan.status != source:
            return "invalid_transition"
        plan.status = target
        if op.more[0] == "approve":
            confirm_id = op.made("confirm")
            self.nodes[confirm_id] = Node("Confirm", "approved")
            self.edges.add((confirm_id, "CONFIRMS", op.node))
            self._decision(op, confirm_id, "approved")
        return "ok"

    def _start(self, op: Op) -> str:
        plan = self._get(op.node, "Plan")
        if plan is None:
            return "not_found"
        if plan.status != "approved":
            return "invalid_transition"
        (context_id,) = self._targets(op.node, "IN_CONTEXT")
        if self.nodes[context_id].status != "active":
            return "refused"
        plan.status = "in_progress"
        trace_id = derived_id("trace", op.node)
        self.nodes[trace_id] = Node("Trace", "running")
        self.edges |= {(trace_id, "IN_CONTEXT", context_id), (trace_id, "TRACES", op.node)}
        self._finish(op.node)
        return "ok"

    def _finish(self, plan_id: str) -> None:
        """A running plan without an open step is over."""
        statuses = [s.status for s in self._steps(plan_id).values()]
        if not set(statuses) - DONE:
            end = "failed" if "failed" in statuses else "completed"
            self.nodes[plan_id].status = self.nodes[derived_id("trace", plan_id)].status = end

    def _pause(self, op: Op) -> str:
        plan, wanted = self._get(op.node, "Plan"), op.more[0] == "pause"
        if plan is None:
            return "not_found"
        if plan.status != "in_progress" or plan.paused == wanted:
            return "refused"
        plan.paused = wanted
        return "ok"

    def _cancel(self, op: Op) -> str:
        plan = self._get(op.node, "Plan")
        if plan is None:
            return "not_found"
        if plan.status != "in_progress":
            return "invalid_transition"
        plan.status = "cancelled"
        for step in self._steps(op.node).values():
            step.status = step.status if step.status in DONE else "skipped"
        trace = self.nodes.get(derived_id("trace", op.node))
        if trace is not None:
            trace.status = "cancelled"
        return "ok"

    def _work(self, op: Op) -> str:
        """Orchestrators ran until nothing was left to do."""
        for plan_id in self.ids("Plan"):
            plan = self.nodes[plan_id]
            if plan.status == "in_progress" and not plan.paused and not plan.deleted:
                for step in self._steps(plan_id).values():
                    step.status = "completed"
                self._finish(plan_id)
        return "ok"

    # Structure

    def _step(self, op: Op) -> str:
        plan, (key, wanted) = self._get(op.node, "Plan"), op.more
        if plan is None:
            return "not_found"
        if plan.status in OVER:
            return "not_editable"
        if any(n.key == key for n in self.nodes.values() if n.plan == op.node):
            return "duplicate_id"
        by_key = {n.key: i for i, n in self._steps(op.node).items()}
        if not set(wanted) <= set(by_key):
            return "plan_invalid"
        made = op.made("step")
        self.nodes[made] = Node("Step", "pending", plan=op.node, key=key)
        self.edges |= {(made, "IN_PLAN", op.node), *((made, "DEPENDS_ON", by_key[w]) for w in wanted)}
        return "ok"

    def _depend(self, op: Op) -> str:
        return self._pair(op) or self._new_edge(op)

    def _new_edge(self, op: Op) -> str:
        edge = (op.node, "DEPENDS_ON", op.more[0])
        if edge in self.edges:
            return "duplicate_id"
        if self._reaches(op.more[0], op.node):
            return "dependency_cycle"
        self.edges.add(edge)
        return "ok"

    def _undepend(self, op: Op) -> str:
        edge = (op.node, "DEPENDS_ON", op.more[0])
        if bad := self._pair(op):
            return bad
        if edge not in self.edges:
            return "not_found"
        self.edges.remove(edge)
        return "ok"

    def _pair(self, op: Op) -> str | None:
        step, target = self._get(op.node, "Step"), self._get(op.more[0], "Step")
        if step is None:
            return "not_found"
        if target is None or target.plan != step.plan:
            return "reference_missing"
        closed = step.status != "pending" or self.nodes[step.plan or ""].status in OVER
        return "not_editable" if closed else None

    def _delete(self, op: Op) -> str:
        label = op.more[0]
        if label in ("Trace", "Decision"):
            return "immutable_history"
        node = self._get(op.node, label)
        if node is None:
            return "not_found"
        if label == "Plan" and node.status == "in_progress":
            return "refused"
        if label == "Step" and (bad := self._keeps(node)):
            return bad
        if label in NEEDED_BY:
            kind, by = NEEDED_BY[label]
            if any(n.label == by for n in self._sources(op.node, kind)):
                return "still_referenced"
        for gone in (node, *(self._steps(op.node).values() if label == "Plan" else ())):
            gone.deleted = True
        return "ok"

    def _keeps(self, step: Node) -> str | None:
        """Steps go only from a plan that nobody agreed to yet, and not the last one."""
        if self.nodes[step.plan or ""].status not in ("draft", "proposed"):
            return "not_editable"
        return "refused" if len(self._steps(step.plan or "")) == 1 else None


async def perform(graph: Graph, project_id: str, op: Op) -> str:
    """Do ``op`` to the graph: ``ok``, or the code of the error it met."""
    try:
        await _do(graph, project_id, op)
    except PsgError as error:
        return error.code
    return "ok"


async def _do(graph: Graph, project: str, op: Op) -> Any:
    again = {"command_id": op.command_id}
    match op.kind, op.more:
        case "context", (status,):
            return await graph.create_document(
                project, "context", context_document(context_id=op.node, status=status), **again
            )
        case "role", _:
            return await graph.create_document(project, "role", role_document(role_id=op.node), **again)
        case "rename", (name,):
            return await graph.update_document(project, "role", op.node, {"name": name}, **again)
        case "move", (status,):
            return await graph.transition(project, "Context", op.node, status, **again)
        case "confirm", (target,):
            document = confirm_document("plan", target, confirm_id=op.node)
            return await graph.create_document(project, "confirm", document, **again)
        case "decide", (status,):
            return await graph.decide_confirm(project, op.node, status, **again)
        case "plan", (context_id, count, pairs):
            wanted: dict[int, list[str]] = {i: [f"s{b}" for a, b in pairs if a == i] for i in range(count)}
            steps = [StepSpec(key=f"s{i}", name="noop", dependencies=wanted[i]) for i in range(count)]
            spec = PlanSpec(title="t", objective="o", steps=steps)
            return await graph.create_plan(project, context_id, spec, plan_id=op.node, **again)
        case "import", (status, statuses):
            return await import_documents(graph, project, _documents(op, status, statuses))
        case "life", (name,):
            return await getattr(graph, f"{name}_plan")(project, op.node, **again)
        case "start", _:
            return await graph.start_plan(project, op.node, **again)
        case "pause", (name,):
            return await getattr(graph, f"{name}_plan")(project, op.node, **again)
        case "cancel", _:
            return await graph.cancel_plan(project, op.node, **again)
        case "step", (key, dependencies):
            step = StepSpec(key=key, name="noop", dependencies=list(dependencies))
            return await graph.add_step(project, op.node, step, **again)
        case "depend", (target,):
            return await graph.add_dependency(project, op.node, target, **again)
        case "undepend", (target,):
            return await graph.remove_dependency(project, op.node, target, **again)
        case "delete", (label,):
            return await graph.delete(project, label, op.node, **again)
    raise AssertionError(op)


def _documents(op: Op, status: str, statuses: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    context_id = op.made("context")
    plan = plan_document(context_id, *statuses, status=status, plan_id=op.node)
    ids = {step["step_id"]: op.made(f"s{i}") for i, step in enumerate(plan["steps"])}
    for step in plan["steps"]:
        step |= {"step_id": ids[step["step_id"]], "dependencies": [ids[d] for d in step["dependencies"]]}
    context = context_document(context_id=context_id, status="active")
    assert plan["meta"] == META
    return [("plan", plan), ("context", context)]
