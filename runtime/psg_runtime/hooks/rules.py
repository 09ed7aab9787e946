"""Policy as configuration: CEL rules in a YAML file, as one hook (`PSG_POLICY_RULES`).

::

    rules:
      - name: large-transfers            # unique; shown in logs
        match: step.name == "transfer"   # optional: which steps it is about
        allow: params.amount <= 1000     # or `deny`: CEL over step, params and context
        reason: Transfers above 1000 need an approval
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from psg.errors import EvaluationFailed, ExpressionInvalid, PlanFileInvalid, ValidationFailed
from psg_runtime.expressions.predicate import Predicate
from psg_runtime.hooks.port import PolicyHook
from psg_runtime.plan_file.document import MAX_FILE_BYTES, Document, read_document

VARIABLES = ("step", "params", "context")
MAX_RULES = 1_000
_KEYS = frozenset(("name", "match", "allow", "deny", "reason"))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the steps it is about, and what must hold (or must not, ``denies``) for them."""

    name: str
    match: Predicate | None
    test: Predicate
    denies: bool
    reason: str

    def refusal(self, values: Mapping[str, Any]) -> str | None:
        """Why the rule refuses a step, None when it does not; raises ``EvaluationFailed``."""
        if self.match is not None and not self.match.holds(values):
            return None
        return self.reason if self.test.holds(values) == self.denies else None


def rules_hook(rules: Sequence[Mapping[str, Any]] | Path, *, name: str = "policy_rules") -> PolicyHook:
    """Return a hook that denies what a rule refuses, in the order of the rules.

    ``rules`` are mappings of name, match, allow or deny, and reason, or the file that holds them. A rule that cannot
    be evaluated for a step, for example because the context lacks what it reads, denies it. Raises
    ``ValidationFailed`` naming file, line and rule for what is no rule.
    """
    read = _from_file(rules) if isinstance(rules, Path) else _rules(_document(rules))

    def pre_execution(step: Any, context: Any) -> dict[str, Any]:
        parts = {"step": step, "params": step.get("params"), "context": context}
        values = {name: _json(part) for name, part in parts.items()}
        for rule in read:
            try:
                refusal = rule.refusal(values)
            except EvaluationFailed as error:
                raise EvaluationFailed(f"rule `{rule.name}`: {error.message}") from None
            if refusal is not None:
                return {"allow": False, "reason": refusal}
        return {"allow": True}

    return PolicyHook(name, pre_execution)


def _json(value: Any) -> Any:
    """JSON only, for CEL; a named secret is its placeholder."""
    return orjson.loads(orjson.dumps(value if value is not None else {}, default=str, option=orjson.OPT_NON_STR_KEYS))


def _document(rules: Sequence[Mapping[str, Any]]) -> Document:
    plain = [dict(rule) if isinstance(rule, Mapping) else rule for rule in rules]
    return Document("policy rules", {"rules": plain}, {})


def _from_file(path: Path) -> list[Rule]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValidationFailed(f"{path}: the policy rules cannot be read: {error.strerror}.", file=str(path)) from error
    return _rules(read_document(raw, str(path)))


def _rules(document: Document) -> list[Rule]:
    data = document.data
    if not isinstance(data, dict) or set(data) != {"rules"} or not isinstance(data["rules"], list):
        raise document.invalid((), "policy rules are a mapping with the one key `rules`, a list")
    if not 1 <= len(data["rules"]) <= MAX_RULES:
        raise document.invalid(("rules",), f"there are from 1 to {MAX_RULES} rules, not {len(data['rules'])}")
    rules: dict[str, Rule] = {}
    for index, given in enumerate(data["rules"]):
        rule = _rule(document, index, given)
        if rule.name in rules:
            raise document.invalid(("rules", index, "name"), f"two rules are named `{rule.name}`")
        rules[rule.name] = rule
    return list(rules.values())


def _rule(document: Document, index: int, given: Any) -> Rule:
    at = ("rules", index)
    if not isinstance(given, dict):
        raise document.invalid(at, "a rule is a mapping")
    for key, value in given.items():
        if key not in _KEYS:
            raise document.invalid((*at, key), f"unknown key `{key}`: a rule has {', '.join(sorted(_KEYS))}")
        if not isinstance(value, str) or not value.strip():
            raise document.invalid((*at, key), f"`{key}` must be a text that says something; put it in quotes")
    if "name" not in given or ("allow" in given) == ("deny" in given):
        raise document.invalid(at, "a rule needs a `name` and either `allow` or `deny`")
    denies = "deny" in given
    key = "deny" if denies else "allow"
    match = _predicate(document, (*at, "match"), given["match"]) if "match" in given else None
    test = _predicate(document, (*at, key), given[key])
    return Rule(given["name"], match, test, denies, given.get("reason", f"denied by policy rule `{given['name']}`"))


def _predicate(document: Document, at: tuple[str | int, ...], text: str) -> Predicate:
    try:
        return Predicate(text, VARIABLES)
    except ExpressionInvalid as error:
        refusal: PlanFileInvalid = document.invalid(at, error.message.rstrip("."))
        raise refusal from None
