"""A container for each program, where Docker answers: for systems whose kernel has no limits of its own to use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import anyio
import anyio.abc

from psg_runtime.sandbox.errors import SandboxFailed, SandboxUnavailable
from psg_runtime.sandbox.file_layout import SYSTEM_PATHS, interpreter_paths
from psg_runtime.sandbox.native import Reservations
from psg_runtime.sandbox.platform_facts import Facts, facts_of_this_machine
from psg_runtime.sandbox.port import MECHANISMS, Limits, Outcome

_END_SECONDS = 15
_NOT_STARTED = 125
_CLIENT_VARIABLES = (
    "PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY",
)  # fmt: skip


@dataclass
class ContainerSandbox:
    """Keeps limits by ``docker run`` with an image that holds the programs; nothing is pulled."""

    image: str | None
    program: str = "docker"
    reservations: Reservations = field(default_factory=Reservations)
    facts: Facts | None = None
    name: str = "container"

    def missing(self, limits: Limits) -> tuple[str, ...]:
        facts = self.facts or facts_of_this_machine()
        if self.image is None or facts.container is not None:
            return limits.asked()
        have = set(MECHANISMS)
        if limits.disk_bytes is not None and limits.files is not None and limits.files.write:
            have.discard("file_size")  # Docker bounds single files, not what is written into a folder of the host
        return tuple(name for name in limits.asked() if name not in have)

    async def start(
        self, program: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits
    ) -> ContainerProgram:
        if lacking := self.missing(limits):
            raise SandboxUnavailable(f"A container cannot enforce {', '.join(lacking)} here.", missing=list(lacking))
        name = f"psg-{uuid4().hex}"
        command = self.command(name, argv, cwd=cwd, env=env, limits=limits)
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**env, **_client_environment()},
                start_new_session=True,
            )
        return ContainerProgram(self.program, name, process)

    def command(
        self, name: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limits: Limits
    ) -> list[str]:
        """The command of the Docker client; values of variables are in its environment, not in its arguments."""
        options = ["--name", name, "--interactive", "--init", "--pull", "never", "--workdir", str(cwd)]
        options += ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--log-driver", "none"]
        if not limits.network:
            options += ["--network", "none"]
        if limits.memory_bytes is not None:
            options += ["--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes)]
            options += ["--memory-reservation", str(self.reservations.memory_bytes or limits.memory_bytes)]
        if limits.cpus is not None:
            options += ["--cpus", str(limits.cpus), "--cpu-shares", str(max(2, round(self.reservations.cpus * 1024)))]
        if limits.processes is not None:
            options += ["--pids-limit", str(limits.processes)]
        for kind, limit in (("fsize", limits.file_bytes), ("nofile", limits.open_files), ("core", 0)):
            options += ["--ulimit", f"{kind}={limit}"] if limit is not None else []
        if limits.cpu_seconds is not None:
            options += ["--ulimit", f"cpu={-int(-limits.cpu_seconds // 1)}"]
        size = min((b for b in (limits.disk_bytes, limits.memory_bytes) if b is not None), default=64 * 1024**2)
        options += ["--tmpfs", f"/tmp:rw,nosuid,nodev,size={size}"]
        for variable in sorted(set(env) - set(_CLIENT_VARIABLES)):  # paths of this machine mean nothing in the image
            options += ["--env", variable]
        given = () if limits.files is None else limits.files.read
        own = {*SYSTEM_PATHS, *interpreter_paths()}  # the image has its own
        for path in given:
            options += [] if path in own else ["--mount", f"type=bind,src={path},dst={path},readonly"]
        for path in (Path("/"),) if limits.files is None else limits.files.write:
            options += ["--mount", f"type=bind,src={path},dst={path}"] if path != Path("/") else []
        program = "python3" if argv[0] == sys.executable else argv[0]
        return [self.program, "run", *options, str(self.image), program, *argv[1:]]


class ContainerProgram:
    """A program in a container; the container is looked at and removed at the end."""

    def __init__(self, client: str, name: str, process: anyio.abc.Process) -> None:
        self.process = process
        self._client = client
        self._name = name
        self._out_of_memory = False

    async def end(self) -> None:
        with anyio.CancelScope(shield=True):
            self._out_of_memory = await self._ask("inspect", "--format", "{{.State.OOMKilled}}", self._name) == "true"
            await self._ask("rm", "--force", self._name)
            if self.process.returncode is None:
                with suppress(ProcessLookupError):
                    self.process.kill()
            await self.process.wait()
            await self.process.aclose()

    async def _ask(self, *arguments: str) -> str:
        with anyio.move_on_after(_END_SECONDS):
            done = await anyio.run_process([self._client, *arguments], check=False)
            return done.stdout.decode("utf-8", "replace").strip()
        return ""

    def outcome(self) -> Outcome:
        code = self.process.returncode
        assert code is not None
        if code == _NOT_STARTED:
            raise SandboxFailed("Docker did not start the container (see the program's stderr).")
        exceeded = {"resource": "memory", "limit": None, "used": None} if self._out_of_memory else None
        return Outcome(128 - code if code > 128 else code, exceeded)


def _client_environment() -> dict[str, str]:
    """What the Docker client itself needs to find its server."""
    return {name: os.environ[name] for name in _CLIENT_VARIABLES if name in os.environ}
