"""Namespaces by bubblewrap, for machines that permit them to that program only; the rest is the native sandbox's."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psg_runtime.sandbox.errors import SandboxUnavailable
from psg_runtime.sandbox.file_layout import SCRATCH, interpreter_paths, layout
from psg_runtime.sandbox.native import NativeProgram, NativeSandbox
from psg_runtime.sandbox.platform_facts import Facts, bubblewrap_refusal, facts_of_this_machine
from psg_runtime.sandbox.port import FileView, Limits


@dataclass
class BubblewrapSandbox:
    """Keeps limits by ``bwrap`` (``program``), which starts our launcher inside."""

    program: str = "bwrap"
    facts: Facts | None = None
    name: str = "bubblewrap"

    def missing(self, limits: Limits) -> tuple[str, ...]:
        facts = self.facts or facts_of_this_machine()
        refused = facts.bubblewrap if self.program == "bwrap" else bubblewrap_refusal(self.program)
        if refused is not None:
            return limits.asked()
        # Namespaces come from bubblewrap: what our own would give is what there is.
        have = Facts(facts.system, facts.landlock, facts.call_filter, None).with_namespaces()
        return tuple(name for name in limits.asked() if name not in have)

    async def start(
        self, program: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits
    ) -> NativeProgram:
        if lacking := self.missing(limits):
            raise SandboxUnavailable(f"bubblewrap cannot enforce {', '.join(lacking)} here.", missing=list(lacking))
        facts = Facts("linux", 7, None, None, None)
        inner = NativeSandbox(False, facts=facts, prefix=tuple(self._command(program, limits)))
        return await inner.start(program, argv, cwd=cwd, env=env, limits=limits)

    def _command(self, program: str, limits: Limits) -> list[str]:
        found = shutil.which(self.program) or self.program
        command = [found, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
        command += ["--die-with-parent", "--cap-drop", "ALL"]
        if not limits.network:
            command.append("--unshare-net")
        if limits.files is None:
            return [*command, "--bind", "/", "/", "--proc", "/proc", "--"]
        # The launcher runs inside and needs its own interpreter; rules of the kernel keep it from the program.
        read = (*limits.files.read, *interpreter_paths(), Path(__file__).parent)
        view = FileView(read, limits.files.write)
        files: dict[str, Any] = layout(view, program, scratch_bytes=0, build=False, others=True)
        size = min((b for b in (limits.disk_bytes, limits.memory_bytes) if b is not None), default=64 * 1024**2)
        command += ["--dev", "/dev", "--proc", "/proc"]
        for place in SCRATCH:
            command += ["--size", str(size), "--tmpfs", place]
        places = {**dict.fromkeys(files["read"], "--ro-bind"), **dict.fromkeys(files["write"], "--bind")}
        for path in sorted({*places, *files["links"]}, key=lambda path: path.count("/")):
            if path in places:
                command += [places[path], path, path]
            else:
                command += ["--symlink", files["links"][path], path]
        return [*command, "--remount-ro", "/", "--"]
