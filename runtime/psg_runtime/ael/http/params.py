"""What a plan may say about a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from psg.errors import ValidationFailed
from psg_runtime.secrets.reference import SECRET_NAME, SecretText

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}", re.ASCII)
_EXPECTED = re.compile(r"[1-5]xx|[1-5][0-9]{2}(?:-[1-5][0-9]{2})?")
# What the connection needs for itself; a plan that sets them could smuggle a second request into the first.
_RESERVED_HEADERS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
     "proxy-authorization", "proxy-connection", "http2-settings", "accept-encoding")
)  # fmt: skip

Text = str | SecretText
Scalar = Text | bool | int | float | None
Values = dict[str, Scalar | list[Scalar]]


def header_name(name: str) -> str:
    """A header's name that may be sent; raises ValueError."""
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"{name[:50]!r} is no header name")
    if name.lower() in _RESERVED_HEADERS:
        raise ValueError(f"the header {name} is set by the connection")
    return name


def _secret_name(value: Any) -> Any:
    """``NAME`` or ``{{secrets.NAME}}``: both name a secret and nothing but one."""
    if isinstance(value, SecretText):
        if len(value.parts) != 1:
            raise ValueError("`secret` is the name of one secret and nothing else")
        (value,) = value.names
    if isinstance(value, str) and SECRET_NAME.fullmatch(value) is None:
        raise ValueError("this is no name of a secret")
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _expected(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    texts = [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values]
    if not texts or any(not isinstance(t, str) or _EXPECTED.fullmatch(t) is None for t in texts):
        raise ValueError("write statuses as 200, 2xx or 200-204")
    return texts


SecretName = Annotated[str, BeforeValidator(_secret_name)]
HeaderName = Annotated[str, AfterValidator(header_name)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, strict=True, hide_input_in_errors=True)


class Bearer(_Strict):
    """``Authorization: Bearer <secret>``."""

    type: Literal["bearer"]
    secret: SecretName


class Basic(_Strict):
    """``Authorization: Basic …`` of a user name and the secret."""

    type: Literal["basic"]
    username: Text
    secret: SecretName


class HeaderAuth(_Strict):
    """A header of another name with the secret in it, behind ``prefix`` if there is one."""

    type: Literal["header"]
    name: HeaderName
    secret: SecretName
    prefix: str = Field(default="", max_length=100)


class RequestParams(_Strict):
    """The params of ``http.request``. Sizes are bytes, times milliseconds; limits lower those of the settings."""

    method: Annotated[
        Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], BeforeValidator(_upper)
    ] = "GET"
    url: Text
    headers: dict[HeaderName, Text | int] = Field(default_factory=dict, max_length=100)
    query: Values = Field(default_factory=dict)
    json_body: Any = Field(default=None, alias="json")
    body: Text | None = None
    body_encoding: Literal["utf-8", "base64"] = "utf-8"
    form: Values | None = None
    auth: Annotated[Bearer | Basic | HeaderAuth, Field(discriminator="type")] | None = None
    expect: Annotated[list[str], BeforeValidator(_expected)] = Field(default_factory=lambda: ["2xx"])
    response: Literal["auto", "json", "text", "base64"] = "auto"
    file: str | None = None
    max_bytes: int | None = Field(default=None, ge=0)
    max_redirects: int = Field(default=5, ge=0, le=20)
    connect_timeout_ms: int | None = Field(default=None, ge=1)
    read_timeout_ms: int | None = Field(default=None, ge=1)
    total_timeout_ms: int | None = Field(default=None, ge=1)
    idempotency_header: HeaderName | None = "Idempotency-Key"

    @model_validator(mode="after")
    def _one_body(self) -> RequestParams:
        given = [name for name in ("json", "body", "form") if getattr(self, _FIELDS.get(name, name)) is not None]
        given += ["json"] if "json_body" in self.model_fields_set and self.json_body is None else []
        if len(given) > 1:
            raise ValueError(f"give one body, not {' and '.join(given)}")
        if self.body_encoding == "base64" and not isinstance(self.body, str):
            raise ValueError("`body_encoding: base64` needs a `body` of text without secrets")
        lower = [name.lower() for name in self.headers]
        if self.auth is not None:
            lower.append(self.auth.name.lower() if isinstance(self.auth, HeaderAuth) else "authorization")
        if self.idempotency_header is not None:
            lower.append(self.idempotency_header.lower())
        if repeated := sorted({name for name in lower if lower.count(name) > 1}):
            raise ValueError(f"the header {', '.join(repeated)} is given twice")
        return self

    @property
    def has_json(self) -> bool:
        """Whether a JSON body is given, null included."""
        return "json_body" in self.model_fields_set

    def expects(self, status: int) -> bool:
        """Whether this status is a success."""
        return any(_covers(text, status) for text in self.expect)

    @classmethod
    def parse(cls, params: Mapping[str, Any]) -> RequestParams:
        """From the params of a step; raises ValidationFailed without showing values."""
        try:
            return cls.model_validate(dict(params))
        except ValidationError as error:
            problems = [
                f"{'.'.join(str(p) for p in e['loc'] if p != 'function-after') or 'params'}: {e['msg']}"
                for e in error.errors(include_url=False, include_input=False, include_context=False)
            ]
            text = "; ".join(dict.fromkeys(problems))
            raise ValidationFailed(f"The params of `http.request` are not valid: {text[:2000]}.") from None


_FIELDS = {"json": "json_body"}


def _covers(text: str, status: int) -> bool:
    if text.endswith("xx"):
        return status // 100 == int(text[0])
    first, _, last = text.partition("-")
    return int(first) <= status <= int(last or first)
