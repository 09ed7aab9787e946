"""Which names hold secrets: whole parts of a name decide, so ``api_key`` is one and ``monkey`` is not (EXEC-22)."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache
from typing import Any


class Secrecy(Enum):
    """What a name says about its value."""

    NONE = "none"
    ALWAYS = "always"  # whatever the shape of the value
    UNLESS_NUMBER = "unless_number"  # `tokens` counts as often as it holds some; `has_password` says yes or no
    CREDENTIALS = "credentials"  # `auth`: the value, or what a mapping holds besides the name of the user
    SCALAR = "scalar"  # `key`: a plain value, not a mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ALWAYS = _words("""
    password passwords passwd passwds pwd passphrase passphrases passcode secret secrets token bearer jwt
    jwts credential credentials creds cred apikey apikeys authorization cookie cookies otp totp
""")
# Words run together without a sign between them.
_COMPOUND = re.compile(
    r"(?:password|passwd|passphrase|secret|credential|api_?key|secretkey|privatekey|accesskey|authkey|signingkey|"
    r"masterkey|encryptionkey|(?:access|auth|refresh|bearer|session|id|api|bot|user|client)token)s?\Z"
)
_PASS_OF = _words("db user smtp mysql postgres pg admin root login ftp ldap redis mail proxy my")
# What a name says about a secret without holding it: `token_type`, `password_min_length`.
_ABOUT = _words("""
    count counts counter type types kind limit limits length len size sizes policy policies expiry expires
    expired expiration ttl lifetime usage used budget url uri endpoint name names method scheme algorithm
    index idx position generator required enabled disabled strength rotation rate price cost error errors
    status
""")
_MEASURES = _words("""
    max min maximum minimum total num number n avg mean per count limit budget prompt completion input
    output cached reasoning used remaining
""")
_YES_OR_NO = _words("is are has have requires require required needs use uses show with no without allow")
# Keys that identify or order; any other `…_key` is taken for a secret.
_OPEN_KEYS = _words("""
    idempotency primary foreign sort partition cache public group order lookup dedup deduplication unique
    index map dict row column natural composite correlation routing message event object item range shard
    entity business config translation i18n hot cursor field parent child issue compare duplicate missing
    unknown extra
""")
_SECRET_KEYS = _words("""
    api access private secret signing encryption decryption ssh pgp gpg master auth aes rsa hmac deploy
    license service account storage session ssl tls crypto webhook client server
""")
_AUTH = _words("auth oauth authentication private")
_AUTH_HOLDERS = _words("header headers value values data string code info blob")
_KEY_HOLDERS = _words("material pem der bytes data value")
# Inside of `auth: {…}` these name somebody or something, all else is what proves it.
IDENTIFYING = _words("""
    user username login type kind method scheme provider realm url uri host port enabled required mode name
""")

_SEPARATORS = re.compile(r"[\W_]+")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\Wa-zA-Z_]+")
_DIGITS = re.compile(r"\A\d+|\d+\Z")
_NAME_CHARS = 512


def name_text(name: Any) -> str:
    """Return a key as text, whatever its type; may raise what its own ``__str__`` raises."""
    if isinstance(name, Enum):
        name = name.value
    if isinstance(name, (bytes, bytearray)):
        return bytes(name).decode("latin-1")
    if isinstance(name, (tuple, frozenset)):
        return "_".join(name_text(part) for part in name)
    return str(name)


def secrecy(name: Any) -> Secrecy:
    """Return what the name of a value says about it, in any spelling: ``apiKey``, ``API-KEY``, ``PaSsWoRd``.

    Raises what the ``__str__`` of a key of another type raises.
    """
    return _of_text(name_text(name)[-_NAME_CHARS:])  # what a name is about stands at its end


@lru_cache(maxsize=4096)
def _of_text(text: str) -> Secrecy:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    segments = [segment for segment in _SEPARATORS.split(text) if segment]
    whole = [_DIGITS.sub("", segment.casefold()) for segment in segments]
    humps = [hump.casefold() for segment in segments for hump in _HUMPS.findall(segment) if not hump.isdigit()]
    # The humps first: in `maxTokens` they know more than the whole does; in `PaSsWoRd` only the whole knows.
    found = _of_words(humps)
    return found if found is not Secrecy.NONE or whole == humps else _of_words([word for word in whole if word])


def _of_words(words: list[str]) -> Secrecy:
    for at, word in enumerate(words):
        if word == "tokens":
            measured = any(other in _MEASURES for other in words) or any(w in _ABOUT for w in words[at + 1 :])
            return Secrecy.NONE if measured else Secrecy.UNLESS_NUMBER
        if word in _ALWAYS or _COMPOUND.search(word):
            if any(w in _ABOUT for w in words[at + 1 :]):
                return Secrecy.NONE  # a fact about a secret
            return Secrecy.UNLESS_NUMBER if at and words[0] in _YES_OR_NO else Secrecy.ALWAYS
    return _of_last_words(words)


def _of_last_words(words: list[str]) -> Secrecy:
    last = words[-1] if words else ""
    before = words[-2] if len(words) > 1 else ""
    if words and words[0] in _YES_OR_NO:
        return Secrecy.NONE
    if last in _AUTH or (before in _AUTH and last in _AUTH_HOLDERS):
        return Secrecy.CREDENTIALS
    if before == "key" and last in _KEY_HOLDERS:
        return Secrecy.ALWAYS
    if last == "key" and not before:
        return Secrecy.SCALAR
    if last == "key" and before not in _OPEN_KEYS:
        return Secrecy.ALWAYS
    if last == "keys" and before in _SECRET_KEYS:
        return Secrecy.ALWAYS
    signed = words == ["sig"] or (last == "signature" and before in ("amz", "goog"))
    return Secrecy.ALWAYS if signed or (last == "pass" and before in _PASS_OF) else Secrecy.NONE
