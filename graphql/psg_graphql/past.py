"""Plans as they were, in the API: the same types, filled from the state at a number of the log (`asOf`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psg import snapshots
from psg.errors import NotFound
from psg.model.lifecycle import TERMINAL_STEP
from psg_graphql.connections import Connection, connection, key_of, page_size
from psg_graphql.global_id import GlobalId
from psg_graphql.request_context import Info

Row = Mapping[str, Any]


class PastPlan:
    """One plan with its steps as at one moment; rows of it carry it as ``past``, so that fields stay in that moment."""

    def __init__(self, plan: Row, steps: Sequence[Row]) -> None:
        status_of = {step["id"]: step["status"] for step in steps}
        self.plan: Row = {**plan, "past": self}
        self.steps: list[Row] = [
            {
                **step, "past": self, "ready": False,
                "waits": sum(status_of.get(d) not in TERMINAL_STEP for d in step["dependencies"]),
            }
            for step in steps
        ]  # fmt: skip
        self._by_id = {step["id"]: step for step in self.steps}

    def page(self, first: int, after: str | None, status: Any) -> Connection[Any]:
        """Return steps by position."""
        wanted = [step for step in self.steps if status is None or step["status"] == status.value]
        key, limit = int(key_of(after, -1)), page_size(first) + 1
        rows = [step for step in wanted if step["position"] > key][:limit]

        async def count() -> int:
            return len(wanted)

        return connection(rows, first, after, "position", _makers()["Step"], count)

    def dependencies(self, step: Row) -> list[Any]:
        """Return the steps that ``step`` waited for."""
        return [_makers()["Step"](self._by_id[d]) for d in step["dependencies"] if d in self._by_id]

    def whole(self) -> Any:
        """Return the plan itself."""
        return _makers()["Plan"](self.plan)


async def past_plan(info: Info, plan: GlobalId, seq: int) -> Any:
    """Return the plan as it was at ``seq``, ``None`` when it did not exist then; raises as ``plan_as_of``."""
    try:
        found = await snapshots.plan_rows_as_of(info.context.graph.db, plan.project_id, plan.node_id, seq)
    except NotFound:
        return None
    return PastPlan(found["plan"], found["steps"]).whole()


def _makers() -> Any:
    from psg_graphql.types import MAKERS

    return MAKERS
