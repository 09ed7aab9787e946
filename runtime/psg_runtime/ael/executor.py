"""The layer that routes actions to adapters and bounds them in time, number and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import orjson

from psg import tracing
from psg.errors import ActionFailed, ActionTimeout, OutputTooLarge, PsgError, UnknownCapability, ValidationFailed
from psg.plan.spec import PlanSpec
from psg_runtime.ael.adapters.code import CodeAdapter
from psg_runtime.ael.adapters.conditional import ConditionalAdapter
from psg_runtime.ael.adapters.confirm import ConfirmAdapter
from psg_runtime.ael.adapters.delegate import DelegateAdapter
from psg_runtime.ael.adapters.external import ExternalAdapter
from psg_runtime.ael.adapters.file import FileAdapter
from psg_runtime.ael.adapters.foreach import ForeachAdapter
from psg_runtime.ael.adapters.http import HttpAdapter
from psg_runtime.ael.adapters.llm import LlmAdapter
from psg_runtime.ael.adapters.port import Adapter
from psg_runtime.ael.adapters.process import ProcessAdapter
from psg_runtime.ael.adapters.subplan import SubplanAdapter
from psg_runtime.ael.adapters.tool import CallableAdapter
from psg_runtime.ael.adapters.wait import WaitAdapter
from psg_runtime.ael.failures import message_of
from psg_runtime.ael.http.target import SecretHosts
from psg_runtime.ael.masking import SecretMask
from psg_runtime.ael.port import FILE_OPERATIONS, Action, ActionResult, Parked, action_target
from psg_runtime.ael.registry import CapabilityRegistry
from psg_runtime.ael.secret_guard import SecretGuard
from psg_runtime.ael.settings import AelSettings
from psg_runtime.secrets import SecretProvider, secrets_of_process

ProgressSink = Callable[[Action, dict[str, Any]], None]


class AdapterLayer:
    """The Action Execution Layer of an orchestrator (L3-25, L3-26, DD-29).

    ``on_progress`` is called in the event loop with what callables report; ``secrets`` gives the values of
    ``{{secrets.NAME}}`` (default: what the settings name).
    """

    def __init__(
        self,
        registry: CapabilityRegistry,
        settings: AelSettings | None = None,
        *,
        on_progress: ProgressSink | None = None,
        secrets: SecretProvider | None = None,
    ) -> None:
        self.registry = registry
        self.settings = settings or AelSettings()
        key = self.settings.llm_api_key
        self._mask = SecretMask((key.get_secret_value(),) if key else ())
        settings = self.settings
        provider = secrets or secrets_of_process(settings.secrets_path, settings.secrets_keyring)
        self._secrets = SecretGuard(provider, bound=SecretHosts(settings.secrets_hosts).names)
        on_progress = self._secrets.progress(on_progress)
        self._tools = CallableAdapter(registry, ("tool", "service"), settings.tool_capacity, on_progress)
        self._agents = CallableAdapter(registry, ("agent",), settings.agent_capacity, on_progress)
        self._delegates = DelegateAdapter(registry, self._dispatch, self._check_target)
        self._external = ExternalAdapter(registry)
        self._process = ProcessAdapter(settings, self._mask)
        self._code = CodeAdapter(settings, self._process.sandboxing, self._process.limiter)
        self._files = FileAdapter(settings)
        self._http = HttpAdapter(settings, self._files)
        self._llm = LlmAdapter(settings)
        self._control: dict[str, Adapter] = {
            "wait": WaitAdapter(),
            "confirm": ConfirmAdapter(),
            "foreach": ForeachAdapter(
                self._dispatch, on_progress,
                max_items=self.settings.foreach_max_items, max_output_bytes=self.settings.max_output_bytes,
            ),
            "conditional": ConditionalAdapter(),
            "plan": SubplanAdapter(self.settings.plan_templates, self.settings.subplan_depth),
        }

    async def execute(self, action: Action | Mapping[str, Any], /) -> ActionResult | Parked:
        """Do one action; what is returned is a success or a parked step.

        Raises an error of the PsgError tree on every failure, without secrets in it (``failure_of`` writes it
        down); control flow such as cancellation passes through.
        """
        try:
            result = await self._dispatch(Action.parse(action))
            if isinstance(result, ActionResult):
                self._check_size(result.output)
            return result
        except PsgError as error:
            raise self._masked(error) from None
        except Exception as error:
            message = self._mask.text(message_of(error))
            raise ActionFailed(message, error_type=type(error).__name__) from None

    def unavailable_reason(self, step_type: str, name: str | None = None) -> str | None:
        """Why steps of this type cannot be done here for want of an optional part, None when they can.

        The orchestrator skips such a step before it is claimed.
        """
        return self._llm.unavailable_reason() if step_type == "llm" else None

    def check_plan(self, spec: PlanSpec) -> None:
        """Raise UnknownCapability or CapabilityDenied when a step names what this process cannot do."""
        for step in spec.steps:
            kind, name = action_target(step.type, step.name, step.agent_role)
            try:
                self._check_target(kind, name, step.agent_role, step.params)
            except PsgError as error:
                error.message = f"Step `{step.key}`: {error.message}"
                error.details["step"] = step.key
                raise

    def _check_target(self, kind: str, name: str | None, role: str | None, params: Mapping[str, Any]) -> None:
        adapter = self._route(Action(kind, name, params=dict(params), agent_role=role))
        adapter.check(name or role or "", params)
        if isinstance(adapter, ForeachAdapter):
            do = params["do"]
            kind, name = action_target(do.get("type", "tool"), do.get("name"), None)
            self._check_target(kind, name, None, do.get("params", {}))

    async def _dispatch(self, action: Action) -> ActionResult | Parked:
        adapter = self._route(action)
        limiter = adapter.limiter
        if limiter is None:
            return await self._bounded(adapter, action)
        try:
            limiter.acquire_nowait()  # without the turn of the event loop that ``acquire`` takes
        except anyio.WouldBlock:
            await limiter.acquire()
        try:
            return await self._bounded(adapter, action)
        finally:
            limiter.release()

    async def _bounded(self, adapter: Adapter, action: Action) -> ActionResult | Parked:
        seconds = self.settings.max_execution_time if action.timeout_ms is None else action.timeout_ms / 1000
        with tracing.span(f"adapter {_described(action)}", psg__action=action.type), anyio.move_on_after(seconds):
            return await self._secrets.run(adapter, action)
        message = f"The action `{_described(action)}` did not end within {round(seconds * 1000)} ms."
        raise ActionTimeout(message, timeout_ms=round(seconds * 1000))

    def _route(self, action: Action) -> Adapter:
        if action.type == "llm_call":
            return self._llm
        if self.registry.delegates(action.name or action.agent_role or ""):
            return self._delegates
        if self.registry.external(action.name or action.agent_role or ""):
            return self._external
        if action.type in ("step_execution", "agent_execution"):
            return self._agents if action.name is None else self._named(action.name)
        if action.type == "agent_handoff":
            return self._agents
        if action.type == "custom_action" and action.name in self._control:
            return self._control[action.name]
        if action.type == "file_operation" and action.name not in FILE_OPERATIONS:
            raise UnknownCapability(f"Unknown file operation `{action.name}`: known are {', '.join(FILE_OPERATIONS)}.")
        return self._named(action.name)

    def _named(self, name: str | None) -> Adapter:
        if name is None:
            raise ValidationFailed("The action names no capability; give it a `name`.")
        if name in FILE_OPERATIONS:
            return self._files
        if name == "process.run":
            return self._process
        if name == "code.run":
            return self._code
        if name == "http.request":
            return self._http
        return self._agents if self.registry.type_of(name) == "agent" else self._tools

    def _check_size(self, output: Any) -> None:
        try:
            size = len(orjson.dumps(output))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationFailed(f"The output is not JSON: {error}.") from error
        if size > self.settings.max_output_bytes:
            raise OutputTooLarge(
                f"The output has {size} bytes; the limit is {self.settings.max_output_bytes} "
                "(PSG_MAX_OUTPUT_BYTES). Write it to a file and return its name.",
                size=size,
                limit=self.settings.max_output_bytes,
            )

    def _masked(self, error: PsgError) -> PsgError:
        error.message = self._mask.text(error.message)
        error.details = self._mask.value(error.details)
        error.args = (error.message,)
        error.__cause__ = error.__context__ = None  # the original may hold what was masked
        return error


def _described(action: Action) -> str:
    return action.name or action.agent_role or action.type
