"""The files for Neo4j Browser: style, guide in both formats, saved queries."""

from __future__ import annotations

import importlib.util
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

import psg_cypher
from psg.model.entities import ENTITIES
from psg.model.lifecycle import STATUS_LABELS
from psg.model.references import REFERENCES

ROOT = Path(__file__).resolve().parents[2]
BROWSER = files("psg_cypher").joinpath("browser")
QUERIES = {f.name: f.read_text("utf-8") for f in BROWSER.iterdir() if f.name.endswith(".cypher")}
STATE_LABELS = {"Ready", "Undecided", "Timer", "Unlocking", "Runnable", "Closing", "Tombstone", *STATUS_LABELS.values()}
OUTSIDE = {"Session", "Event", "ProjectHead"}


def asset(name: str) -> str:
    return psg_cypher.asset(name).read_text("utf-8")


def parse_grass(text: str) -> dict[str, dict[str, str]]:
    """Read a style as Neo4j Browser 5.24 does: no comments, quotes vanish, a property with two colons is dropped."""
    rules: dict[str, dict[str, str]] = {}
    for selector, body in re.findall(r"([^{}]+)\{((?:'[^']*'|[^}'])*)\}", text):
        parts = [part.replace("'", "").split(":") for part in body.split(";")]
        rules["".join(selector.split())] = {p[0].strip(): p[1].strip() for p in parts if len(p) == 2}
    return rules


class Slides(HTMLParser):
    """Collects what the Browser looks for in a guide: slides, and runnable listings as text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.slides = 0
        self.listings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.slides += tag == "slide"
        if tag == "pre":
            assert "runnable" in (dict(attrs)["class"] or "").split()
            self.listings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "pre":
            self.listings[-1] += data


@pytest.fixture(scope="module")
def renderer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_browser_guide", ROOT / "docs" / "render_browser_guide.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_node_type_and_state_has_a_style_and_captions_name_properties_it_has() -> None:
    rules = parse_grass(asset("psg.grass"))
    for label in {*ENTITIES, *OUTSIDE}:
        assert {"color", "border-color", "caption"} <= rules[f"node.{label}"].keys(), label
    for label, entity in ENTITIES.items():
        named = set(re.findall(r"\{(\w+)\}", rules[f"node.{label}"]["caption"]))
        assert named <= {*entity.scalars, *entity.runtime}, label
        if "status" in entity.scalars and label != "Decision":
            assert "status" in named, f"{label} has a status that its caption does not show"
    styled = {part for rule in rules if rule.startswith("node.") for part in rule.split(".")[1:]}
    assert styled == {*ENTITIES, *OUTSIDE, *STATE_LABELS}


def test_states_come_after_types_because_the_last_matching_rule_wins() -> None:
    order = [rule for rule in parse_grass(asset("psg.grass")) if rule.startswith("node.")]
    states = [i for i, rule in enumerate(order) if STATE_LABELS & set(rule.split("."))]
    types = [i for i, rule in enumerate(order) if not STATE_LABELS & set(rule.split("."))]
    assert max(types) < min(states)
    assert order[-1] == "node.Tombstone"


def test_styled_relationships_exist_and_the_style_has_nothing_the_browser_would_misread() -> None:
    text = asset("psg.grass")
    styled = {rule.partition(".")[2] for rule in parse_grass(text) if rule.startswith("relationship.")}
    assert styled and styled <= {reference.relationship for reference in REFERENCES}
    assert "/*" not in text and "//" not in text
    for line in text.splitlines():
        if ":" in line:
            assert re.fullmatch(r"  [a-z-]+: (#[0-9A-F]{6}|\d+px|'[^':;]+');", line), line


def test_the_html_guide_is_the_rendered_asciidoc_guide(renderer: ModuleType) -> None:
    assert renderer.render(asset("guide.adoc")) == asset("guide.html"), "run: python docs/render_browser_guide.py"


def test_the_guide_offers_exactly_the_saved_queries(renderer: ModuleType) -> None:
    listings = renderer.listings(asset("guide.adoc"))
    assert sorted(t for t in listings if t.startswith("//")) == sorted(t.strip() for t in QUERIES.values())
    slides = Slides()
    slides.feed(asset("guide.html"))
    assert slides.open == []
    assert slides.listings == listings
    assert slides.slides == asset("guide.adoc").count("\n== ")
    assert "<script" not in asset("guide.html") and "http" not in asset("guide.html")


@pytest.mark.parametrize("name", QUERIES)
def test_a_saved_query_has_a_title_and_only_reads(name: str) -> None:
    title, _, body = QUERIES[name].partition("\n")
    assert re.fullmatch(r"//[A-Z].{5,110}", title)
    assert not re.search(r"\b(CREATE|MERGE|SET|DELETE|REMOVE|DETACH|FOREACH|LOAD)\b", body)
    assert set(re.findall(r"\$(\w+)", body)) <= {"project_id", "plan_id", "step_key"}
    assert name.removesuffix(".cypher").replace("_", "").isalpha()
