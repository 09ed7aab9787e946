"""Sub-plans: a step that is a plan of its own, with its own trace; no worker waits for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio.to_thread
import orjson

from psg.errors import PsgError, ValidationFailed
from psg_runtime.ael.failures import SubplanCancelled, SubplanFailed
from psg_runtime.ael.port import Action, ActionResult, Parked
from psg_runtime.plan_file import LoadedPlan, load_plan, with_values

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*", re.ASCII)
_SUFFIXES = (".yaml", ".yml", ".json")
_KEYS = frozenset(("plan", "params"))


class SubplanAdapter:
    """``params``: ``plan`` (a plan document, its text, or the name of a template) and ``params`` for that plan.

    ``templates`` is the folder that templates are in (``PSG_PLAN_TEMPLATES``), ``None`` when there are none; ``depth``
    is how many plans may be nested. Parks with the plan to begin; when that has ended the step goes on with
    ``{plan_id, status, outputs}``.
    """

    limiter = None

    def __init__(self, templates: Path | None = None, depth: int = 8) -> None:
        self._templates = templates
        self._depth = depth

    def check(self, name: str, params: Mapping[str, Any]) -> None:
        """Raise ValidationFailed for params that no sub-plan can be made of; placeholders may still be in them."""
        unknown = sorted(set(params) - _KEYS)
        if unknown or "plan" not in params:
            found = f", not {', '.join(unknown)}" if unknown else ""
            raise ValidationFailed(f"A plan step has `plan` and `params`{found}.")
        if not isinstance(params.get("params", {}), (dict, str)):
            raise ValidationFailed("`params` of a plan step maps the parameters of its plan to values.")
        if isinstance(params["plan"], dict):
            self._document(params["plan"])
        elif not isinstance(params["plan"], str):
            raise ValidationFailed("`plan` must be a plan document, its text or the name of a template.")

    async def run(self, action: Action) -> ActionResult | Parked:
        """Park with the plan to begin, or tell what it came to."""
        if action.resumed is not None and action.resumed.get("reason") == "plan":
            return _outcome(action.resumed.get("subplan") or {})
        self.check("plan", action.params)
        wanted = action.params["plan"]
        spec = await anyio.to_thread.run_sync(self._document if isinstance(wanted, dict) else self._text, wanted)
        if spec.approval is not None:
            raise ValidationFailed("A sub-plan begins with its parent: put `approval` on the step, not on its plan.")
        values = action.params.get("params") or {}
        if not isinstance(values, dict):
            raise ValidationFailed("`params` of a plan step maps the parameters of its plan to values.")
        whole = with_values(spec, values)
        template = wanted if isinstance(wanted, str) and _NAME.fullmatch(wanted) else None
        return Parked(plan={"spec": whole.model_dump(mode="json"), "template": template, "depth": self._depth})

    def _document(self, document: Mapping[str, Any]) -> LoadedPlan:
        return load_plan(orjson.dumps(document).decode() + "\n", source="sub-plan")

    def _text(self, text: str) -> LoadedPlan:
        if "\n" in text:
            return load_plan(text, source="sub-plan")
        if self._templates is None:
            raise ValidationFailed(
                f"The plan template {text[:200]!r} cannot be read: PSG_PLAN_TEMPLATES names no folder of templates."
            )
        if not _NAME.fullmatch(text) or text.endswith(_SUFFIXES):
            raise ValidationFailed(f"{text[:200]!r} is no name of a plan template: letters, digits, `_`, `-` and `.`.")
        for suffix in _SUFFIXES:
            path = self._templates / f"{text}{suffix}"
            if path.is_file():
                return load_plan(path, source=path.name)
        raise ValidationFailed(f"There is no plan template {text!r} in PSG_PLAN_TEMPLATES.", template=text)


def _outcome(subplan: Mapping[str, Any]) -> ActionResult:
    if refused := subplan.get("error"):
        return ActionResult(False, error=dict(refused))
    status, plan_id = subplan.get("status"), subplan.get("id")
    if status == "completed":
        return ActionResult(True, {"plan_id": plan_id, "status": status, "outputs": subplan.get("outputs", {})})
    failed = subplan.get("failed", [])
    what = "; ".join(f"{f['key']}: {f['message']}" for f in failed[:3])
    kind: type[PsgError] = SubplanCancelled if status == "cancelled" else SubplanFailed
    raise kind(f"sub-plan {plan_id} {status}" + (f": {what}" if what else ""), plan_id=plan_id, failed=failed)
