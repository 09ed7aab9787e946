"""Calls a language model over the OpenAI chat API, which most servers speak."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from psg import tracing
from psg.errors import CapabilityDenied, ValidationFailed
from psg_runtime.ael.failures import LlmRefused, LlmUnavailable, message_of
from psg_runtime.ael.port import Action, ActionResult
from psg_runtime.ael.settings import AelSettings

_RETRYABLE_STATUS = frozenset({408, 409, 425, 429})


class LlmParams(BaseModel):
    """The params of an llm step: ``prompt``, or ``messages`` of role and content.

    With ``output_schema``, a JSON Schema of an object, the model is told to answer such an object as its text.
    """

    model_config = ConfigDict(extra="forbid")

    prompt: str | None = None
    system: str | None = None
    messages: list[dict[str, str]] = Field(default_factory=list)
    model: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    output_schema: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> LlmParams:
        if (self.prompt is None) == (not self.messages):
            raise ValueError("give either `prompt` or `messages`")
        for message in self.messages:
            if set(message) != {"role", "content"} or message["role"] not in ("system", "user", "assistant"):
                raise ValueError("a message has a role (system, user, assistant) and a content")
        return self


class LlmAdapter:
    """``llm_call``: output {text, model, usage: {input_tokens, output_tokens}}; the plan's retries are the retries."""

    def __init__(self, settings: AelSettings) -> None:
        self._settings = settings
        self._limiter = anyio.CapacityLimiter(settings.llm_capacity)

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        return self._limiter

    def unavailable_reason(self) -> str | None:
        """Why no language model can be called from here, None when one can."""
        if self._settings.llm_api_key is None or not self._settings.llm_api_key.get_secret_value():
            return "no LLM key is configured (PSG_LLM_API_KEY)"
        if importlib.util.find_spec("pydantic_ai") is None or importlib.util.find_spec("openai") is None:
            return "the LLM part is not installed (install psg-platform[llm])"
        return None

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        """A missing key skips the step, it does not refuse the plan."""

    async def run(self, action: Action) -> ActionResult:
        if reason := self.unavailable_reason():
            raise CapabilityDenied(f"A language model cannot be called: {reason}.")
        try:
            params = LlmParams.model_validate(action.params)
        except ValidationError as error:
            problems = [e["msg"].removeprefix("Value error, ") for e in error.errors(include_url=False)]
            raise ValidationFailed(f"The params of the llm step are not valid: {'; '.join(problems)}.") from None
        model = params.model or self._settings.llm_model
        called = {"gen_ai__operation__name": "chat", "gen_ai__request__model": model}
        with tracing.span(f"chat {model}", "client", **called) as span:
            output = await self._ask(params, action)
            if span is not None:
                span.set_attribute("gen_ai.usage.input_tokens", output["usage"]["input_tokens"] or 0)
                span.set_attribute("gen_ai.usage.output_tokens", output["usage"]["output_tokens"] or 0)
        return ActionResult(True, output)

    async def _ask(self, params: LlmParams, action: Action) -> dict[str, Any]:
        # Optional dependency, and slow to import: only who calls a model pays for it.
        from openai import AsyncOpenAI
        from pydantic_ai import ModelSettings
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        assert self._settings.llm_api_key is not None
        headers = {"Idempotency-Key": action.idempotency_key or action.step_id}
        if (traceparent := tracing.traceparent()) is not None:
            headers["traceparent"] = traceparent
        settings = ModelSettings(extra_headers=headers)
        if params.max_tokens is not None:
            settings["max_tokens"] = params.max_tokens
        if params.temperature is not None:
            settings["temperature"] = params.temperature
        async with AsyncOpenAI(
            base_url=self._settings.llm_base_url,
            api_key=self._settings.llm_api_key.get_secret_value(),
            max_retries=0,
        ) as client:
            provider = OpenAIProvider(openai_client=client)
            model = OpenAIChatModel(params.model or self._settings.llm_model, provider=provider)
            try:
                response = await model_request(
                    model, _messages(params), model_settings=settings, model_request_parameters=_structure(params)
                )
            except ModelAPIError as error:
                raise _failure(error) from error
            except UnexpectedModelBehavior as error:
                raise LlmUnavailable(f"The language model's answer is unusable: {message_of(error)}.") from error
        return {
            "text": response.text or "",
            "model": response.model_name,
            "usage": {
                "input_tokens": response.usage.input_tokens,
                "output_tokens": response.usage.output_tokens,
            },
        }


def _structure(params: LlmParams) -> Any:
    """What the answer must look like, None for plain text."""
    if params.output_schema is None:
        return None
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition

    shape = OutputObjectDefinition(json_schema=params.output_schema, name="answer", strict=False)
    return ModelRequestParameters(output_mode="native", output_object=shape)


def _messages(params: LlmParams) -> list[Any]:
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    messages: list[Any] = [ModelRequest(parts=[SystemPromptPart(params.system)])] if params.system else []
    for message in params.messages or [{"role": "user", "content": params.prompt or ""}]:
        content = message["content"]
        if message["role"] == "assistant":
            messages.append(ModelResponse(parts=[TextPart(content)]))
        elif message["role"] == "system":
            messages.append(ModelRequest(parts=[SystemPromptPart(content)]))
        else:
            messages.append(ModelRequest(parts=[UserPromptPart(content)]))
    return messages


def _failure(error: Any) -> LlmUnavailable | LlmRefused:
    status = getattr(error, "status_code", None)
    refused = status is not None and status < 500 and status not in _RETRYABLE_STATUS
    kind = LlmRefused if refused else LlmUnavailable
    return kind(f"The language model could not be asked: {message_of(error)}", status=status)
