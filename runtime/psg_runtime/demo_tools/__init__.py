"""Tools of the example plan ``examples/repo-health.yaml``: they look at a git repository and change nothing."""

from __future__ import annotations

from psg_runtime.demo_tools.findings import collect_details, find_oversized, merge_secrets
from psg_runtime.demo_tools.import_graph import build_import_graph
from psg_runtime.demo_tools.report import build_report
from psg_runtime.demo_tools.source_files import group_files, measure_files
from psg_runtime.demo_tools.suspicious_text import scan_secrets

__all__ = [
    "build_import_graph",
    "build_report",
    "collect_details",
    "find_oversized",
    "group_files",
    "measure_files",
    "merge_secrets",
    "scan_secrets",
]
