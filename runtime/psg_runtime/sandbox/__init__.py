"""Sandboxes: the operating system keeps programs and code of plans within limits (DD-30, DD-31, DD-32)."""

from __future__ import annotations

from psg_runtime.sandbox.errors import CodeFailed, CodeRefused, ResourceExceeded, SandboxFailed, SandboxUnavailable
from psg_runtime.sandbox.platform_facts import Facts, facts_of_this_machine
from psg_runtime.sandbox.port import MECHANISMS, FileView, Limits, Outcome, Sandbox
from psg_runtime.sandbox.running import exceeded, refused_resource, run_confined
from psg_runtime.sandbox.selection import Sandboxing, SandboxSettings, report
from psg_runtime.sandbox.streams import Capture, communicate

__all__ = [
    "MECHANISMS",
    "Capture",
    "CodeFailed",
    "CodeRefused",
    "Facts",
    "FileView",
    "Limits",
    "Outcome",
    "ResourceExceeded",
    "Sandbox",
    "SandboxFailed",
    "SandboxSettings",
    "SandboxUnavailable",
    "Sandboxing",
    "communicate",
    "exceeded",
    "facts_of_this_machine",
    "refused_resource",
    "report",
    "run_confined",
]
