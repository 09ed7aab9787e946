"""How a core orchestrator works (CORE-50 to CORE-56), in snake_case or in the specification's camelCase."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator

from psg.errors import ValidationFailed
from psg_runtime.contracts.model import MAX_TIMEOUT_MS, ContractModel, Number, Whole

Strategy = Literal["fair", "priority", "performance"]
LogLevel = Literal["debug", "info", "warn", "error"]
HOUR_MS = 3_600_000


class CoreOrchestratorConfig(ContractModel):
    """Settings of one core orchestrator; times are milliseconds. The defaults are those of a single node.

    ``max_concurrent_workflows``: runs under way at the same time in the project, whichever process began them; more
    wait for their turn, first come, first served. ``default_workflow_timeout``: of a definition without ``timeout``.
    ``workflow_history_retention``: finished runs that are kept, the latest; older ones are deleted.
    ``module_startup_timeout``, ``module_health_check_interval``: how long a module may take to start, how often its
    health is checked. ``message_queue_size``: unanswered messages of one module; ``message_timeout``: how long an
    answer may take. ``resource_allocation_strategy``: who gets resources that are short; ``max_resource_utilization``:
    what part of a pool may be given away, above 0 and at most 1. ``metrics_collection_interval``: how often progress
    and metrics are sampled. ``log_level``: the least log line of the core orchestrator.
    ``enable_distributed_tracing``: whether a run and its stages are spans of one trace.
    """

    max_concurrent_workflows: Annotated[Whole, Field(ge=1, le=100_000)] = 100
    default_workflow_timeout: Annotated[Whole, Field(ge=1, le=MAX_TIMEOUT_MS)] = 300_000
    workflow_history_retention: Annotated[Whole, Field(ge=0, le=10_000_000)] = 10_000
    module_startup_timeout: Annotated[Whole, Field(ge=1, le=HOUR_MS)] = 30_000
    module_health_check_interval: Annotated[Whole, Field(ge=10, le=HOUR_MS)] = 5_000
    message_queue_size: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1_000
    message_timeout: Annotated[Whole, Field(ge=1, le=24 * HOUR_MS)] = 30_000
    resource_allocation_strategy: Strategy = "fair"
    max_resource_utilization: Annotated[Number, Field(gt=0, le=1)] = 1.0
    metrics_collection_interval: Annotated[Whole, Field(ge=10, le=24 * HOUR_MS)] = 5_000
    log_level: LogLevel = "info"
    enable_distributed_tracing: bool = False

    @field_validator("enable_distributed_tracing", mode="before")
    @classmethod
    def _boolean(cls, value: Any) -> Any:
        if not isinstance(value, bool):
            raise ValueError("expected true or false")
        return value

    @classmethod
    def single_node(cls, **changes: Any) -> Self:
        """One process that does everything: 100 runs at a time, five minutes each, fair shares, no tracing."""
        return cls.parse({**SINGLE_NODE, **_spelled(changes)})

    @classmethod
    def distributed(cls, **changes: Any) -> Self:
        """Many processes: 1000 runs at a time, ten minutes each, resources for performance, tracing."""
        return cls.parse({**DISTRIBUTED, **_spelled(changes)})

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """``single_node`` or ``distributed``, with changes; raises ``ValidationFailed``."""
        presets = {"single_node": cls.single_node, "distributed": cls.distributed}
        chosen = presets.get(name.replace("-", "_"))
        if chosen is None:
            raise ValidationFailed(f"preset: {name[:50]!r} is none of {', '.join(presets)}", preset=name[:50])
        return chosen(**changes)


SINGLE_NODE = {
    "max_concurrent_workflows": 100, "default_workflow_timeout": 300_000, "resource_allocation_strategy": "fair",
    "enable_distributed_tracing": False,
}  # fmt: skip
DISTRIBUTED = {
    "max_concurrent_workflows": 1000, "default_workflow_timeout": 600_000,
    "resource_allocation_strategy": "performance", "enable_distributed_tracing": True,
}  # fmt: skip


def _spelled(changes: dict[str, Any]) -> dict[str, Any]:
    """Changes under the fields' own names, so that they replace what a preset says in the other spelling."""
    names = {field.alias: name for name, field in CoreOrchestratorConfig.model_fields.items()}
    return {names.get(key, key): value for key, value in changes.items()}
