"""Trusted documents: operations known before they are asked, named by the hash of their text (``documentId``).

``PSG_API_DOCUMENTS``: ``off`` knows none, ``prefer`` knows them and takes other texts too, ``only`` takes no other
text but from who may ask anything (the permission ``cypher``, administrators of everything, the operator). Known are
the operations of this release's client and console, and the ``*.graphql`` files of a folder, for programs of one's
own and clients of other releases.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from graphql import GraphQLError, OperationDefinitionNode, parse

from psg.errors import Denied, Invalid, ValidationFailed
from psg_client import generated
from psg_graphql.policy import permitted
from psg_graphql.principal import Principal
from psg_graphql.settings import ApiSettings

PREFIX = "sha256:"
_KINDS = ("query ", "mutation ", "subscription ", "fragment ")


class DocumentUnknown(Invalid):
    """This server knows no operation of that documentId; send its text in `query`."""

    code = "document_unknown"


class DocumentRequired(Denied):
    """This server runs known operations only; send the documentId of one, or ask its operator to add yours."""

    code = "document_required"


def document_id(text: str) -> str:
    """Return the ``documentId`` of an operation's text: ``sha256:`` and the hash of its UTF-8 bytes in hex."""
    return PREFIX + hashlib.sha256(text.encode()).hexdigest()


class TrustedDocuments:
    """The documents that one server knows."""

    def __init__(self, mode: str, texts: Mapping[str, str]) -> None:
        self.mode = mode
        self._texts = texts

    @classmethod
    def of(cls, settings: ApiSettings) -> TrustedDocuments:
        """Read what ``settings`` name; raises ``ValidationFailed`` for a folder or file that is of no use."""
        if settings.documents == "off":
            return cls("off", {})
        folder = settings.documents_folder
        return cls(settings.documents, {**shipped(), **(_of_folder(folder) if folder is not None else {})})

    def text(self, document: object) -> str:
        """Return the text of a ``documentId``; raises ``DocumentUnknown``."""
        found = self._texts.get(document) if isinstance(document, str) else None
        if found is None:
            raise DocumentUnknown()
        return found

    def admit(self, principal: Principal, text: str | None) -> None:
        """Let ``principal`` run ``text``, or raise ``DocumentRequired``; a known text is as good as its id."""
        if self.mode != "only" or text is None or document_id(text) in self._texts:
            return
        everywhere = principal.granted(None)
        if everywhere is not None and not permitted(everywhere, "query"):
            raise DocumentRequired()


@cache
def shipped() -> Mapping[str, str]:
    """The operations of the client and the console of this release, by ``documentId``."""
    ours = [v for k, v in vars(generated).items() if k.startswith("_") and isinstance(v, str) and v.startswith(_KINDS)]
    console = files("psg_graphql").joinpath("console", "documents.json")
    told: dict[str, str] = json.loads(console.read_text(encoding="utf-8")) if console.is_file() else {}
    return {document_id(text): text for text in (*ours, *told.values())}


def _of_folder(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise ValidationFailed(f"PSG_API_DOCUMENTS_FOLDER: {folder} is no folder")
    return {document_id(text): text for text in _operations(folder)}


def _operations(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.graphql")):
        try:
            text = path.read_text(encoding="utf-8")
            kinds = [type(d) for d in parse(text, max_tokens=20_000).definitions]
        except (OSError, UnicodeDecodeError, GraphQLError) as error:
            raise ValidationFailed(f"{path}: no operation can be read: {error}") from error
        if OperationDefinitionNode not in kinds:
            raise ValidationFailed(f"{path}: it holds no operation")
        yield text
