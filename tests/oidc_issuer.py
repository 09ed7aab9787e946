"""An issuer of JWTs on loopback: real keys, a real HTTP server for them, and everything that can be wrong with both."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "psg-tests"


@cache
def private_key(kind: str, number: int = 0) -> Any:
    """A private key; the same for the same arguments, as RSA keys take their time."""
    match kind:
        case "RSA":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "weak":
            return rsa.generate_private_key(public_exponent=65537, key_size=1024)
        case "EC":
            return ec.generate_private_key(ec.SECP256R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


def jwk(kid: str | None, kind: str = "EC", number: int = 0, **more: Any) -> dict[str, Any]:
    """The public part of a key as an issuer publishes it."""
    made = {"RSA": RSAAlgorithm, "weak": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}[kind]
    found = made.to_jwk(private_key(kind, number).public_key(), as_dict=True)
    return {**found, **({} if kid is None else {"kid": kid}), "use": "sig", **more}


def coded(value: Any) -> str:
    data = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens and answers for its keys; ``fetched`` counts how often it was asked for them."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [jwk("one")]
        self.fetched = 0
        self.broken: bytes | int | None = None
        self.discovered: dict[str, Any] = {}
        self.hold = Event()
        self.hold.set()
        self.url = ""

    def claims(self, **more: Any) -> dict[str, Any]:
        now = time.time()
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300, **more}
        return {name: value for name, value in said.items() if value is not ...}

    def token(
        self, *, kid: str | None = "one", kind: str = "EC", number: int = 0, algorithm: str | None = None,
        headers: dict[str, Any] | None = None, **more: Any,
    ) -> str:  # fmt: skip
        """A signed token; a claim that is ``...`` is left out."""
        algorithm = algorithm or {"RSA": "RS256", "weak": "RS256", "EC": "ES256"}.get(kind, "EdDSA")
        head = {**({} if kid is None else {"kid": kid}), **(headers or {})}
        return jwt.encode(self.claims(**more), private_key(kind, number), algorithm=algorithm, headers=head)

    def signed_with_public_key(self) -> str:
        """The attack on libraries that take a public key for a shared secret."""
        public = private_key("RSA").public_key()
        secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        text = f"{coded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'one'})}.{coded(self.claims())}"
        return f"{text}.{coded(hmac.digest(secret, text.encode(), hashlib.sha256))}"

    def unsigned(self, algorithm: str = "none") -> str:
        return f"{coded({'alg': algorithm, 'typ': 'JWT', 'kid': 'one'})}.{coded(self.claims())}."


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """An issuer that answers on a free port of loopback."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.hold.wait(20)
            if self.path == "/.well-known/openid-configuration":
                body: Any = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys", **issuer.discovered}
                self.answer(200, orjson.dumps(body))
                return
            issuer.fetched += 1
            if isinstance(issuer.broken, int):
                self.answer(issuer.broken, b"{}")
            else:
                self.answer(200, orjson.dumps({"keys": issuer.keys}) if issuer.broken is None else issuer.broken)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if status in (301, 302):
                self.send_header("location", f"{issuer.url}/elsewhere")
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                pass  # who asked has heard enough

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        issuer.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
