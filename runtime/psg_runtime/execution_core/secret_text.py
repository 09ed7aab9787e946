"""Secrets inside of text: credentials in URLs and headers, ``name=value``, well-known shapes of tokens (EXEC-22).

Every pattern runs in linear time; a text without an end to a quote or bracket is a secret up to its end.
"""

from __future__ import annotations

import re

from psg_runtime.execution_core.secret_names import Secrecy, secrecy

_SHAPES = re.compile(
    r"\b(?:sk|rk)[_-](?:[A-Za-z]{2,10}[_-])?[A-Za-z0-9_-]{16,}+|\bgh[pousr]_[A-Za-z0-9]{20,}+|\bgithub_pat_\w{20,}+"
    r"|\bglpat-[\w-]{16,}+|\bxox[abeoprs]-[A-Za-z0-9-]{10,}+|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}+"
    r"|\bhf_[A-Za-z0-9]{20,}+|\bnpm_[A-Za-z0-9]{30,}+|\bwhsec_[A-Za-z0-9+/=]{16,}+"
    r"|\beyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
    r"(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
_SCHEMES = re.compile(
    r"\b(?P<scheme>bearer\s++\\*[\"']?)[^\s\"'\\,;<>]++|\b(?P<basic>basic\s++)(?=[a-z0-9+/]*[0-9=+/])[a-z0-9+/]{8,}+={0,2}",
    re.IGNORECASE,
)
# Behind the colon of a host stands a port; anything else there is a password, also one with a slash in it.
_USER_INFO = re.compile(r"://(?P<user>[^\s/?#\"'<>@:\\]*+)(?P<word>:(?!\d{1,5}(?:[/?#]|\Z))[^\s\"'<>\\]{0,256})?@")
_ELEMENTS = re.compile(r"<(?P<name>[A-Za-z][\w.:-]{0,63}+)(?P<rest>(?:\s[^<>]{0,256})?>)(?P<value>[^<]++)")
_BLOCK = re.compile(r"[|>][-+\d]{0,2}[ \t]*+\r?\n(?:[ \t]++[^\n]*+(?:\n|\Z)|\r?\n)*+")
_HEADERS = re.compile(
    r"(?<![\w-])(?P<name>(?:proxy-)?authorization|(?:set-)?cookie)(?P<sep>\\*[\"']?\s{0,8}[:=]\s{0,8})"
    r"(?P<value>[^\s\"'\\{\[(][^\r\n\"'\\]*+)",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"(?<!\w)(?:(?P<flag>--[A-Za-z][\w.-]{1,100}+)(?:[ \t]++|=|[\"'],?\s{1,4}(?=[\"']))"
    r"|(?P<name>[^\W\d][\w.-]{0,127}+)\\*[\"'`]?\s{0,8}(?P<sep>=>|:=|={1,3}|:)\s{0,8}(?!:|//))"
)
_MAY_NAME = re.compile(r"[:=]|--")
_PLAIN_END = frozenset(" \t\r\n\f\v,;&|<>)]}")
_AFTER_QUOTE = _PLAIN_END | frozenset("\"'`:.")
_OPENING = re.compile(r"[bBuUrRfF]{0,2}\\*+[\"'`]\Z")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_NUMBER = re.compile(r"[-+]?[\d_.]+(?:e[-+]?\d+)?%?\Z|(?:true|false|null|none)\Z", re.IGNORECASE)
_PASSES = 4
_SSH_USERS = re.compile(r"(?:git|ssh|sftp|svn)\Z")


def redact_text(text: str, marker: str) -> str:
    """Return the text with ``marker`` in place of what looks like a secret; doing so again changes nothing."""
    for _ in range(_PASSES):  # a marker may complete what another rule looks for
        text, before = _once(text, marker), text
        if text == before:
            break
    return text


def _once(text: str, marker: str) -> str:
    if "@" in text:
        text = _USER_INFO.sub(lambda found: _without_user_info(found, marker), text)
    text = _SCHEMES.sub(lambda found: (found["scheme"] or found["basic"]) + marker, text)
    text = _SHAPES.sub(lambda _: marker, text)
    if "</" in text:
        text = _ELEMENTS.sub(lambda found: _without_content(found, marker), text)
    if _MAY_NAME.search(text) is None:
        return text
    text = _HEADERS.sub(lambda found: found["name"] + found["sep"] + marker, text)
    return _without_named(text, marker)


def _without_user_info(found: re.Match[str], marker: str) -> str:
    user, word = found["user"], found["word"]
    if word is not None:
        return f"://{user}:{marker}@"
    # A user alone is a name (`ssh://git@…`), unless the protocol takes a token there.
    before = found.string[max(0, found.start() - 5) : found.start()].lower()
    return f"://{marker}@" if before.endswith(("http", "https")) and not _SSH_USERS.match(user) else found[0]


def _without_content(found: re.Match[str], marker: str) -> str:
    hidden = secrecy(found["name"]) is Secrecy.ALWAYS and found["value"].strip()
    return f"<{found['name']}{found['rest']}{marker}" if hidden else found[0]


def _without_named(text: str, marker: str) -> str:
    parts: list[str] = []
    done = 0
    at = 0
    while (found := _NAMES.search(text, at)) is not None:
        at = start = found.end()
        name = found["flag"] or found["name"]
        meaning = secrecy(name)
        # In prose `key:` and `auth:` are words like others.
        if meaning not in (Secrecy.ALWAYS, Secrecy.UNLESS_NUMBER):
            continue
        end = _value_end(text, start, marker)
        value = text[start:end]
        if end == start or (meaning is Secrecy.UNLESS_NUMBER and _harmless(value, found["sep"])):
            continue
        opening, closing = _quotes(value)
        parts += (text[done:start], opening, marker, closing)
        done = at = end
    return "".join((*parts, text[done:])) if parts else text


def _harmless(value: str, separator: str | None) -> bool:
    """Whether the value of a name like `tokens` is a number, or the next word of a sentence."""
    return _NUMBER.match(value) is not None or (separator == ":" and value[0] not in "\\\"'`[({")


def _quotes(value: str) -> tuple[str, str]:
    """The quotes around a value, kept so that JSON stays JSON."""
    bare = value.lstrip("\\")
    slashes = value[: len(value) - len(bare)]
    if len(bare) > 1 and bare[0] in "\"'" and value.endswith(slashes + bare[0]):
        return slashes + bare[0], slashes + bare[0]
    return "", ""


def _value_end(text: str, start: int, marker: str) -> int:
    """Where the value that begins at ``start`` ends: quotes and brackets are part of it, with all they hold."""
    if (block := _BLOCK.match(text, start)) is not None:  # of YAML: the lines below
        return start + len(block[0].rstrip("\r\n"))
    at = start
    open_brackets: list[str] = []
    while at < len(text):
        char = text[at]
        if text.startswith(marker, at):
            at += len(marker)
        elif open_brackets and char == open_brackets[-1]:
            open_brackets.pop()
            at += 1
        elif not open_brackets and char in _PLAIN_END:
            break
        elif char in _CLOSERS:
            open_brackets.append(_CLOSERS[char])
            at += 1
        elif char in "\"'`":
            if open_brackets or _OPENING.match(text, start, at + 1) or text[at - 1] in "\"'":
                at = _quote_end(text, at)
            elif at + 1 == len(text) or text[at + 1] in _AFTER_QUOTE:
                break  # it closes what the whole assignment stands in
            else:
                at += 1
        else:
            at += 1
    return at


def _quote_end(text: str, at: int) -> int:
    """Where a quoted part ends; a quote behind more backslashes than the first belongs to what it quotes."""
    slashes = _slashes_before(text, at)
    end = text.find(text[at], at + 1)
    while end != -1 and _slashes_before(text, end) > slashes:
        end = text.find(text[at], end + 1)
    return len(text) if end == -1 else end + 1


def _slashes_before(text: str, at: int) -> int:
    count = 0
    while count < at and text[at - count - 1] == "\\":
        count += 1
    return count
