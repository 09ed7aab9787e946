"""Runs the code of a ``code.run`` step in an interpreter of its own; standard library only, never imported by us.

Reads {source, params, max_logs, max_log_chars} as JSON from stdin; writes one JSON object per line: {"log": …} for each
message and at last {"result": …} or {"error": {kind, type, message, line}}. That the code finds no modules and no
interpreter internals is for clear messages; what keeps it in is the sandbox around this process.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Callable
from types import FunctionType

FRAMES = frozenset(
    {
        "gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "cr_await", "cr_origin", "ag_frame", "ag_code",
        "ag_await", "f_back", "f_builtins", "f_code", "f_globals", "f_locals", "f_trace", "tb_frame", "tb_next",
        "tb_lasti", "format", "format_map", "mro", "obj",
    }
)  # fmt: skip
NAMES = (
    "abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "complex", "dict", "divmod",
    "enumerate", "filter", "float", "frozenset", "hash", "hex", "int", "isinstance", "iter", "len", "list", "map",
    "max", "min", "next", "oct", "ord", "pow", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str",
    "sum", "tuple", "zip",
    "ArithmeticError", "AssertionError", "AttributeError", "Exception", "IndexError", "KeyError", "LookupError",
    "NotImplementedError", "OverflowError", "RuntimeError", "StopIteration", "TypeError", "UnicodeError", "ValueError",
    "ZeroDivisionError",
)  # fmt: skip
STATEMENTS = {
    ast.Import: "import", ast.ImportFrom: "import", ast.ClassDef: "class", ast.AsyncFunctionDef: "async",
    ast.AsyncFor: "async", ast.AsyncWith: "async", ast.Await: "await", ast.With: "with",
}  # fmt: skip
HARMLESS_EVENTS = frozenset(("sys.unraisablehook", "sys.excepthook", "builtins.id", "array.__new__"))


class Refused(Exception):
    """The code uses what it cannot use."""


class Misuse(ValueError):
    """Our own functions were called in a wrong way."""


def check(tree: ast.AST) -> None:
    """Raise Refused for what leads out of plain computing; a convenience, not the boundary."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        for kind, word in STATEMENTS.items():
            if isinstance(node, kind):
                raise Refused(f"line {line}: `{word}` is not available")
        attributes = [node.attr] if isinstance(node, ast.Attribute) else getattr(node, "kwd_attrs", [])
        for name in attributes:
            if name.startswith("_") or name in FRAMES:
                raise Refused(f"line {line}: the attribute `{name}` is not available")
        for name in names_of(node):
            if name.startswith("__"):
                raise Refused(f"line {line}: the name `{name}` is not available")


def names_of(node: ast.AST) -> list[str]:
    """The names a node reads or binds."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return list(node.names)
    if isinstance(node, (ast.arg, ast.keyword)):
        return [node.arg] if node.arg else []
    found = getattr(node, "name", None)  # functions, handlers, patterns
    return [found] if isinstance(found, str) else []


def emit(value: dict) -> None:
    """Write one line, whole."""
    data = json.dumps(value, allow_nan=False).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def api(given: dict) -> dict:
    """The names that the code has beside plain functions: params, log, result."""
    box: dict = {"logged": 0, "dropped": 0}

    def log(message: object, **data: object) -> None:
        if box["logged"] >= given["max_logs"]:
            box["dropped"] += 1
            return
        box["logged"] += 1
        entry: dict = {"message": str(message)[: given["max_log_chars"]]}
        if data:
            try:
                text = json.dumps(data, allow_nan=False)
            except (TypeError, ValueError):
                raise Misuse("the data of log() are not JSON") from None
            entry["data"] = json.loads(text) if len(text) <= given["max_log_chars"] else "too long"
        emit({"log": entry})

    def result(value: object) -> None:
        box["value"] = value

    return {"params": given["params"], "log": log, "result": result, "box": box}


def lines_of(error: BaseException) -> list[int]:
    """The lines from the top of the code to where the error was raised."""
    lines, place = [], error.__traceback__
    while place is not None:
        lines.append(place.tb_lineno)
        place = place.tb_next
    return lines[1:]


def guarded() -> Callable[[], None]:
    """A function after whose call nothing is opened, imported, started or looked into by way of the interpreter."""

    def guard(event: str, _: tuple) -> None:
        if closed and event not in HARMLESS_EVENTS:
            raise RuntimeError(f"{event} is not available")

    closed: list = []
    sys.addaudithook(guard)
    return lambda: closed.append(True)


def run(given: dict) -> dict:
    """Check, compile and execute the code; the last line to write."""
    names = api(given)
    box = names.pop("box")
    try:
        tree = ast.parse(given["source"], "<code>", "exec")
        check(tree)
        compiled = compile(tree, "<code>", "exec")
    except (SyntaxError, Refused, ValueError, RecursionError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
        return failure("refused", error, where, None)
    plain = __import__("builtins").__dict__
    scope = {**names, "__builtins__": {name: plain[name] for name in NAMES if name in plain}}
    given_result = names["result"]
    program = FunctionType(compiled, scope)  # executing code is an event, calling a function is none
    guarded()()
    try:
        program()
    except MemoryError as error:
        return failure("memory", error, "no more memory", None)
    except BaseException as error:
        lines = lines_of(error)
        line = lines[-2] if isinstance(error, Misuse) and len(lines) > 1 else lines[-1] if lines else None
        return failure("failed", error, str(error), line)
    value = box.get("value", scope["result"] if scope.get("result") is not given_result else None)
    return {"result": value, "dropped": box["dropped"]}


def failure(kind: str, error: BaseException, message: str, line: object) -> dict:
    """An error as data, of bounded size."""
    return {"error": {"kind": kind, "type": type(error).__name__, "message": message[:2000], "line": line}}


def main() -> None:
    """Answer with what came of the code."""
    given = json.loads(sys.stdin.buffer.read())
    sys.setrecursionlimit(500)
    try:
        answer = run(given)
    except MemoryError as error:
        answer = failure("memory", error, "no more memory", None)
    try:
        emit(answer)
    except (TypeError, ValueError, RecursionError) as error:
        emit(failure("failed", error, f"the result is not JSON: {error}", None))
    except MemoryError as error:
        emit(failure("memory", error, "no more memory", None))
    os._exit(0)


if __name__ == "__main__":
    main()
