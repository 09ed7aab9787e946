"""Reads the kill switch out of a context: what cannot be understood counts as active (EXEC-17, EXEC-18).

Signals are looked for in the context itself and in its mappings of ops health (``ops_health``, ``ops``, ``health``),
under names like ``ops_deny_actions`` or ``kill_switch`` in any spelling. A signal is

- true or false (numbers and the usual words too): for every action, or for none;
- a list of action types, ``*`` for all of them;
- a mapping of action types to such signals; or ``{"active": …, "action_types": […]}``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

_SIGNAL = re.compile(
    r"(?:\A|.*_)(?:kill_?switch(?:es)?|deny_actions?)(?:_(?:active|engaged|enabled|on|state|status|actions?|types?))?\Z"
)
_GROUP = re.compile(r"(?:ops|health|ops_signals?|(?:.*_)?ops_health(?:_signals?)?)\Z")
_EVERY = ("*", "all", "global")
_SWITCHES = ("active", "enabled", "engaged", "on")
_TYPES = ("action_types", "actions", "types")
_ON = frozenset(("true", "1", "yes", "on", "active", "enabled"))
_OFF = frozenset(("", "false", "0", "no", "off", "none", "inactive", "disabled"))
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MAX_DEPTH = 8


def kill_switch_active(context: Any, action_type: str | None = None) -> bool:
    """Return whether an action of this type is denied by the signals in the context; never raises.

    ``action_type`` ``None``: of a type that is not known, so that any signal denies it. What is no mapping, or cannot
    be read, denies.
    """
    try:
        return read_kill_switch(context, action_type)
    except Exception:
        return True


def read_kill_switch(context: Any, action_type: str | None = None) -> bool:
    """Return what ``kill_switch_active`` does, but raise what a context raises that cannot be read."""
    if not isinstance(context, Mapping):
        raise TypeError(f"a context is a mapping, not {type(context).__name__}")
    return _in_group(context, None if action_type is None else str(action_type).strip().casefold(), 0)


def action_type_of(action: Any) -> str | None:
    """Return the type of an action: a text, an enum, a mapping or an object with ``type``; ``None`` when unknown."""
    for _ in range(3):
        if isinstance(action, enum.Enum):
            action = action.value
        elif isinstance(action, Mapping):
            action = next((action[k] for k in ("type", "action_type", "actionType") if action.get(k) is not None), None)
        elif action is not None and not isinstance(action, str):
            action = getattr(action, "type", None)
    return str.__str__(action) if isinstance(action, str) else None


def _in_group(group: Mapping[Any, Any], wanted: str | None, depth: int) -> bool:
    for name, value in group.items():
        known = _name(name)
        if _SIGNAL.match(known) and _denies(value, wanted, depth + 1):
            return True
        if _GROUP.match(known) and _group_denies(value, wanted, depth + 1):
            return True
    return False


def _group_denies(value: Any, wanted: str | None, depth: int) -> bool:
    """Whether what stands in the place of ops health holds a signal that denies; a bare word or score holds none."""
    if value is None or isinstance(value, (str, int, float)):
        return False
    if depth > _MAX_DEPTH:
        return True
    if isinstance(value, (list, tuple)):
        return any(_group_denies(item, wanted, depth + 1) for item in value)
    return _in_group(_parts(value), wanted, depth)


def _parts(value: Any) -> Mapping[Any, Any]:
    """The named parts of a mapping or object; raises for one without."""
    if isinstance(value, Mapping):
        return value
    names = getattr(type(value), "__slots__", ())
    return vars(value) if not names else {name: getattr(value, name) for name in names}


def _denies(signal: Any, wanted: str | None, depth: int) -> bool:
    if isinstance(signal, enum.Enum):
        signal = signal.value
    if signal is None or signal is False:
        return False
    if depth > _MAX_DEPTH:
        return True
    if isinstance(signal, str):
        # Another text is a flag that is set: one that was meant as a type denies more, not less.
        return signal.strip().casefold() not in _OFF
    if isinstance(signal, (int, float)):
        return signal != 0
    if isinstance(signal, Mapping):
        return _mapping_denies(signal, wanted, depth)
    if isinstance(signal, (list, tuple, AbstractSet)):
        return any(_matches(item, wanted) for item in signal)
    return True


def _mapping_denies(signal: Mapping[Any, Any], wanted: str | None, depth: int) -> bool:
    names = {_name(name): value for name, value in signal.items()}
    switch = [names[name] for name in _SWITCHES if name in names]
    types = [names[name] for name in _TYPES if name in names]
    if switch or types:
        return all(_denies(part, wanted, depth + 1) for part in (*switch[:1], *types[:1]))
    for name, value in signal.items():
        if isinstance(value, str) and value.strip().casefold() not in _OFF | _ON:
            return True  # no mapping of types to flags: what it is nobody knows
        if _matches(name, wanted) and _denies(value, wanted, depth + 1):
            return True
    return False


def _matches(item: Any, wanted: str | None) -> bool:
    if isinstance(item, enum.Enum):
        item = item.value
    if not isinstance(item, str) or wanted is None:
        return True
    return item.strip().casefold() in (wanted, *_EVERY)


def _name(name: Any) -> str:
    """A name in one spelling: `opsHealth`, `ops-health` and `ops_health` are the same."""
    text = str(name.value if isinstance(name, enum.Enum) else name)
    return _HUMP.sub("_", text).replace("-", "_").replace(" ", "_").casefold()
