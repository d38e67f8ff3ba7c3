from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.experiment import read
from loadtests.model import Precision
from tests.loadtests.test_experiment import GOOD, refusal

CORE = "none.capacity.requests_per_core_second"
OF_AN_ENDPOINT = "none.latency.latency_p99_ms@GET /me"
SEED = "seed = 3"


def asking(*keys: str) -> str:
    return GOOD.replace(SEED, "\n".join((SEED, *keys)))


def precision_of(tmp_path: Path, *keys: str) -> Precision | None:
    path = tmp_path / "mine.toml"
    path.write_text(asking(*keys))
    return read(path).precision


def test_without_it_a_run_has_a_fixed_length(tmp_path: Path) -> None:
    assert precision_of(tmp_path) is None


def test_the_headline_ratio_is_meant(tmp_path: Path) -> None:
    asked = precision_of(tmp_path, "precision = 0.03", "max_minutes = 20")
    assert asked == Precision(0.03, 20.0, (CORE,))


def test_or_what_is_named(tmp_path: Path) -> None:
    keys = ("precision = 0.03", "max_minutes = 20", f'precise = ["{CORE}", "{OF_AN_ENDPOINT}"]')
    assert precision_of(tmp_path, *keys) == Precision(0.03, 20.0, (CORE, OF_AN_ENDPOINT))


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (["precision = 0"], "precision = 0: Input should be greater than or equal to 0.001"),
        (["precision = 2"], "precision = 2: Input should be less than or equal to 1"),
        (["precision = 0.03"], "max_minutes: missing; it must be given beside `precision`"),
        (["max_minutes = 9"], "max_minutes = 9.0; allowed: only beside `precision`"),
        ([f'precise = ["{CORE}"]'], f"precise = ['{CORE}']; allowed: only beside `precision`"),
        (["precision = 0.03", "max_minutes = 0.2"], "max_minutes = 0.2; allowed: at least "),
        (["precision = 0.03", "max_minutes = 9", "precise = []"], "precise = []: List should "),
        (["precision = 0.03", "max_minutes = 9", 'precise = ["x"]'],
         "precise.0 = 'x': term 'x'; allowed: ARM.PHASE.METRIC"),
        (["precision = 0.03", "max_minutes = 9", 'precise = ["two.capacity.error_rate"]'],
         "precise.0 = 'two.capacity.error_rate': arm 'two'; allowed: one, none, one#2"),
        (["precision = 0.03", "max_minutes = 9", f'precise = ["{CORE.replace("none", "one")}"]'],
         f"precise.0 = '{CORE.replace('none', 'one')}': allowed: an arm to compare with one, "),
        (["precision = 0.03", "max_minutes = 9", 'precise = ["none.latency.latency_p99_ms"]'],
         "precise.0 = 'none.latency.latency_p99_ms': allowed: none.latency.latency_p99_ms@METHOD"),
        (["precision = 0.03", "max_minutes = 9",
          'precise = ["none.revocation.revocation_lag_max_s"]'],
         "precise.0 = 'none.revocation.revocation_lag_max_s': allowed: a metric with an interval"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(tmp_path: Path, keys: list[str], says: str) -> None:
    assert refusal(tmp_path, asking(*keys)).startswith(says)


def test_an_experiment_without_capacity_must_name_what_it_wants(tmp_path: Path) -> None:
    text = asking("precision = 0.03", "max_minutes = 20").replace(
        'kind = "capacity"', 'kind = "mixed"'
    )
    text = text.replace("background_fraction", "x").replace(
        "trials = { per_slice = 4 }", "trials = { per_slice = 4, background_fraction = 0 }"
    )
    assert refusal(tmp_path, text).startswith("precise: missing; it must be given where no ")
