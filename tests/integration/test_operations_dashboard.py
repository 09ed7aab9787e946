"""The Grafana dashboard and the alert rules of docs/operations use nothing but what a running platform exports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from graphql_api import running_api
from prometheus_client.parser import text_string_to_metric_families
from world import World, step

from psg_neo4j import Database

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "operations"
MONITORING = FOLDER.parent / "monitoring.md"
OF_PROMETHEUS = {"instance", "job"}
METRIC = re.compile(r"\b((?:psg|process)_\w+)(?:\{([^}]*)\})?")
BY = re.compile(r"\bby \(([^)]*)\)")


def dashboard() -> dict[str, Any]:
    return json.loads((FOLDER / "grafana.json").read_text("utf-8"))


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    rules = yaml.safe_load((FOLDER / "psg-alerts.yml").read_text("utf-8"))
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])


async def test_each_metric_label_and_value_is_exported_by_a_running_platform(db: Database) -> None:
    world = await World.create(db)
    await world.draft(step("a"))
    async with running_api(db) as api:
        await api.project()  # a request and a commit, so that those are counted
        text = (await api.http.get("/metrics")).text
    exported: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        if not family.samples:  # nothing to tell now, as of modules where none run: its labels are in the docs
            labels = re.search(rf"`{family.name}{{(\w+)}}`", MONITORING.read_text("utf-8"))
            exported[family.name] = {labels[1]: set()} if labels else {}
        for sample in family.samples:
            labels = exported.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    used = 0
    for expression in expressions():
        metrics = METRIC.findall(expression)
        known: set[str] = set(OF_PROMETHEUS)
        for name, selector in metrics:
            assert name in exported, f"{name} of {expression} is not exported"
            known |= exported[name].keys()
            for label, operator, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', selector):
                assert label in OF_PROMETHEUS or label in exported[name], f"{label} of {expression}"
                if label not in OF_PROMETHEUS:
                    values = value.split("|") if operator == "=~" else [value]
                    assert set(values) <= exported[name][label] | {"failed", "in_progress"}, expression
            used += 1
        for labels in BY.findall(expression):
            assert {label.strip() for label in labels.split(",")} <= known, expression
    assert used > 30
    shown = {label for panel in dashboard()["panels"] for target in panel["targets"]
             for label in re.findall(r"{{(\w+)}}", target["legendFormat"])}  # fmt: skip
    assert shown <= {label for labels in exported.values() for label in labels} | OF_PROMETHEUS


def test_the_dashboard_is_whole_and_asks_for_its_data_source() -> None:
    made = dashboard()
    panels = made["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 18
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert [variable["name"] for variable in made["templating"]["list"]] == ["datasource", "instance"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_prometheus_is_told_to_read_the_rules_that_are_there() -> None:
    scrape = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
    assert all((FOLDER / name).is_file() for name in scrape["rule_files"])
    assert scrape["scrape_configs"][0]["static_configs"][0]["targets"] == ["127.0.0.1:8765"]
