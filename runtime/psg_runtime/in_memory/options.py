"""How an in-memory executor behaves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from psg_runtime.contracts.model import ContractModel, Whole


class ExecutorOptions(ContractModel):
    """Options of ``Executor``, in snake_case or the specification's camelCase.

    ``parallel_execution``: steps that do not wait for each other run at the same time, at most ``max_parallel``;
    without it one after another. ``policy_hooks``: asked before and told after each step, each call within
    ``hook_timeout_ms``. ``log_level``: what this executor logs, whatever the process logs otherwise. ``confirm``
    answers confirm steps: ``async (request) -> {"status": "approved" | "rejected", …}``. Retries follow after
    ``retry_base_ms``·2^k, at most ``retry_max_ms``, milliseconds.
    """

    parallel_execution: bool = False
    max_parallel: Annotated[Whole, Field(ge=1, le=10_000)] = 100
    policy_hooks: Any = ()
    hook_timeout_ms: Annotated[Whole, Field(ge=1, le=600_000)] = 5_000
    log_level: Literal["debug", "info", "warning", "error"] | None = None
    confirm: Any = None
    retry_base_ms: Annotated[Whole, Field(ge=1, le=600_000)] = 100
    retry_max_ms: Annotated[Whole, Field(ge=1, le=86_400_000)] = 60_000
