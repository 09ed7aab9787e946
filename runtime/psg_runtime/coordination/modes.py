"""The five ways to take turns, as pure decisions: what has to hold before, and who does what next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from psg_runtime.coordination.errors import SessionRefused
from psg_runtime.coordination.model import NO_TURNS, Assignment, Mode, Participant, Table, TurnStep

LEAST_PARTICIPANTS = 2
BY_ROLE: frozenset[Mode] = frozenset(("broadcast", "orchestrated", "swarm"))
"""Modes in which a step that names a role goes to who plays it."""


def check_session(table: Table) -> None:
    """Raise ``SessionRefused`` unless the session can run; asked before anything is dispatched (DD-48, DD-50, DD-55).

    At least two participants (a pair has exactly two), somebody for every step that will be dispatched, and only steps
    that somebody can do.
    """
    mode, number = table.mode, len(table.participants)
    if number < LEAST_PARTICIPANTS or (mode == "pair" and number != LEAST_PARTICIPANTS):
        wanted = "exactly 2 participants" if mode == "pair" else "at least 2 participants"
        raise SessionRefused(f"a session of mode {mode} needs {wanted}, this one has {number}", participants=number)
    steps = to_be_dispatched(table)
    if not steps:
        raise SessionRefused(f"a session of mode {mode} has no step to dispatch")
    for step in steps:
        if step.type in NO_TURNS:
            raise SessionRefused(
                f"step {step.key!r} is of type {step.type}, which is nobody's turn; run its plan without a session",
                step=step.key,
            )
    unmatched = [step for step in steps if mode in BY_ROLE and not _somebody(table, step)]
    if unmatched:
        raise _nobody(table, unmatched)


def to_be_dispatched(table: Table) -> list[TurnStep]:
    """Return the steps that the session will dispatch in its course: of a broadcast those that wait for nothing."""
    if table.mode == "broadcast":
        return [step for step in table.waiting if not step.dependencies]
    return table.waiting


def _somebody(table: Table, step: TurnStep) -> bool:
    if table.of_role(step.agent_role) is not None:
        return True
    return step.agent_role is None and table.mode != "broadcast"


def _nobody(table: Table, steps: Sequence[TurnStep]) -> SessionRefused:
    named = ", ".join(f"{s.key!r} (agent_role {s.agent_role!r})" for s in steps[:10])
    there = ", ".join(p.shown for p in table.participants[:10])
    return SessionRefused(
        f"no participant has the role of step {named}; the participants are {there}; nothing was dispatched",
        steps=[s.key for s in steps[:100]],
    )


def next_turns(table: Table) -> list[Assignment]:
    """Return the turns to be dispatched now, in their order; none while somebody else is to end first.

    It depends on nothing but the table: any process at any time decides the same.
    """
    return _DECIDE[table.mode](table)


def _broadcast(table: Table) -> list[Assignment]:
    """All steps without dependencies, at once; nothing after them (DD-49, DD-50)."""
    if table.turns:
        return []
    return [_by_role(table, step) for step in table.waiting if not step.dependencies]


def _round_robin(table: Table) -> list[Assignment]:
    """One step after the other, in topological order, to ``participants[order_index % n]`` (DD-56)."""
    step = _one_at_a_time(table)
    return [] if step is None else [Assignment(step, table.participants[step.order % len(table.participants)])]


def _pair(table: Table) -> list[Assignment]:
    """One step after the other, in topological order; the two take turns, whoever was not at work last is next."""
    step = _one_at_a_time(table)
    return [] if step is None else [Assignment(step, table.participants[len(table.turns) % LEAST_PARTICIPANTS])]


def _orchestrated(table: Table) -> list[Assignment]:
    """Every step whose dependencies are over, to who plays its role; one without a role to the first participant."""
    return [_by_role(table, step) for step in table.waiting if _unlocked(table, step)]


def _swarm(table: Table) -> list[Assignment]:
    """Whoever is free takes the next open step that fits: who had fewest turns first, then by place."""
    taken = {p.participant_id: 0 for p in table.participants}
    busy: set[str] = set()
    for turn in table.turns:
        if turn.participant in taken:
            taken[turn.participant] += 1
            if not turn.over:
                busy.add(turn.participant)
    found: list[Assignment] = []
    for step in table.waiting:
        free = [p for p in table.participants if p.participant_id not in busy and _plays(table, p, step)]
        if not free or not _unlocked(table, step):
            continue
        chosen = min(free, key=lambda p: taken[p.participant_id])
        busy.add(chosen.participant_id)
        found.append(Assignment(step, chosen))
    return found


def _plays(table: Table, participant: Participant, step: TurnStep) -> bool:
    role = step.agent_role
    return role is None or role in (participant.role_id, participant.role)


def _one_at_a_time(table: Table) -> TurnStep | None:
    if any(not turn.over for turn in table.turns):
        return None
    return next(iter(table.waiting), None)


def _by_role(table: Table, step: TurnStep) -> Assignment:
    participant = table.of_role(step.agent_role)
    if participant is None:
        if step.agent_role is not None or table.mode == "broadcast":
            raise _nobody(table, [step])
        participant = table.participants[0]
    return Assignment(step, participant)


def _unlocked(table: Table, step: TurnStep) -> bool:
    return all(table.over(dependency) for dependency in step.dependencies)


_DECIDE: Mapping[Mode, Callable[[Table], list[Assignment]]] = {
    "broadcast": _broadcast,
    "round_robin": _round_robin,
    "orchestrated": _orchestrated,
    "pair": _pair,
    "swarm": _swarm,
}
