"""The policy as tables of docs/authorization.md: ``python -m psg_graphql.policy_tables`` writes them there."""

from __future__ import annotations

from pathlib import Path

from psg_graphql.policy import PERMITS, ROOT_FIELDS, Rule

TARGET = Path(__file__).parents[2] / "docs" / "authorization.md"
BEGIN, END = "<!-- from the policy: python -m psg_graphql.policy_tables -->", "<!-- end -->"
_ACTIONS = ("read", "create", "update", "operate", "record", "work", "approve", "delete", "administer", "query")
_WHERE = {"platform": "everywhere (`*`)", "members": "any project", "anyone": "nothing: authenticated is enough"}


def tables() -> str:
    """Return both tables as Markdown: what each role may do, and what each root field takes."""
    lines = [f"| | {' | '.join(_ACTIONS)} |", f"| --- |{' :-: |' * len(_ACTIONS)}"]
    for role, may in PERMITS.items():
        lines.append(f"| `{role}` | {' | '.join('x' if action in may else '' for action in _ACTIONS)} |")
    lines += ["", "| action | where granted | root fields |", "| --- | --- | --- |"]
    groups: dict[tuple[str, str], list[str]] = {}
    for field, rule in ROOT_FIELDS.items():
        name = field.partition(".")[2] + (" (live)" if field.startswith("Subscription") else "")
        groups.setdefault((rule.action, _where(rule)), []).append(f"`{name}`" + ("*" if rule.privileged else ""))
    for action, where in sorted(groups, key=lambda group: (_ACTIONS.index(group[0]), group[1])):
        lines.append(f"| {action} | {where} | {' '.join(groups[action, where])} |")
    return "\n".join(lines)


def _where(rule: Rule) -> str:
    if rule.paths:
        return "the project named" if rule.unbound == "platform" else f"the project named; none: {_WHERE[rule.unbound]}"
    return "the project of each id" if rule.each or rule.foreign else _WHERE[rule.unbound]


def written(document: str) -> str:
    """Return a document with the tables of now between its marks."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    TARGET.write_text(written(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
