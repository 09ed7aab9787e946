"""Drift between the graph and the files, directories and git refs it knows: detected and reconciled (L3-48 … L3-55)."""

from psg_runtime.drift.files import FileTree
from psg_runtime.drift.git import Merge, Refs, merge
from psg_runtime.drift.monitor import DriftMonitor
from psg_runtime.drift.reconciling import Outcome
from psg_runtime.drift.scanning import ScanReport

__all__ = ["DriftMonitor", "FileTree", "Merge", "Outcome", "Refs", "ScanReport", "merge"]
