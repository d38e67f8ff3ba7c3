"""docs/ says what the code says: of strategies, and of what gates can name."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from loadtests.checks import rules
from loadtests.metric_names import METRIC_KINDS
from servers.strategy import StrategySpec, available, load

TEXT = (Path(__file__).parents[1] / "docs" / "strategies.md").read_text(encoding="utf-8")
OTHER_VALUES: dict[str, float] = {
    "token_ttl_s": 120, "access_ttl_s": 60, "clock_leeway_s": 3.5, "cache_ttl_s": 0.25,
    "staleness_s": 0.5,
}  # fmt: skip


def section(heading: str) -> str:
    return re.split(r"^## ", TEXT.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.M)[0]


def bounds() -> dict[str, str]:
    """Strategy -> what the table says of its law."""
    found = {}
    for line in section("At a glance").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+)`", cells[0]) if len(cells) > 2 else []:
            found[name] = cells[2]
    return found


def value_of(formula: str, options: Any) -> float | None:
    """`never`, or a sum of numbers, settings in backticks and ε (the clock's leeway)."""
    formula = formula.partition(";")[0].strip()
    if formula == "never":
        return None
    terms = [term.strip().replace("ε", "`clock_leeway_s`") for term in formula.split("+")]
    return sum(
        getattr(options, term.strip("`")) if term.startswith("`") else float(term) for term in terms
    )


def every_options(spec: StrategySpec) -> list[Any]:
    names = {field.name for field in dataclasses.fields(spec.options_type)}
    changed = {name: value for name, value in OTHER_VALUES.items() if name in names}
    return [spec.options_type(), spec.options_type(**changed)]


def test_the_table_has_every_strategy_and_no_other() -> None:
    assert sorted(bounds()) == available()


@pytest.mark.parametrize("name", available())
def test_the_table_says_the_law(name: str) -> None:
    spec = load(name)
    for options in every_options(spec):
        assert value_of(bounds()[name], options) == spec.law(options).bound_s


@pytest.mark.parametrize("name", available())
def test_every_setting_is_named(name: str) -> None:
    fields = dataclasses.fields(load(name).options_type)
    assert [f.name for f in fields if f"`{f.name}`" not in section("Settings")] == []


def test_every_metric_of_a_gate_is_named() -> None:
    comparing = (Path(__file__).parents[1] / "docs" / "comparing.md").read_text(encoding="utf-8")
    assert [name for name in METRIC_KINDS if f"`{name}`" not in comparing] == []


def test_every_finding_is_explained_with_its_severity() -> None:
    text = (Path(__file__).parents[1] / "docs" / "findings.md").read_text(encoding="utf-8")
    known = [each for each in vars(rules).values() if isinstance(each, rules.Rule)]
    assert known
    missing = [
        rule.name
        for rule in known
        if not re.search(rf"^\| `{rule.name}` \| {rule.severity}", text, re.MULTILINE)
    ]
    assert missing == []


def test_no_message_of_a_diagram_ends_early() -> None:
    """Mermaid takes a semicolon for the end of a line, and the whole diagram for an error."""
    diagrams = re.findall(r"```mermaid\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(diagrams) == 4
    assert [line for each in diagrams for line in each.splitlines() if ";" in line] == []
