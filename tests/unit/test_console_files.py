"""The files of the web console as they are served: headers, caching, what is refused, and what tells too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from psg.errors import ValidationFailed
from psg_graphql.console_files import ConsoleFiles
from psg_graphql.settings import api_settings

PAGE = "<!doctype html><title>console</title>"
SCRIPT = "console.log(1);" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "console"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(PAGE, "utf-8")
    (built / "graphiql.html").write_text('<!doctype html><meta name="csp-nonce" content="__NONCE__">', "utf-8")
    (built / "assets" / "main-0a1b2c3d.js").write_text(SCRIPT, "utf-8")
    (built / "assets" / "logo.svg").write_text("<svg/>", "utf-8")
    (built / "manifest.json").write_text("{}", "utf-8")
    (tmp_path / "secret.txt").write_text("not to be served", "utf-8")
    return built


def client(folder: Path, **settings: object) -> TestClient:
    console = ConsoleFiles(api_settings(**settings), folder)
    routes = [
        Route("/healthz", console.config),  # stands for what the API answers
        Route("/console/config.json", console.config),
        Route("/graphiql", console.query_page),
        Route("/{path:path}", console.file),
    ]
    return TestClient(Starlette(routes=routes), base_url="http://127.0.0.1")


HTML = {"accept": "text/html,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/", "/index.html", "/projects", "/projects/UHJvamVjdA==/plans/x.y"])
def test_routes_of_the_console_get_the_page(folder: Path, path: str) -> None:
    answer = client(folder).get(path, headers=HTML)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/graphql/x", "/metrics/x", "/browser/a/b", "/readyz/x", "/console", "/console/other.json",
        "/console/assets/gone.js", "/console/assets/%2e%2e/index.html", "/console/assets/%00", "/healthz/", "/graphql/",
    ],
)  # fmt: skip
def test_nothing_else_is_answered(folder: Path, path: str) -> None:
    answer = client(folder).get(path, headers=HTML, follow_redirects=False)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/console/assets/..%5c..%5c..%5csecret.txt"]
)
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_no_path_leads_out_of_the_folder(folder: Path, path: str, accept: str) -> None:
    answer = client(folder).get(path, headers={"accept": accept})
    assert "not to be served" not in answer.text
    assert answer.status_code == 404 or answer.text == PAGE


def test_facts_about_the_build_are_not_served(folder: Path) -> None:
    assert client(folder).get("/console/manifest.json").status_code == 404


def test_a_program_that_asks_for_an_unknown_address_is_not_given_a_page(folder: Path) -> None:
    assert client(folder).get("/api/v1/plans", headers={"accept": "application/json"}).status_code == 404
    assert client(folder).post("/projects", headers=HTML).status_code == 405


def test_files_with_a_hash_in_their_name_are_kept_and_others_asked_for_again(folder: Path) -> None:
    asking = client(folder)
    script = asking.get("/console/assets/main-0a1b2c3d.js", headers={"accept-encoding": "gzip"})
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (script.headers["content-encoding"], script.text) == ("gzip", SCRIPT)
    assert int(script.headers["content-length"]) < len(SCRIPT) / 4
    plain = asking.get("/console/assets/main-0a1b2c3d.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text == SCRIPT
    assert plain.headers["etag"] == script.headers["etag"]
    logo = asking.get("/console/assets/logo.svg")
    assert (logo.headers["cache-control"], logo.headers["content-type"]) == ("no-cache", "image/svg+xml")
    again = asking.get("/console/assets/logo.svg", headers={"if-none-match": f'"other", {logo.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert asking.get("/console/assets/logo.svg", headers={"if-none-match": '"other"'}).status_code == 200


def test_head_tells_the_size_without_the_content(folder: Path) -> None:
    answer = client(folder).head("/", headers=HTML)
    assert (answer.status_code, answer.content, int(answer.headers["content-length"])) == (200, b"", len(PAGE))


def test_the_configuration_tells_no_secret(folder: Path) -> None:
    answer = client(folder, token="0123456789abcdef", browser_url="http://127.0.0.1:7474/").get("/console/config.json")
    assert answer.headers["cache-control"] == "no-store"
    assert "0123456789abcdef" not in answer.text
    told = answer.json()
    assert (told["auth"], told["browser"], told["ide"]) == (["token"], "http://127.0.0.1:7474", True)
    assert told["documents"] == "prefer"
    bare = client(folder, ide=False).get("/console/config.json").json()
    assert (bare["auth"], bare["browser"], bare["ide"]) == (["none"], None, False)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://h/", "http://user:secret@h/", "h:7474", "http://a b/"])
def test_an_address_of_neo4j_browser_that_is_none_is_refused_unseen(url: str) -> None:
    with pytest.raises(ValidationFailed, match="browser_url") as refused:
        api_settings(browser_url=url)
    assert "secret" not in str(refused.value)


def test_each_query_page_has_a_nonce_of_its_own(folder: Path) -> None:
    asking = client(folder)
    pages = [asking.get("/graphiql") for _ in range(2)]
    nonces = [page.text.partition('content="')[2].partition('"')[0] for page in pages]
    assert len(set(nonces)) == 2 and all(len(nonce) >= 16 for nonce in nonces)
    for page, nonce in zip(pages, nonces, strict=True):
        policy = page.headers["content-security-policy"]
        assert f"style-src 'self' 'nonce-{nonce}'" in policy and "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
    assert client(folder, ide=False).get("/graphiql").status_code == 404
    assert asking.get("/console/graphiql.html").status_code == 404  # never without its nonce


def test_an_installation_without_built_files_says_so(tmp_path: Path) -> None:
    answer = client(tmp_path / "nowhere").get("/", headers=HTML)
    assert answer.status_code == 503 and "make console" in answer.text
    assert client(tmp_path / "nowhere").get("/graphiql").status_code == 404
