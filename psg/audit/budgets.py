"""Whether the accounts of budgets add up: a step's by its events, a plan's by its steps, a project's by its plans."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from psg.audit.facts import Facts, Finding
from psg.budgets.amounts import DIMENSIONS, Amounts
from psg.model.cipher import PayloadUnreadable
from psg.model.codec import cipher, loads

Row = dict[str, Any]
Read = Callable[..., Awaitable[list[Row]]]
DEBITED = "budget_debited"


async def read_accounts(read: Read, facts: Sequence[Facts]) -> None:
    """Read, for the project among ``facts``, what its head says and what its plans come to."""
    for project in (f for f in facts if f.label == "Project"):
        for row in await read("audit_account"):
            project.account = row


def check_budget(facts: Facts) -> Iterator[Finding]:
    """Compare what a step, a plan or a project has spent with what that is the sum of."""
    if facts.label == "Step":
        yield from _check_step(facts)
    elif facts.label == "Plan" and facts.steps is not None:
        yield from _differences("its steps", _spent(facts.props), _spent(facts.steps))
    elif facts.label == "Project" and facts.account is not None:
        yield from _differences("its plans", _spent(facts.account["head"]), _spent(facts.account["plans"]))


def _check_step(facts: Facts) -> Iterator[Finding]:
    """For a step that is older than a log which retention cut: no less was spent than the events say that are left."""
    spent, told = _spent(facts.props), dict.fromkeys(DIMENSIONS, 0)
    debited = [e for e in facts.row["events"] if e["type"] == DEBITED and e["seq"] > facts.cut]
    try:
        for event in debited:
            used = loads(event["changes"])["event"]["payload"]["used"]
            told = {d: told[d] + used[d] for d in DIMENSIONS}
    except PayloadUnreadable:
        if cipher() is not None:  # without a key nobody can tell; with it, it is not what was written
            yield "budget", f"event {event['seq']}, which tells what it spent, cannot be decrypted"
        return
    except (KeyError, TypeError, ValueError):
        yield "budget", f"event {event['seq']} does not say what was spent"
        return
    whole = facts.cut == 0 or (facts.complete and facts.begin is None)
    counted = told if whole else {d: max(spent[d], told[d]) for d in DIMENSIONS}
    yield from _differences("its events" if whole else "its events since the log was cut", spent, counted)


def _spent(row: Mapping[str, Any]) -> Amounts:
    return {d: row.get(f"spent_{d}") or 0 for d in DIMENSIONS}


def _differences(of: str, spent: Amounts, counted: Amounts) -> Iterator[Finding]:
    wrong = [f"{d} {spent[d]} instead of {counted[d]}" for d in DIMENSIONS if spent[d] != counted[d]]
    if wrong:
        yield "budget", f"what it spent is not what {of} come to: {', '.join(wrong)}"
