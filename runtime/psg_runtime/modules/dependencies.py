"""In which order modules start: what each needs comes first; circles and what is missing are named (CORE-23)."""

from __future__ import annotations

from collections.abc import Mapping

from psg_runtime.modules.errors import DependencyCircular, DependencyUnmet, ModuleUnknown
from psg_runtime.modules.registration import MODULE_TYPES, ModuleDependency, ModuleRegistration
from psg_runtime.modules.versions import satisfies


def start_order(registered: Mapping[str, ModuleRegistration], module_type: str) -> list[str]:
    """Return the types to start, those needed first and ``module_type`` last.

    Raises ``ModuleUnknown``, ``DependencyUnmet`` naming each missing or incompatible module, ``DependencyCircular``
    naming the circle. Nothing recursive: a chain of dependencies may be as long as it likes.
    """
    if module_type not in registered:
        known = ", ".join(sorted(registered)) or "none"
        raise ModuleUnknown(f"module {module_type!r} is not registered; registered are {known}", module=module_type)
    order: list[str] = []
    done: set[str] = set()
    path: list[str] = [module_type]
    waiting = [list(_needed(registered, module_type))]
    while path:
        if waiting[-1]:
            following = waiting[-1].pop(0)
            if following in path:
                circle = [*path[path.index(following) :], following]
                raise DependencyCircular(f"modules need each other in a circle: {' → '.join(circle)}", circle=circle)
            if following not in done:
                path.append(following)
                waiting.append(list(_needed(registered, following)))
            continue
        waiting.pop()
        done.add(path[-1])
        order.append(path.pop())
    return order


def _needed(registered: Mapping[str, ModuleRegistration], module_type: str) -> list[str]:
    dependencies = registered[module_type].dependencies
    faults = [fault for d in dependencies if (fault := fault_of(d, registered.get(d.module_type)))]
    if faults:
        raise DependencyUnmet(
            f"module {module_type!r} cannot start: {'; '.join(faults)}", module=module_type, unmet=faults
        )
    return [d.module_type for d in dependencies]


def fault_of(wanted: ModuleDependency, found: ModuleRegistration | None) -> str | None:
    """Say what is wrong with a dependency, ``None`` when nothing is."""
    if found is None:
        return f"it needs {wanted.module_type!r} {wanted.version}, which is not registered"
    if not satisfies(found.version, wanted.version, own=found.module_type in MODULE_TYPES):
        return f"it needs {wanted.module_type!r} {wanted.version}, registered is {found.version}"
    return None
