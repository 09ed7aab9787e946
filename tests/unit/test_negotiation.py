"""Which media type an answer has, and which bodies are read."""

from __future__ import annotations

import pytest

from psg_graphql.negotiation import JSON, RESPONSE_JSON, STREAM, answer_media, is_json_body


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (RESPONSE_JSON, RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON};q=0.9", RESPONSE_JSON),
        (f"{JSON};q=0.5, {RESPONSE_JSON};q=0.4", JSON),
        (f"{JSON}, {RESPONSE_JSON}", JSON),
        (f"{RESPONSE_JSON};charset=utf-8", RESPONSE_JSON),
        (f'{RESPONSE_JSON}; charset="UTF-8"', RESPONSE_JSON),
        (f"{RESPONSE_JSON}; charset=utf-16", None),
        (f"{JSON};q=0, */*", RESPONSE_JSON),
        (f"{JSON};q=0", None),
        (f"{RESPONSE_JSON};q=0, {JSON}", JSON),
        (STREAM, STREAM),
        ("text/*", STREAM),
        (f"{STREAM}, {RESPONSE_JSON};q=0.1", STREAM),
        ("text/html", None),
        ("text/plain, image/png", None),
        ("Application/GraphQL-Response+JSON", RESPONSE_JSON),
        (f"{JSON};q=nonsense", None),
        (f"{JSON};q=7", None),
        (";;;,,,", None),
    ],
)
def test_the_answer_has_the_media_type_asked_for(accept: str | None, media: str | None) -> None:
    assert answer_media(accept) == media


def test_a_header_without_end_is_not_read_to_its_end() -> None:
    assert answer_media("text/plain, " * 100_000 + JSON) is None


@pytest.mark.parametrize("kind", [JSON, f"{JSON}; charset=utf-8", "Application/JSON;charset=UTF-8", f"{JSON} ; x=y"])
def test_json_is_read(kind: str) -> None:
    assert is_json_body(kind)


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     f"{JSON}; charset=utf-16", f"text/plain; {JSON}", "application/graphql", f"{JSON}x"],
)  # fmt: skip
def test_what_a_page_could_send_without_asking_is_not_read(kind: str | None) -> None:
    assert not is_json_body(kind)
