"""Every root field's way through the policy: which project its arguments name, the decision, and what is recorded."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from strawberry.types.unset import UNSET

from psg.accounts import AuditRecord
from psg.accounts.model import Outcome
from psg.errors import Denied, Forbidden, Invalid, InvalidId, PsgError, Refused
from psg.model.ids import UUID4
from psg_graphql.connections import MAX_FIRST
from psg_graphql.global_id import parse_global_id
from psg_graphql.policy import (
    NESTED_FIELDS,
    ROOT_FIELDS,
    NoAccess,
    Rule,
    accessible,
    authorize,
    authorize_unbound,
    check_role,
)
from psg_runtime.core_orchestrator.compiling import INVOKE

_IN_PARTS = ("Mutation.importDocuments", "Mutation.restoreSnapshot")
"""What takes several commits: when it fails something may be done."""

if TYPE_CHECKING:
    from psg_graphql.policy import Actor
    from psg_graphql.request_context import RequestContext

RECHECK_S = 1.0
"""How old what is known of a principal may be while a subscription has nothing to tell, in seconds."""

_MOST_HIDDEN = 5
"""Projects of one field that are each recorded as hidden: a request with many is one guess, not many."""


def projects_named(rule: Rule, arguments: Mapping[str, Any]) -> list[str]:
    """Return the ids of the projects that a field's arguments name, each once; raises ``InvalidId``."""
    found: dict[str, None] = {}
    for path in rule.paths:
        name, _, kind = path.partition(":")
        bare = kind == "project" or name.endswith("project_id")
        for text in values_at(arguments, name.split(".")):
            found[_project_in(text, name, bare=bare)] = None
    return list(found)


def values_at(value: Any, names: Sequence[str]) -> Iterator[str]:
    """Yield the texts at a path through arguments, inputs and lists; nothing where there is nothing."""
    if value is None or value is UNSET:
        return
    if isinstance(value, list | tuple):
        for item in value:
            yield from values_at(item, names)
    elif not names:
        yield str(value)
    else:
        inner = value.get(names[0]) if isinstance(value, Mapping) else getattr(value, names[0], None)
        yield from values_at(inner, names[1:])


def _project_in(text: str, path: str, *, bare: bool) -> str:
    if bare and UUID4.fullmatch(text):
        return text
    return parse_global_id(text, _told(path)).project_id


def _told(path: str) -> str:
    """The name of an argument as callers know it."""
    first, *others = path.rpartition(".")[2].split("_")
    return first + "".join(word.title() for word in others)


def decide(principal: Actor, rule: Rule, arguments: Mapping[str, Any]) -> str | None:
    """Let ``principal`` ask a root field with these arguments, or raise; returns the project that it is about.

    Raises as ``authorize``, and ``Forbidden`` for arguments that name several projects.
    """
    if not principal.authenticated or principal.grants is None:
        authorize(principal, rule.action, rule.resource)
        return None
    projects = projects_named(rule, arguments)
    if not projects:
        authorize_unbound(principal, rule)
        return None
    for project_id in projects:
        authorize(principal, rule.action, rule.resource, project_id)
    if len(projects) > 1:
        raise Forbidden("the arguments name several projects; a command is about one", projects=sorted(projects))
    if rule.action == "approve":
        for role in values_at(arguments, ("input", "role")):
            check_role(principal, projects[0], role)
    return projects[0]


async def admit(context: RequestContext, field: str, arguments: Mapping[str, Any]) -> str | None:
    """Let a root field such as ``Mutation.startPlan`` be resolved, or raise what says why not.

    What is denied, and what is done by privilege, is recorded before this returns; it returns what ``record_outcome``
    is told of the latter. A field that the table lacks is forbidden to everybody. Who is not restricted costs a look
    into the table.
    """
    rule = ROOT_FIELDS.get(field)
    if rule is None:
        raise Forbidden(f"{field} has no entry in the policy table", field=field)
    try:
        principal = await context.current()
        decide(principal, rule, arguments)
    except Denied as denied:
        await record_denial(context, field, rule, arguments, denied)
        raise
    if rule.each and principal.grants is not None:
        await _record_hidden(context, field, rule, arguments)
    if not rule.privileged or (rule.in_person and principal.method == "none"):  # the project's log names who decided
        return None
    if context.accounts is None:
        return None
    return await context.accounts.begin(_audit(context, field, rule, arguments, "allowed"))


async def judge_again(
    context: RequestContext, field: str, arguments: Mapping[str, Any], max_age_s: float = 0.0
) -> None:
    """Judge what goes on for a while by what was granted ``max_age_s`` seconds ago or later.

    Raises ``Denied``, which whoever resolves the field records.
    """
    if context.changeable:
        decide(await context.refreshed(max_age_s), ROOT_FIELDS[field], arguments)


async def admit_nested(context: RequestContext, field: str, arguments: Mapping[str, Any]) -> None:
    """Let a field below the roots that takes ids be resolved, such as ``Capability.usedBy``; raises ``Denied``."""
    rule = NESTED_FIELDS[field]
    try:
        decide(context.actor, rule, arguments)
    except Denied as denied:
        await record_denial(context, field, rule, arguments, denied)
        raise


def check_plan(principal: Actor, project_id: str, text: str) -> None:
    """Refuse early a plan, or step, as JSON text that calls operations of modules by itself; raises ``Forbidden``.

    The engine refuses such a call when it comes to the step, however the step came into the plan (see
    ``psg.workflows.invocations``); here its author hears of it before anything is stored.
    """
    if principal.grants is not None and INVOKE in text:
        authorize(principal, "administer", INVOKE, project_id)


async def still_allowed(context: RequestContext, resource: str, project_id: str | None) -> None:
    """Look once a second whether who listens may still read in a project; raises ``Denied``."""
    if context.changeable:
        authorize(await context.refreshed(RECHECK_S), "read", resource, project_id)


async def record_denial(
    context: RequestContext, field: str, rule: Rule, arguments: Mapping[str, Any], denied: Denied,
    begun: str | None = None,
) -> None:  # fmt: skip
    """Keep that a field was denied; the same in the same minute is counted."""
    await record(context, _audit(context, field, rule, arguments, "denied", denied.code), begun)


async def record_outcome(
    context: RequestContext, field: str, arguments: Mapping[str, Any], error: PsgError, begun: str | None = None
) -> None:
    """Keep that a resolver denied something, or that what privilege was used for failed.

    Where that certainly changed nothing it takes the place of what ``admit`` kept (``begun``): failing fills no disk.
    """
    rule = ROOT_FIELDS[field]
    if field in _IN_PARTS or not isinstance(error, Denied | Invalid | Refused):
        begun = None
    if isinstance(error, Denied):
        await record_denial(context, field, rule, arguments, error, begun)
    elif rule.privileged:
        failed = _audit(context, field, rule, arguments, "failed", error.code)
        with contextlib.suppress(PsgError):  # that it was begun is kept already
            await record(context, failed, begun)


def _audit(
    context: RequestContext,
    field: str,
    rule: Rule,
    arguments: Mapping[str, Any],
    outcome: Outcome,
    reason: str | None = None,
) -> AuditRecord:
    actor = context.actor
    try:
        project_id = next(iter(projects_named(rule, arguments)), None)
    except InvalidId:
        project_id = None
    details = {"action": rule.action, "resource": rule.resource}
    if actor.who != actor.name:
        details["subject"] = actor.who
    return AuditRecord(actor.name, field, outcome, project_id, actor.token_id, _request_id(), reason, details)


async def record(context: RequestContext, audit: AuditRecord, begun: str | None = None) -> None:
    """Keep an audit record, instead of ``begun``. A denial stays one when the database does not answer."""
    if context.accounts is None:
        return
    try:
        if begun is None:
            await context.accounts.record(audit)
        else:
            await context.accounts.undone(audit, begun)
    except PsgError as error:
        if audit.outcome != "denied":
            raise
        structlog.get_logger().warning("denial_not_recorded", act=audit.act, code=error.code)


async def _record_hidden(context: RequestContext, field: str, rule: Rule, arguments: Mapping[str, Any]) -> None:
    """Record ids of other projects, which the field answers like ids of nothing."""
    open_to = accessible(context.actor)
    if open_to is None:
        return
    for path in rule.each:
        texts = list(itertools.islice(values_at(arguments, path.split(".")), MAX_FIRST + 1))
        if len(texts) > MAX_FIRST:
            return  # the resolver refuses them before it reads any
        hidden: dict[str, str] = {}
        for text in texts:
            with contextlib.suppress(InvalidId):  # the resolver says so
                hidden.setdefault(parse_global_id(text, path).project_id, text)
        closed = [text for project_id, text in hidden.items() if project_id not in open_to]
        for text in closed[:_MOST_HIDDEN]:
            rule_of_one = Rule(rule.action, rule.resource, (path,))
            await record_denial(context, field, rule_of_one, {path: text}, NoAccess("hidden"))


def _request_id() -> str | None:
    found = structlog.contextvars.get_contextvars().get("request_id")
    return found if isinstance(found, str) else None
