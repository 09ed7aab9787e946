"""Plan files: YAML or JSON of the specification's ``OrchestratorPlan`` shape (ORCH-02, ORCH-03)."""

from __future__ import annotations

from psg_runtime.plan_file.document import Document, read_document
from psg_runtime.plan_file.loader import LoadedPlan, load_plan
from psg_runtime.plan_file.parameters import ParameterDeclaration, apply_params, with_values

__all__ = [
    "Document",
    "LoadedPlan",
    "ParameterDeclaration",
    "apply_params",
    "load_plan",
    "read_document",
    "with_values",
]
