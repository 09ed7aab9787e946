"""The key under which all attempts of a step are one effect (EXEC-07, EXEC-08; DESIGN §6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from psg_runtime.execution_core.idempotency import KeyNotDerivable, idempotency_key
from psg_runtime.expressions import Template
from psg_runtime.expressions.template import as_text
from psg_runtime.orchestrator.denials import StepDenied
from psg_runtime.orchestrator.gates import without_secrets
from psg_runtime.orchestrator.policy import StepPolicy

Scope = Callable[[str, frozenset[str]], Awaitable[Mapping[str, Any]]]


async def effect_key(
    project_id: str,
    claim: Mapping[str, Any],
    policy: StepPolicy,
    kind: str,
    name: str | None,
    params: Any,
    scope: Scope,
) -> str:
    """Return the idempotency key of a claim: of action and context, or of what the policy's template gives.

    The same for every attempt of the step. A key of a template is one for the whole project; it is a digest, so that
    nothing of what the author made it of is stored or sent. Raises StepDenied when no key can be made.
    """
    try:
        if policy.key is not None:
            text = await _text(policy.key, claim["plan"], scope)
            return idempotency_key(text, {"project_id": project_id})
        action = {"type": kind, "name": name, "params": without_secrets(params) if params else None}
        if claim["agent_role"] is not None:
            action["agent_role"] = claim["agent_role"]
        # A step's id is unique in its project: of which plan and run it is follows from that.
        return idempotency_key(action, {"project_id": project_id, "step_id": claim["id"]})
    except Exception as error:
        message = f"step {claim['key']!r} gets no idempotency key: {error}"
        raise StepDenied(message, fail_closed=True, error_type=type(error).__name__) from error


async def _text(template_text: str, plan_id: str, scope: Scope) -> str:
    template = _template(template_text)
    if "secrets" in template.references:
        raise KeyNotDerivable("a key may not be made of secrets")
    value = template.resolve(await scope(plan_id, template.references))
    if value is None or isinstance(value, (dict, list)) or not as_text(value).strip():
        raise KeyNotDerivable(f"`{template_text}` gives {'nothing' if not value else 'no plain value'}")
    return as_text(value)


@lru_cache(maxsize=1024)
def _template(text: str) -> Template:
    return Template(text)
