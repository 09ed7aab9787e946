"""JSON Schemas of capabilities: checked when they are registered, bounded when they are used (ORCH-12, ORCH-13)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import orjson

from psg.errors import ValidationFailed
from psg_runtime.ael.schema_defaults import Defaults

MAX_SCHEMA_BYTES = 256 * 1024
# Subschemas one value can meet at most, references followed; what grows by doubling is far beyond it.
MAX_COST = 50_000
# Bytes of a value times the cost of its schema: seconds of work at worst, where a server made both.
_MAX_WORK = 2**31
_MAX_WORK_FOR_ALL_PROBLEMS = 2**22
_MAX_PROBLEMS = 10
_REPORTED_DEPTH = 8
_MASK = "the value"
_DRAFTS: dict[str, Any] = {
    "https://json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "http://json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
}
_DEFAULT_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ONE = (
    "not", "if", "then", "else", "items", "contains", "additionalProperties", "additionalItems", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
)  # fmt: skip
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS = ("properties", "patternProperties", "dependentSchemas", "dependencies")
_DEFINITIONS = ("$defs", "definitions")
_KEYWORDS = frozenset(
    (
        *_REFERENCES, *_ONE, *_LISTS, *_MAPS, *_DEFINITIONS, "type", "enum", "const", "required", "format", "pattern",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
        "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties",
        "dependentRequired", "title", "description", "default", "examples", "$schema", "$id", "$comment", "$anchor",
    )
)  # fmt: skip
_FOR_PEOPLE = frozenset(("title", "description", "examples", "$comment"))
_DATA = frozenset(("default", "const", "enum"))
_WITHOUT_FRAGMENT = re.compile(r"#$")


class JsonSchema:
    """One JSON Schema, Draft 2020-12 unless ``$schema`` names an older draft.

    ``what`` says in errors what it is the schema of. Formats are enforced. References lead nowhere outside the schema
    itself, patterns and recursion have limits. Raises ValidationFailed when it is no schema.
    """

    def __init__(self, schema: Mapping[str, Any], what: str) -> None:
        self._what = what
        text = self._text_of(schema)
        # A copy, so that nobody changes a schema behind the validator that was made from it.
        self.schema: dict[str, Any] = orjson.loads(text)
        if self.schema and not _KEYWORDS & self.schema.keys():
            raise self._no_schema(f"none of {', '.join(list(self.schema)[:5])} is a keyword")
        self._validator = self._compiled()
        self._survey = _Survey(self.schema)
        problem = self._survey.problem
        if problem is not None:
            raise self._no_schema(problem)
        self._defaults = Defaults(self.schema, self._survey.resolve)

    def require_object(self) -> None:
        """Raise ValidationFailed unless objects can satisfy the schema: parameters are always one."""
        kinds = self.schema.get("type", "object")
        if "object" not in ([kinds] if isinstance(kinds, str) else kinds):
            raise self._no_schema(f"it must describe an object, not {kinds}")

    def property_names(self) -> frozenset[str]:
        """The properties that the schema names at its top."""
        return frozenset(self.schema.get("properties", ()))

    def with_defaults(self, value: Any) -> Any:
        """The value with every missing property that has a ``default``; what is given is never changed."""
        return self._defaults.fill(value)

    def check(self, value: Any, what: str) -> None:
        """Raise ValidationFailed naming what of the JSON ``value`` does not match, without quoting values."""
        try:
            size = len(orjson.dumps(value))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValidationFailed(f"The {what} are not JSON: {error}.") from None
        work = size * self._survey.cost
        if work > _MAX_WORK:
            cost = self._survey.cost
            message = f"The {what} are too large to be checked: {size} bytes against a schema of {cost} parts."
            raise ValidationFailed(message, size=size, cost=cost)
        if self._validator.is_valid(value):
            return
        problems = self._problems(value, work)
        raise ValidationFailed(f"The {what} are not valid: {'; '.join(problems)}.", problems=problems)

    def _problems(self, value: Any, work: int) -> list[str]:
        # Only ``is_valid`` remembers what it has seen; looking for the reasons can take exponential time.
        recursive = self._survey.recursive
        if not recursive and work <= _MAX_WORK_FOR_ALL_PROBLEMS:
            errors = list(self._validator.iter_errors(value))
            shown = [_said(error) for error in errors[:_MAX_PROBLEMS]]
            return shown if len(errors) <= _MAX_PROBLEMS else [*shown, f"and {len(errors) - _MAX_PROBLEMS} more"]
        if not recursive or _depth(value) <= _REPORTED_DEPTH:
            try:
                self._validator.validate(value)
            except jsonschema_rs.ValidationError as error:
                return [_said(error)]
        return ["value: does not match its schema"]

    def _text_of(self, schema: Mapping[str, Any]) -> bytes:
        try:
            text = orjson.dumps(dict(schema))
        except (TypeError, ValueError, RecursionError) as error:
            raise self._no_schema(f"it is not JSON: {error}") from None
        if len(text) > MAX_SCHEMA_BYTES:
            raise self._no_schema(f"it has {len(text)} bytes, the limit is {MAX_SCHEMA_BYTES}")
        return text

    def _compiled(self) -> Any:
        named = self.schema.get("$schema", _DEFAULT_DRAFT)
        draft = _DRAFTS.get(_WITHOUT_FRAGMENT.sub("", named) if isinstance(named, str) else "")
        if draft is None:
            raise self._no_schema(f"its $schema {named!r} is not among {', '.join(_DRAFTS)}")
        try:
            return draft(
                self.schema,
                validate_formats=True,
                offline=True,
                mask=_MASK,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000, size_limit=1_000_000),
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
            raise self._no_schema(_reason(error)) from None

    def _no_schema(self, reason: str) -> ValidationFailed:
        return ValidationFailed(f"The {self._what} is no usable JSON Schema: {reason}.", reason=reason)


def promise_of(schema: Any) -> Any:
    """The schema without what only people read: titles, descriptions, examples and comments."""
    if isinstance(schema, list):
        return [promise_of(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        keyword: {name: promise_of(part) for name, part in value.items()}
        if keyword in (*_MAPS, *_DEFINITIONS) and isinstance(value, dict)
        else value
        if keyword in _DATA
        else promise_of(value)
        for keyword, value in schema.items()
        if keyword not in _FOR_PEOPLE
    }


class _Survey:
    """What a schema refers to and what checking one value against it can cost."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._root = schema
        self._costs: dict[int, int] = {}
        self._open: set[int] = set()
        self._anchors: dict[str, Any] = {}
        self.recursive = False
        self.problem: str | None = None
        self.cost = 0
        try:
            self._look(schema, at_root=True)
            self.cost = self._cost(schema)
        except RecursionError:
            self.problem = "it is nested too deeply"
        if self.cost > MAX_COST:
            self.problem = f"one value could meet {self.cost} of its parts, the limit is {MAX_COST}"

    def resolve(self, reference: Any) -> Any:
        """What a reference within the schema means, None when there is nothing."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        pointer = unquote(reference[1:])
        if pointer and not pointer.startswith("/"):
            return self._anchors.get(pointer)
        found: Any = self._root
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isascii() and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                return None
        return found

    def _look(self, schema: Any, *, at_root: bool = False) -> None:
        """Note anchors, and what would lead out of the schema."""
        if not isinstance(schema, dict):
            return
        for keyword in _REFERENCES:
            if not str(schema.get(keyword, "#")).startswith("#"):
                self.problem = f"its {keyword} {str(schema[keyword])[:200]!r} leads outside, which is not allowed"
        if not at_root and "$id" in schema:
            self.problem = "a schema within it has an $id of its own, which is not supported"
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(schema.get(keyword), str):
                self._anchors.setdefault(schema[keyword], schema)
        for part in _parts(schema, definitions=True):
            self._look(part)

    def _cost(self, schema: Any) -> int:
        if not isinstance(schema, dict):
            return 1
        known = self._costs.get(id(schema))
        if known is not None:
            return known
        if id(schema) in self._open:
            self.recursive = True
            return 1
        self._open.add(id(schema))
        targets = [self.resolve(schema[keyword]) for keyword in _REFERENCES if keyword in schema]
        cost = 1 + sum(self._cost(part) for part in (*_parts(schema), *targets))
        self._open.discard(id(schema))
        self._costs[id(schema)] = cost
        return cost


def _parts(schema: Mapping[str, Any], *, definitions: bool = False) -> Iterator[Any]:
    """The schemas directly within a schema."""
    for keyword in _ONE:
        if isinstance(schema.get(keyword), dict):
            yield schema[keyword]
    for keyword in _LISTS:
        if isinstance(schema.get(keyword), list):
            yield from schema[keyword]
    for keyword in (*_MAPS, *_DEFINITIONS) if definitions else _MAPS:
        if isinstance(schema.get(keyword), dict):
            yield from schema[keyword].values()


def _depth(value: Any) -> int:
    """How deep lists and objects are nested; the value has been JSON, so it ends."""
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            item
            for outer in level
            if isinstance(outer, (dict, list))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _said(error: Any) -> str:
    place = ".".join(str(part) for part in error.instance_path) or "value"
    return f"{place}: {error.message.removeprefix(f'{_MASK} ')[:500]}"


def _reason(error: Exception) -> str:
    message = getattr(error, "message", None) or str(error)
    place = "/".join(str(part) for part in getattr(error, "instance_path", ()))
    return f"{place}: {message[:500]}" if place else message[:500]
