"""The program that starts a sandboxed program: reads what to do from a file, writes what came of it into another.

Three processes: the launcher (our caller's child) makes the namespaces; the keeper is the first process in them, sets
the files up, watches, and takes everything with it when it ends; the target confines itself and becomes the program.
Where namespaces are not to be had, launcher and keeper are one process that adopts orphans and ends them one by one.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from . import call_filter, file_view, landlock, watch
from . import system_calls as calls

_FIRST_INTERVAL, _INTERVAL, _FIRST_SECONDS = 0.005, 0.02, 0.5
_GRACE_SECONDS = 1.0  # between asking the target to end and ending it
_SEALED = 90  # exit code of a launcher whose answer is in the report
_WATCHED_SIGNALS = {signal.SIGCHLD, signal.SIGTERM}
_RESOURCES = {
    "file_bytes": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
}

Report = dict[str, Any]


def main(plan_descriptor: int, report_descriptor: int) -> NoReturn:
    """Do what the plan says; the exit code means nothing, the report everything."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED_SIGNALS)
    calls.die_with_parent(signal.SIGTERM)
    with suppress(OSError):  # who watches must not be starved by who is watched; not everybody may do so
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with os.fdopen(plan_descriptor, "rb") as file:
        plan = json.load(file)
    if plan["parent"] is not None and os.getppid() != plan["parent"]:
        os._exit(_SEALED)  # whoever started us is gone already
    try:
        if os.geteuid() == 0:
            with suppress(PermissionError):
                os.setgroups([])
        # Opened before the program's root hides it.
        cgroup = os.open(plan["cgroup"], os.O_WRONLY | os.O_CLOEXEC) if plan["cgroup"] else None
        if plan["namespaces"]:
            outcome = _in_namespaces(plan, report_descriptor, cgroup)
        else:
            outcome = _keep(plan, watch.descendants, cgroup)
    except BaseException as error:
        outcome = _failure(error)
    if outcome is not None:
        _write(report_descriptor, outcome)
    os._exit(_SEALED)


def _failure(error: BaseException) -> Report:
    number = error.errno if isinstance(error, OSError) else None
    return {"failed": f"{type(error).__name__}: {error}", "errno": number}


def _write(descriptor: int, report: Report) -> None:
    os.pwrite(descriptor, json.dumps(report).encode(), 0)


# --- with namespaces ---


def _in_namespaces(plan: Mapping[str, Any], report_descriptor: int, cgroup: int | None) -> Report | None:
    """Start the keeper in new namespaces and wait for it; it writes the report."""
    user, group = os.geteuid(), os.getegid()
    flags = calls.CLONE_NEWUSER | calls.CLONE_NEWPID | calls.CLONE_NEWNS | calls.CLONE_NEWIPC | calls.CLONE_NEWUTS
    calls.unshare(flags if plan["network"] else flags | calls.CLONE_NEWNET)
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    calls.die_with_parent(signal.SIGTERM)  # new credentials have cleared it
    alive, ours = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(ours)
        _be_keeper(plan, report_descriptor, alive, cgroup)
    _let_go_of_streams()
    while True:
        with suppress(InterruptedError):
            received = signal.sigwaitinfo(_WATCHED_SIGNALS)
            if received.si_signo == signal.SIGTERM:
                os.kill(keeper, signal.SIGTERM)
        # It cannot be waited for before every process of its namespace is gone.
        ended, _ = os.waitpid(keeper, os.WNOHANG)
        if ended:
            return None


def _be_keeper(plan: Mapping[str, Any], report_descriptor: int, alive: int, cgroup: int | None) -> NoReturn:
    try:
        calls.die_with_parent(signal.SIGKILL)
        os.set_blocking(alive, False)
        with suppress(BlockingIOError):
            if os.read(alive, 1) == b"":
                os._exit(_SEALED)  # the launcher went before we could ask to go with it
        if plan["files"] is not None and plan["files"]["build"]:
            file_view.build(plan["files"])
        else:
            file_view.processes_of_this_namespace()
        outcome = _keep(plan, watch.everybody_else, cgroup)
    except BaseException as error:
        outcome = _failure(error)
    _write(report_descriptor, outcome)
    os._exit(_SEALED)  # and with the first process of a namespace all others


# --- the keeper ---


def _keep(plan: Mapping[str, Any], members: Callable[[], list[int]], cgroup: int | None) -> Report:
    """Start the target, watch it to its end, end what it left behind (without namespaces one by one)."""
    alone = not plan["namespaces"]
    if alone:
        calls.become_subreaper()
    read_end, write_end = os.pipe()
    target = os.fork()
    if target == 0:
        _be_target(plan, write_end, cgroup)
    os.close(write_end)
    _let_go_of_streams()
    calls.hide_memory()
    try:
        with os.fdopen(read_end, "rb") as file:
            refusal = file.read()
        if refusal:
            return json.loads(refusal)
        return _watch(plan, target, members)
    finally:
        if alone:
            _end_descendants()
            _remove(plan["remove"])


def _watch(plan: Mapping[str, Any], target: int, members: Callable[[], list[int]]) -> Report:
    files = plan["files"]
    watching = watch.Watch(
        plan["limits"],
        members,
        folders=files["write"] if files else (),
        scratch=_scratch(files),
        started=plan["started"],
    )
    started, ends_at = time.monotonic(), float("inf")
    while True:
        early = time.monotonic() - started < _FIRST_SECONDS
        received = signal.sigtimedwait(_WATCHED_SIGNALS, _FIRST_INTERVAL if early else _INTERVAL)
        if received is not None and received.si_signo == signal.SIGTERM:
            with suppress(ProcessLookupError):
                os.killpg(target, signal.SIGTERM)
            ends_at = min(ends_at, time.monotonic() + _GRACE_SECONDS)
        status = _reap(target)
        if status is not None:
            return _ending(status) | {"peak": watching.peak}
        if time.monotonic() > ends_at:
            return {"exit_code": -signal.SIGKILL, "peak": watching.peak}
        if exceeded := watching.exceeded():
            return {"exit_code": -signal.SIGKILL, "exceeded": exceeded, "peak": watching.peak}


def _scratch(files: Mapping[str, Any] | None) -> list[str]:
    """Where memory is mounted that the program can write to."""
    if files is None or not files["own_root"]:
        return []
    return ["/"] if files["build"] else files["scratch"]


def _reap(target: int) -> int | None:
    """Wait for whoever has ended; the status of the target when it is among them."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if process == target:
            return status
        if process == 0:
            return None


def _ending(status: int) -> Report:
    return {"exit_code": os.waitstatus_to_exitcode(status)}


def _end_descendants() -> None:
    """Kill until nobody is left; stopped first, so that nobody forks faster than we kill."""
    while found := watch.descendants():
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in found:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(process, number)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        signal.sigtimedwait({signal.SIGCHLD}, _FIRST_INTERVAL)


def _remove(folder: str | None) -> None:
    """Remove the folder for temporary files, whether or not somebody is left who would."""
    if folder is not None:
        import shutil  # only here: it takes longer to import than all the rest

        shutil.rmtree(folder, ignore_errors=True)


def _let_go_of_streams() -> None:
    """The streams are the target's: whoever reads them must see it close them."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


# --- the target ---


def _be_target(plan: Mapping[str, Any], refusals: int, cgroup: int | None) -> NoReturn:
    stage = "confine"
    try:
        os.setsid()
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        calls.die_with_parent(signal.SIGKILL)
        if cgroup is not None:
            os.write(cgroup, b"0")
        _limit(plan)
        os.chdir(plan["cwd"])
        os.umask(0o022)
        _confine(plan)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        # The pipe for refusals closes by itself when the program starts.
        os.closerange(3, refusals)
        os.closerange(refusals + 1, refusals + 4096)
        stage = "start"
        os.execve(os.fsencode(plan["program"]), [os.fsencode(a) for a in plan["argv"]], _environment(plan["env"]))
    except BaseException as error:
        with suppress(OSError):
            os.write(refusals, json.dumps({**_failure(error), "stage": stage}).encode())
    os._exit(_SEALED)


def _environment(given: Mapping[str, str]) -> dict[bytes, bytes]:
    return {os.fsencode(name): os.fsencode(value) for name, value in given.items()}


def _limit(plan: Mapping[str, Any]) -> None:
    limits = plan["limits"]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, kind in _RESOURCES.items():
        if (limit := limits.get(name)) is not None:
            _lower(kind, limit)
    if (memory := limits.get("memory")) is not None:
        _lower(resource.RLIMIT_DATA, memory)
    if (seconds := limits.get("cpu_seconds")) is not None:
        whole = int(-(-seconds // 1))
        _lower(resource.RLIMIT_CPU, whole, whole + 1)
    if (processes := limits.get("processes")) is not None:
        # The watch stops at the limit and says so; this only bounds what can happen between two looks. In a namespace
        # of its own a user has only these, else all of the user's count.
        others = 0 if plan["namespaces"] else watch.tasks_of(os.getuid())
        _lower(resource.RLIMIT_NPROC, others + 2 * processes + 64)
    if plan["processors"]:
        os.sched_setaffinity(0, plan["processors"])


def _lower(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, or keep what is in force where that is lower already."""
    _, present = resource.getrlimit(kind)
    most = soft if hard is None else hard
    if present != resource.RLIM_INFINITY:
        most = min(most, present)
    resource.setrlimit(kind, (min(soft, most), most))


def _confine(plan: Mapping[str, Any]) -> None:
    files = plan["files"]
    calls.drop_capabilities()
    calls.no_new_privileges()
    if landlock.version():
        if files is None:
            landlock.restrict(None, network=plan["network"])
        else:
            listed = ("/",) if files["own_root"] else ()  # what is in it was put there to be seen
            read = (*files["read"], *(("/proc",) if files["own_root"] else ()))
            write = (*files["write"], *files["scratch"])
            landlock.restrict(read, write, file_view.DEVICES, listed, network=plan["network"])
    if call_filter.supported():
        attributes = files is None or files["own_root"]  # read-only mounts keep them as well
        call_filter.install(sockets=plan["sockets"], one_process=plan["one_process"], attributes=attributes)
