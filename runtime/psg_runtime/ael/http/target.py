"""Where one request goes: a URL read strictly, and the hosts that are allowed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import httpx2

from psg.errors import ValidationFailed
from psg_runtime.ael.http.failures import HttpDenied
from psg_runtime.secrets.reference import SECRET_NAME

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]|[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was read: ``host`` in lower case without a final dot, ``url`` without fragment."""

    url: httpx2.URL
    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read an absolute URL; raises ValidationFailed.

        Only http and https, no user or password in it, host names and addresses in their ordinary spelling.
        """
        if found := _UNSAFE.search(text):
            raise ValidationFailed(f"The URL holds the character {found[0]!r}, which must be written as %XX.")
        try:
            url = httpx2.URL(text)
        except (httpx2.InvalidURL, ValueError) as error:
            raise ValidationFailed(f"This is no URL: {type(error).__name__}.") from None
        if url.scheme not in _DEFAULT_PORTS:
            raise ValidationFailed("Only http and https URLs can be asked.", scheme=url.scheme[:20])
        if url.userinfo or "@" in re.split(r"[/?#]", text.partition("://")[2], maxsplit=1)[0]:
            raise ValidationFailed("A URL cannot hold a user or password; use `auth`.")
        port = url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]
        if not 1 <= port <= 65535:
            raise ValidationFailed(f"{port} is no port.")
        return cls(url.copy_with(fragment=None), url.scheme, _host(url), port)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: credentials stay within one."""
        return (self.scheme, self.host, self.port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if _DEFAULT_PORTS[self.scheme] == self.port else f":{self.port}")


def _host(url: httpx2.URL) -> str:
    host = url.raw_host.decode("ascii", "replace").lower()
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if "%" not in host:  # a zone names an interface of this machine
            return str(address)
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):  # resolvers read 127.1 and 0x7f.1 as addresses
        raise ValidationFailed(f"The host `{host}` is an address in an unusual spelling; write it as four numbers.")
    if len(host) > 253 or _HOST_NAME.fullmatch(host) is None:
        raise ValidationFailed("The URL has no valid host name.")
    return host.rstrip(".")


class AllowedHosts:
    """``PSG_HTTP_ALLOW``: host names, ``*.domain`` for those below a domain, ``host:port``, or ``*`` for all."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = tuple(_host_entry(entry) for entry in entries)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def has(self, target: Target) -> bool:
        """Whether the host of this target is among them."""
        return any(_matches(entry, target) for entry in self._entries)

    def check(self, target: Target) -> None:
        """Raise HttpDenied when requests may not go to this host."""
        if not self.has(target):
            known = f"allowed are {', '.join(self._entries)}" if self._entries else "HTTP is off"
            raise HttpDenied(f"Requests to `{target.host}` are not allowed here ({known}; set PSG_HTTP_ALLOW).")


class SecretHosts:
    """``PSG_SECRETS_HOSTS``: ``NAME=host`` each; a secret named there goes to these hosts and nowhere else."""

    def __init__(self, entries: Iterable[str]) -> None:
        found: dict[str, list[str]] = {}
        for entry in entries:
            name, mark, host = entry.partition("=")
            if not mark or not host.strip() or SECRET_NAME.fullmatch(name.strip()) is None:
                raise ValidationFailed(f"PSG_SECRETS_HOSTS: `{entry}` is not NAME=host.")
            found.setdefault(name.strip(), []).append(host.strip())
        self._hosts = {name: AllowedHosts(hosts) for name, hosts in found.items()}

    @property
    def names(self) -> frozenset[str]:
        """The secrets that are bound to hosts."""
        return frozenset(self._hosts)

    def check(self, names: Iterable[str], target: Target) -> None:
        """Raise HttpDenied when one of these secrets may not go to this host."""
        for name in names:
            if name in self._hosts and not self._hosts[name].has(target):
                raise HttpDenied(f"The secret `{name}` may not go to `{target.host}` (PSG_SECRETS_HOSTS).", name=name)


def _host_entry(entry: str) -> str:
    """An entry as hosts are compared; raises ValidationFailed for what could never be the host of a URL."""
    entry = entry.lower()
    if entry == "*" or _is_address(entry.strip("[]")):
        return entry
    below = "*." if entry.startswith("*.") else ""
    try:
        if re.search(r"[/?#]", entry):
            raise ValidationFailed("more than a host")
        target = Target.parse(f"http://{entry.removeprefix(below)}")
    except ValidationFailed:
        message = f"PSG_HTTP_ALLOW or PSG_SECRETS_HOSTS: `{entry}` is no host: write api.example.com, *.example.com, "
        raise ValidationFailed(f"{message}host:port, an address, or * for all.") from None
    host = f"[{target.host}]" if ":" in target.host else target.host
    return below + host + (f":{target.port}" if re.search(r":[0-9]+$", entry) else "")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _matches(entry: str, target: Target) -> bool:
    if entry == "*":
        return True
    host, port = entry, ""
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        port = port.lstrip(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    if port and port != str(target.port):
        return False
    if host.startswith("*."):
        return target.host.endswith(host[1:]) and len(target.host) > len(host) - 1
    return _same_host(host, target.host)


def _same_host(entry: str, host: str) -> bool:
    try:
        return str(ipaddress.ip_address(entry)) == host
    except ValueError:
        return entry == host
