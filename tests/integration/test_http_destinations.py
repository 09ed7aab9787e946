"""Where a request really goes: redirects, names that change their address, TLS."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scripted_server import Received, reply, serving

from psg.errors import PsgError
from psg_runtime.ael import ActionResult, AelSettings
from psg_runtime.ael.adapters.file import FileAdapter
from psg_runtime.ael.adapters.http import HttpAdapter
from psg_runtime.ael.port import Action
from psg_runtime.ael.secret_guard import SecretGuard
from psg_runtime.expressions import step_template
from psg_runtime.secrets.mask import KnownSecrets

pytestmark = [pytest.mark.anyio, pytest.mark.req("L3-29")]
SECRET = "correct-horse-battery"
LOOPBACK = ("127.0.0.1",)


class Vault:
    label = "the vault"

    async def get(self, name: str) -> str | None:
        return SECRET


class Names:
    """A name server whose answers a test gives; each name's answers come one after the other, the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): list(found) for name, found in answers.items()}
        self.asked: Counter[str] = Counter()

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked[host] += 1
        await anyio.lowlevel.checkpoint()
        found = self.answers.get(host, [[]])
        return list(found.pop(0) if len(found) > 1 else found[0])


async def ask(url: str, *, names: Names | None = None, settings: dict[str, Any] | None = None, **params: Any) -> Any:
    given = AelSettings(**({"http_allow": ("*",), "http_allow_private": LOOPBACK} | (settings or {})))
    adapter = HttpAdapter(given, FileAdapter(given), names or Names())
    resolved = step_template("tool", {"url": url, **params}).resolve({})
    action = Action("tool_call", "http.request", resolved, idempotency_key="the-key")
    with anyio.fail_after(20):
        result = await SecretGuard(Vault(), KnownSecrets()).run(adapter, action)
    assert isinstance(result, ActionResult)
    return result.output


async def refused(url: str, **keys: Any) -> PsgError:
    with pytest.raises(PsgError) as caught:
        await ask(url, **keys)
    return caught.value


def to(location: str, status: int = 302) -> bytes:
    return reply(status, "moved", Location=location)


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""), (302, "POST", "GET", b""), (303, "PUT", "GET", b""), (303, "HEAD", "HEAD", b""),
        (307, "POST", "POST", b"data"), (308, "PUT", "PUT", b"data"), (302, "PUT", "PUT", b"data"),
    ],
)  # fmt: skip
async def test_a_redirect_is_followed_by_the_method_it_demands(
    status: int, method: str, then: str, body: bytes
) -> None:
    def script(request: Received) -> bytes:
        return reply(200) if request.path == "/b?q=1" else to("../b?q=1#x", status)

    async with serving(script) as server:
        output = await ask(server.url("/a/"), method=method, **({} if method == "HEAD" else {"body": "data"}))
    second = server.received[1]
    assert (output["redirects"], second.method, second.body) == (1, then, body)
    assert second.headers["idempotency-key"] == "the-key"
    assert ("content-type" in second.headers) is bool(body)


async def test_a_location_beyond_ascii_is_utf8() -> None:
    def script(request: Received) -> bytes:
        moved = to("X").replace(b"Location: X", "Location: /ü".encode())
        return moved if request.path == "/" else reply(200, request.path)

    async with serving(script) as server:
        assert (await ask(server.url()))["body"] == "/%C3%BC"


async def test_redirects_have_an_end() -> None:
    async with serving(lambda request: to("/again")) as server:
        error = await refused(server.url(), max_redirects=3)
        assert error.code == "http_refused" and not error.retryable and len(server.received) == 4
        server.received.clear()
        error = await refused(server.url(), max_redirects=0)
        assert error.code == "http_status" and len(server.received) == 1


@pytest.mark.req("EXEC-24")
async def test_credentials_stay_with_their_origin() -> None:
    secret_headers = {"X-Key": "{{secrets.A}}", "Cookie": "a=b", "X-Plain": "stays"}
    async with serving(lambda request: reply(200)) as other:
        async with serving(lambda r: reply(200) if r.path == "/same" else to(other.url("/x"))) as server:
            auth = {"type": "bearer", "secret": "A"}
            await ask(server.url(), auth=auth, headers=secret_headers)
        async with serving(lambda r: reply(200) if r.path == "/same" else to("/same")) as server:
            await ask(server.url(), auth=auth, headers=secret_headers)
    kept, dropped = server.received[1].headers, other.received[0].headers
    assert (kept["authorization"], kept["x-key"], kept["cookie"]) == (f"Bearer {SECRET}", SECRET, "a=b")
    assert kept["x-plain"] == dropped["x-plain"] == "stays"
    assert not {"authorization", "x-key", "cookie"} & set(dropped) and SECRET not in str(dropped)


@pytest.mark.req("EXEC-24")
async def test_a_secret_that_belongs_to_a_host_goes_nowhere_else() -> None:
    bound = {"secrets_hosts": ("A=*.good.example", "A=127.0.0.1:1", "B=127.0.0.1")}
    names = Names(evil_example=[["127.0.0.1"]], api_good_example=[["127.0.0.1"]])
    async with serving(lambda request: reply(200)) as server:
        for secret, host, allowed in (
            ("A", "evil.example", False), ("A", "127.0.0.1", False), ("B", "evil.example", False),
            ("A", "api.good.example", True), ("B", "127.0.0.1", True), ("C", "evil.example", True),
        ):  # fmt: skip
            for params in ({"auth": {"type": "bearer", "secret": secret}}, {"body": f"{{{{secrets.{secret}}}}}"}):
                before = len(server.received)
                if allowed:
                    await ask(server.url("/", host), names=names, settings=bound, **params)
                else:
                    error = await refused(server.url("/", host), names=names, settings=bound, **params)
                    assert error.code == "http_denied" and "PSG_SECRETS_HOSTS" in str(error)
                assert len(server.received) - before == allowed
    with pytest.raises(PsgError, match="NAME=host"):
        await ask("http://127.0.0.1/", settings={"secrets_hosts": ("A",)})


@pytest.mark.req("EXEC-24")
async def test_a_body_with_secrets_does_not_go_to_another_origin() -> None:
    async with (
        serving(lambda request: reply(200)) as other,
        serving(lambda request: to(other.url(), 307)) as server,
    ):
        error = await refused(server.url(), method="POST", json={"t": "{{secrets.A}}"})
        assert error.code == "http_refused" and other.received == []
        assert (await ask(server.url(), method="POST", json={"t": "plain"}))["redirects"] == 1


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://127.0.0.2/", "http_denied"),
        ("http://localhost/", "http_denied"),
        ("http://169.254.169.254/latest/meta-data/", "http_denied"),
        ("http://[::1]/", "http_denied"),
        ("http://[::ffff:7f00:1]/", "http_denied"),
        ("//10.0.0.1/", "http_denied"),
        ("http://other.example/", "http_denied"),
        ("http://2130706433/", "validation_failed"),
        ("http://user:pass@127.0.0.1/", "validation_failed"),
        ("ftp://127.0.0.1/", "validation_failed"),
        ("file:///etc/passwd", "validation_failed"),
        ("http://127.0.0.1:99999/", "validation_failed"),
        ("http://a b/", "validation_failed"),
        ("//[::", "validation_failed"),
    ],
)
async def test_a_redirect_goes_only_where_a_request_could(location: str, code: str) -> None:
    names = Names(localhost=[["::1", "127.0.0.1"]])
    hosts = ("127.0.0.1", "127.0.0.2", "localhost", "169.254.169.254", "10.0.0.1", "::1", "::ffff:7f00:1")
    async with serving(lambda request: to(location)) as server:
        error = await refused(server.url(), names=names, settings={"http_allow": hosts})
    assert (error.code, error.retryable) == (code, False)


async def test_a_name_is_resolved_once_and_connected_to_what_was_judged() -> None:
    names = Names(rebind_example=[["127.0.0.1"], ["10.9.9.9"]])
    async with serving(lambda request: reply(200)) as server:
        output = await ask(server.url("/", "rebind.example"), names=names)
    assert output["status"] == 200 and names.asked == {"rebind.example": 1}
    assert server.received[0].headers["host"] == f"rebind.example:{server.port}"


async def test_a_name_that_changes_its_address_is_judged_again() -> None:
    names = Names(rebind_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with serving(lambda request: to(f"http://rebind.example:{server.port}/again")) as server:
        error = await refused(server.url("/", "rebind.example"), names=names)
    assert error.code == "http_denied" and len(server.received) == 1


@pytest.mark.parametrize(
    "found",
    [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["::ffff:127.0.0.1"],
     ["fe80::1%eth0"], ["not an address"], ["64:ff9b::7f00:1"]],
    ids=str,
)  # fmt: skip
async def test_one_address_that_is_not_allowed_spoils_the_name(found: list[str]) -> None:
    async with serving(lambda request: reply(200)) as server:
        error = await refused(server.url("/", "mixed.example"), names=Names(mixed_example=[found]))
    assert error.code == "http_denied" and server.received == []


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    names = Names(two_example=[["127.0.0.3", "127.0.0.1"]])
    async with serving(lambda request: reply(200)) as server:
        settings = {"http_allow_private": ("127.0.0.0/8",)}
        assert (await ask(server.url("/", "two.example"), names=names, settings=settings))["status"] == 200


async def test_a_name_nobody_knows_is_an_error_to_try_again() -> None:
    class Broken(Names):
        async def __call__(self, host: str, port: int) -> list[str]:
            raise OSError("no such host")

    for names in (Names(), Broken()):
        error = await refused("http://unknown.example/", names=names)
        assert (error.code, error.retryable) == ("http_unreachable", True)


async def test_a_resolver_that_hangs_ends_with_the_time_for_connecting() -> None:
    class Hanging(Names):
        async def __call__(self, host: str, port: int) -> list[str]:
            await anyio.sleep_forever()
            return []

    error = await refused("http://slow.example/", names=Hanging(), connect_timeout_ms=50)
    assert (error.code, error.details["reason"]) == ("http_unreachable", "connect_timeout")


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority's file, and the context of a server it vouches for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
    ]
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificates, private = folder / "ca.pem", folder / "key.pem"
    certificates.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates, private)
    return certificates, context


async def test_tls_keeps_the_name_and_checks_the_certificate(tmp_path: Path) -> None:
    authority, context = certificate(tmp_path, "api.example")
    asked_for: list[str | None] = []
    context.sni_callback = lambda sock, name, ctx: asked_for.append(name)
    names = Names(api_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    trusting = {"http_ca_file": authority}
    async with serving(lambda request: reply(200, "safe"), context) as server:
        output = await ask(server.url("/", "api.example"), names=names, settings=trusting)
        assert output["body"] == "safe" and asked_for == ["api.example"]
        assert server.received[0].headers["host"] == f"api.example:{server.port}"
        for host, settings in (("other.example", trusting), ("127.0.0.1", trusting), ("api.example", {})):
            error = await refused(server.url("/", host), names=names, settings=settings)
            assert (error.code, error.details["reason"], error.retryable) == ("http_refused", "certificate", False)
        assert len(server.received) == 1


async def test_the_certificate_authorities_can_be_named_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = certificate(tmp_path, "127.0.0.1")
    async with serving(lambda request: reply(200), context) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert (await ask(server.url()))["status"] == 200
    error = await refused(server.url(), settings={"http_ca_file": tmp_path / "none.pem"})
    assert error.code == "http_refused" and "PSG_HTTP_CA_FILE" in str(error)


async def test_nothing_is_redirected_out_of_tls(tmp_path: Path) -> None:
    authority, context = certificate(tmp_path, "127.0.0.1")
    async with (
        serving(lambda request: reply(200)) as plain,
        serving(lambda request: to(plain.url()), context) as server,
    ):
        error = await refused(server.url(), settings={"http_ca_file": authority})
        assert error.code == "http_refused" and plain.received == []
