"""Board and alert rules ask for metrics that the service has, and every alert says where to read what to do."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from moderation_service.domain.notifications.retry_policy import Action
from moderation_service.metrics import ACCEPTED, REPLAYED, Metrics
from moderation_service.services.operations.statistics import Figures
from moderation_service.storage.operations.statistics import Pending, Waiting
from moderation_service.web.operations.exposition import of_database
from schemas.problems import ProblemCode
from tests.support.documents import anchors
from tests.support.processes import ROOT

DEPLOYMENT = ROOT / "docs" / "deployment"
DOCUMENTATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"][
    "Documentation"
]
OPERATIONS = ROOT / "docs" / "operations.md"
BOARD = json.loads((DEPLOYMENT / "grafana-board.json").read_text(encoding="utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((DEPLOYMENT / "prometheus-rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ADDED_BY_PROMETHEUS = {"job", "instance"}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
VALUES = {
    "outcome": {ACCEPTED, REPLAYED, *ProblemCode},
    "status": {f"{number}xx" for number in range(1, 6)},
    "action": {*Action},
    "result": {"hit", "miss"},
}
"""What the labels of a closed set may say."""


def known_metrics() -> dict[str, set[str]]:
    """Every name that a scrape can have, with its labels."""
    found: dict[str, set[str]] = {"up": set()}
    metrics = Metrics()
    for one in vars(metrics).values():
        if isinstance(one, MetricWrapperBase):
            for suffix in SUFFIXES[str(one._type)]:
                labels = {*one._labelnames, "process"} | ({"le"} if suffix == "_bucket" else set())
                found[one._name + suffix] = labels
    counted: Iterator[Metric] = iter(metrics.registry.collect())
    for family in chain(counted, of_database(_figures())):
        for sample in family.samples:
            if sample.name not in found and not sample.name.endswith("_created"):
                found[sample.name] = {*sample.labels} | (
                    {"process"} if sample.name.startswith("process_") else set()
                )
    return found


def _figures() -> Figures:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    return Figures(
        at=now,
        waiting=Waiting(due=1, held_back=1, oldest=now),
        pending=[Pending(site_id="coop", count=1, oldest=now)],
        parked_people=0,
        parked_messages=0,
        undeliverable=0,
        is_mail_late=False,
        under_attack={"coop": False},
    )


KNOWN = known_metrics()


@dataclass(slots=True)
class Named:
    """What an expression asks for."""

    metrics: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    """By which it selects, groups or joins."""
    values: list[tuple[str, str]] = field(default_factory=list)
    """Labels and the values that they must have."""


def read(expression: str) -> Named:
    """Parse an expression; a board's intervals and variables stand for values there."""
    named = Named()

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            assert node.name is not None
            named.metrics.add(node.name)
            for matcher in node.matchers.matchers:
                named.labels.add(matcher.name)
                if matcher.op == promql.MatchOp.Equal and not matcher.value.startswith("$"):
                    named.values.append((matcher.name, matcher.value))
        elif isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            named.labels |= {*node.modifier.labels}
        elif (
            isinstance(node, promql.BinaryExpr)
            and node.modifier is not None
            and node.modifier.matching is not None
        ):
            named.labels |= {*node.modifier.matching.labels}

    promql.walk(promql.parse(expression.replace("$__rate_interval", "5m")), visit)
    return named


def faults(expression: str) -> list[str]:
    """What the service cannot answer of an expression."""
    named = read(expression)
    unknown = [f"no metric {name}" for name in named.metrics if name not in KNOWN]
    unknown += [
        f"{name} has no label {label}"
        for name in named.metrics & KNOWN.keys()
        for label in named.labels - KNOWN[name] - ADDED_BY_PROMETHEUS
    ]
    unknown += [f"no {name}: {value}" for name, value in named.values if value not in VALUES.get(name, {value})]
    return unknown


def panels() -> list[dict[str, Any]]:
    return [one for one in BOARD["panels"] if one["type"] != "row"]


def queries() -> list[tuple[str, str, str]]:
    """Title, expression and legend of each query of the board."""
    return [
        (one["title"], target["expr"], target["legendFormat"]) for one in panels() for target in one["targets"]
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"]) == []
    assert rule["labels"]["severity"] in {"page", "ticket"}
    notes = rule["annotations"]
    place, _, anchor = notes["runbook_url"].removeprefix(DOCUMENTATION).partition("#")
    assert (place, anchor) == (OPERATIONS.name, rule["alert"].lower())
    assert anchor in anchors(OPERATIONS)
    shown = set(re.findall(r"\$labels\.(\w+)", notes["summary"]))
    named = read(rule["expr"])
    grouped = " by (" in rule["expr"]
    assert shown <= (named.labels if grouped else named.labels | ADDED_BY_PROMETHEUS)


def test_every_section_about_an_alert_is_about_one_that_there_is() -> None:
    [section] = re.findall(
        r"^## Alerts\n(.*?)^## ", OPERATIONS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    told = re.findall(r"^### (\w+)\n\n\*(\w+)", section, re.MULTILINE)
    assert told == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]


@pytest.mark.parametrize(("title", "expression", "legend"), queries())
def test_a_panel_of_the_board_asks_for_what_there_is(title: str, expression: str, legend: str) -> None:
    del title
    assert faults(expression) == []
    named = read(expression)
    surviving = named.labels if " by (" in expression else named.labels | {"process"} | ADDED_BY_PROMETHEUS
    assert set(re.findall(r"{{(\w+)}}", legend)) <= surviving
    variables = {f"${one['name']}" for one in BOARD["templating"]["list"]}
    assert set(re.findall(r"\$\w+", expression)) <= variables | {"$__rate_interval"}


def test_the_variables_of_the_board_are_read_from_metrics_that_there_are() -> None:
    asked = [one["query"]["query"] for one in BOARD["templating"]["list"] if one["type"] == "query"]
    found = [re.fullmatch(r"label_values\((\w+), (\w+)\)", one) for one in asked]
    for one in found:
        assert one is not None
        assert one[2] in KNOWN[one[1]] | ADDED_BY_PROMETHEUS


def test_the_board_shows_every_metric_of_the_service() -> None:
    shown = {name for _, expression, _ in queries() for name in read(expression).metrics}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in KNOWN if name.startswith("moderation_")}
    assert families - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} == set()


def test_the_panels_of_the_board_lie_side_by_side() -> None:
    taken = [
        (x, y)
        for one in BOARD["panels"]
        for place in [one["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({one["id"] for one in BOARD["panels"]}) == len(BOARD["panels"])


def test_the_table_of_metrics_has_the_labels_that_they_have() -> None:
    rows = re.findall(r"^\| (`moderation_.*?) \|(.*?)\|", OPERATIONS.read_text(encoding="utf-8"), re.MULTILINE)
    told = {
        name: {*re.findall(r"`(\w+)`", labels)} for names, labels in rows for name in re.findall(r"`(\w+)`", names)
    }
    expected = {
        re.sub(r"_(bucket|sum|count)$", "", name): labels - {"le"}
        for name, labels in KNOWN.items()
        if name.startswith("moderation_")
    }
    assert told == expected


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("moderation_mail_pause == 1", "no metric moderation_mail_pause"),
        ("sum by (site) (moderation_mail_paused)", "moderation_mail_paused has no label site"),
        ('rate(moderation_submissions_total{outcome="gone"}[5m])', "no outcome: gone"),
    ],
)
def test_an_expression_that_asks_for_what_there_is_not_is_noticed(expression: str, fault: str) -> None:
    assert faults(expression) == [fault]
