"""The L3 compliance checklist, run against a living platform by the verification each item names (L3-14)."""

from psg_runtime.conformance.checklist import ItemResult, Report, run_checklist

__all__ = ["ItemResult", "Report", "run_checklist"]
