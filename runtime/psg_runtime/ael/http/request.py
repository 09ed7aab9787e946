"""One request as it is sent, and what of it goes along on a redirect."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import takewhile
from urllib.parse import quote, urljoin

import orjson

from psg.errors import ValidationFailed
from psg_runtime.ael.http.failures import HttpRefused
from psg_runtime.ael.http.params import Basic, Bearer, HeaderAuth, RequestParams, Scalar, Text
from psg_runtime.ael.http.target import Target
from psg_runtime.ael.secret_guard import SecretAccess
from psg_runtime.secrets.errors import SecretRefused
from psg_runtime.secrets.reference import SecretText, revealed, secret_texts

_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CREDENTIAL_HEADERS = frozenset(("authorization", "cookie", "proxy-authorization"))
_AUTHORITY_END = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://[^/?#\\]+[/?#]")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class Request:
    """A request to one target; ``confidential`` are the headers (lower case) that stay with its origin."""

    method: str
    target: Target
    headers: tuple[tuple[str, str], ...]
    body: bytes
    confidential: frozenset[str]
    body_is_confidential: bool

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers with ``Host`` and ``Content-Length``, as the connection wants them."""
        host = self.target.url.netloc
        raw = [(b"Host", host), *((name.encode(), value.encode("latin-1")) for name, value in self.headers)]
        if self.body or self.method in ("POST", "PUT", "PATCH"):
            raw.append((b"Content-Length", str(len(self.body)).encode()))
        return raw

    def traced(self, traceparent: str | None) -> Request:
        """The request with the trace that it belongs to, unless it names one itself (W3C Trace Context)."""
        if traceparent is None or any(name.lower() == "traceparent" for name, _ in self.headers):
            return self
        return replace(self, headers=(*self.headers, ("traceparent", traceparent)))

    def redirected(self, status: int, location: str) -> Request:
        """The request that follows a redirect; raises HttpRefused or ValidationFailed where none may.

        Another origin gets neither credentials nor a body with secrets in it, and nothing leaves TLS.
        """
        try:
            joined = urljoin(str(self.target.url), _as_utf8(location))
        except ValueError:
            raise ValidationFailed(f"{self.target} redirects to what is no URL.") from None
        target = Target.parse(joined)
        if self.target.scheme == "https" and target.scheme == "http":
            raise HttpRefused(f"{self.target} redirects to `{target}`, which is not encrypted.", reason="redirect")
        method, body, headers = self.method, self.body, self.headers
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method, body = "GET", b""
            headers = tuple((n, v) for n, v in headers if not n.lower().startswith("content-"))
        if target.origin != self.target.origin:
            if body and self.body_is_confidential:
                message = f"{self.target} redirects a body with secrets to `{target}`."
                raise HttpRefused(message, reason="redirect")
            headers = tuple((name, value) for name, value in headers if name.lower() not in self.confidential)
        return replace(self, method=method, target=target, headers=headers, body=body)


def is_redirect(status: int) -> bool:
    """Whether a status sends the request elsewhere, when a ``Location`` comes with it."""
    return status in _REDIRECTS


async def build_request(params: RequestParams, secrets: SecretAccess, idempotency_key: str) -> Request:
    """The request that params describe, with the values of its secrets; raises ValidationFailed, SecretRefused."""
    target = Target.parse(await _url(params, secrets))
    headers: dict[str, str] = {}
    confidential = set(_CREDENTIAL_HEADERS)
    for name, value in params.headers.items():
        headers[name] = await secrets.text(value) if isinstance(value, SecretText) else str(value)
        if isinstance(value, SecretText) or secrets.seen_in(headers[name]):
            confidential.add(name.lower())
    if params.auth is not None:
        name, value = await _credentials(params.auth, secrets)
        headers[name] = value
        confidential.add(name.lower())
    body, content_type = await _body(params, secrets)
    defaults = {
        "User-Agent": "psg-platform", "Accept": "*/*", "Accept-Encoding": "gzip, deflate",
        "Content-Type": content_type,
        params.idempotency_header or "": idempotency_key,
    }  # fmt: skip
    names_secrets = any(True for _ in secret_texts([params.json_body, params.body, params.form]))
    present = {name.lower() for name in headers}
    headers |= {n: v for n, v in defaults.items() if n and v and n.lower() not in present}
    return Request(
        method=params.method,
        target=target,
        headers=tuple((name, _header_value(name, value)) for name, value in headers.items()),
        body=body,
        confidential=frozenset(confidential),
        body_is_confidential=names_secrets or secrets.seen_in(body.decode("utf-8", "replace")),
    )


async def _url(params: RequestParams, secrets: SecretAccess) -> str:
    url = params.url
    if isinstance(url, SecretText):
        head = "".join(takewhile(lambda part: isinstance(part, str), url.parts))  # type: ignore[arg-type]
        if _AUTHORITY_END.match(head) is None:
            raise SecretRefused("A secret can stand in the path of a URL, not in its scheme, host or port.")
        values = await secrets.values(url.names)
        url = url.reveal({name: quote(value, safe="") for name, value in values.items()})
    pairs = [f"{_quoted(key)}={_quoted(value)}" async for key, value in _pairs(params.query, secrets)]
    if not pairs:
        return url
    before, mark, fragment = url.partition("#")
    joint = "" if before.endswith(("?", "&")) else "&" if "?" in before else "?"
    return before + joint + "&".join(pairs) + mark + fragment


async def _pairs(values: dict[str, Scalar | list[Scalar]], secrets: SecretAccess) -> AsyncIterator[tuple[str, str]]:
    for key, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield key, await _scalar(item, secrets)


async def _scalar(value: Text | bool | int | float, secrets: SecretAccess) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return await secrets.text(value) if isinstance(value, (str, SecretText)) else str(value)


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise ValidationFailed("A text of the request is not Unicode.") from None


async def _credentials(auth: Bearer | Basic | HeaderAuth, secrets: SecretAccess) -> tuple[str, str]:
    value = (await secrets.value(auth.secret)).strip()
    if isinstance(auth, Bearer):
        return "Authorization", f"Bearer {value}"
    if isinstance(auth, HeaderAuth):
        return auth.name, auth.prefix + value
    username = await secrets.text(auth.username)
    if ":" in username:
        raise ValidationFailed("The user name of basic authentication cannot hold a colon.")
    pair = f"{username}:{value}"
    secrets.also(pair)
    encoded = base64.b64encode(pair.encode()).decode()
    secrets.also(encoded)
    return "Authorization", f"Basic {encoded}"


async def _body(params: RequestParams, secrets: SecretAccess) -> tuple[bytes, str]:
    if params.has_json:
        names = {name for _, text in secret_texts(params.json_body) for name in text.names}
        value = revealed(params.json_body, await secrets.values(names))
        try:
            return orjson.dumps(value), "application/json"
        except TypeError as error:
            raise ValidationFailed("`json` is not JSON.") from error
    if params.form is not None:
        pairs = [f"{_quoted(k)}={_quoted(v)}" async for k, v in _pairs(params.form, secrets)]
        return "&".join(pairs).encode(), "application/x-www-form-urlencoded"
    if params.body is None:
        return b"", ""
    text = await secrets.text(params.body)
    try:
        if params.body_encoding == "base64":
            return base64.b64decode(text, validate=True), "application/octet-stream"
        return text.encode(), "text/plain; charset=utf-8"
    except (binascii.Error, UnicodeEncodeError):
        raise ValidationFailed(f"`body` is not {params.body_encoding}.") from None


def _header_value(name: str, value: str) -> str:
    value = value.strip(" \t")
    if _BAD_VALUE.search(value) or not _is_latin(value):
        raise ValidationFailed(f"The value of the header {name} holds characters that a header cannot have.")
    return value


def _as_utf8(value: str) -> str:
    """A header's value as what most servers mean by bytes beyond ASCII."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _is_latin(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
