"""Capabilities that are another action with other params: a program, a request, a tool of a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from psg.errors import ValidationFailed
from psg_runtime.ael.failures import ActionRefused
from psg_runtime.expressions import Template
from psg_runtime.secrets.places import refusal, refusal_message
from psg_runtime.secrets.reference import SecretReference

OUTPUTS = ("result", "text", "json")
# Where the adapters put what a program printed or a server answered.
_TEXTS = ("stdout", "body", "text")


@dataclass(frozen=True, slots=True)
class Delegation:
    """What to do instead: the action ``name`` with the params of ``template``, which sees ``params``.

    Without a template the params are handed on as they are. ``output`` is ``result`` (what the action gave),
    ``text`` (what was printed or answered) or ``json`` (that text, parsed).
    """

    name: str
    template: Template | None = None
    output: str = "result"

    def params(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The params of the action for these arguments; raises EvaluationFailed."""
        if self.template is None:
            return dict(arguments)
        resolved: dict[str, Any] = self.template.resolve({"params": dict(arguments)})
        return resolved

    def result(self, capability: str, output: Any) -> Any:
        """The capability's result out of that of the action; raises ActionRefused when it is not as declared."""
        if self.output == "result":
            return output
        if self.output == "json" and isinstance(output, dict) and "json" in output:
            return output["json"]
        texts = [output[key] for key in _TEXTS if isinstance(output, dict) and key in output]
        if not texts:
            raise ActionRefused(f"`{capability}` should give {self.output}, but its action gave no text.")
        if self.output == "text" or not isinstance(texts[0], (str, bytes)):
            return texts[0]
        try:
            return orjson.loads(texts[0])
        except ValueError as error:
            raise ActionRefused(f"`{capability}` should give JSON, but what came is none: {error}.") from None


def delegation(name: str, params: Mapping[str, Any] | None, output: str) -> Delegation:
    """A delegation; raises ValidationFailed or ExpressionInvalid when its template is wrong."""
    if output not in OUTPUTS:
        raise ValidationFailed(f"`output` is one of {', '.join(OUTPUTS)}, not {str(output)[:50]!r}.")
    template = None if params is None else Template(dict(params))
    for root in (template.references if template is not None else frozenset()) - {"params", "secrets"}:
        raise ValidationFailed(f"A capability's template sees `params` only, not `{root}`.", reference=root)
    for place, expression in template.expressions if template is not None else ():
        secret = expression.syntax.secret
        reason = None if secret is None else refusal("tool", name, place)
        if secret is not None and reason is not None:
            raise ValidationFailed(f"{refusal_message(SecretReference(secret), place, reason)}.", secret=secret)
    return Delegation(name, template, output)
