from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.experiment import read
from loadtests.model import Load
from loadtests.search import Search
from tests.loadtests.test_experiment import POISSON, TRIALS, refusal

SEARCH = "search = { p99_ms = 25.0, highest_rps = 1_600.0 }"
SLO = f"""
question = "How much within the limit?"
reference = "none"
pool_users = 40

[[arms]]
strategy = "none"

[[phases]]
name = "knee"
kind = "slo"
scenario = "browse"
{SEARCH}
rounds = 20
"""


def test_a_search_says_what_it_looks_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SLO)
    (phase,) = read(path).phases
    assert phase.search == Search(25.0, 500.0, 1_600.0, 0.05, 3)
    assert (phase.load, phase.trials) == (Load("poisson"), None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (SEARCH, "", ["phases.0.search = None", "an `slo` phase has `search`"]),
        (SEARCH, POISSON, ["phases.0.search = None", "an `slo` phase has `search`"]),
        (SEARCH, f"{SEARCH}\n{POISSON}", ["phases.0.search", "no `load`"]),
        (SEARCH, f"{SEARCH}\n{TRIALS}", ["phases.0.trials", "a `revocation` phase has `trials`"]),
        ('kind = "slo"', 'kind = "latency"', ["phases.0.search", "no other kind has"]),
        ("p99_ms", "p95_ms",
         ["phases.0.search.p95_ms: unknown key", "highest_rps, lowest_rps, p99_ms"]),
        ("p99_ms = 25.0", "p99_ms = 0.0", ["phases.0.search.p99_ms = 0.0", "greater than 0"]),
        ("p99_ms = 25.0", "precision = 0.001", ["search.precision = 0.001", "equal to 0.01"]),
        ("highest_rps = 1_600.0", "highest_rps = 400.0",
         ["phases.knee.search.highest_rps = 400; allowed: more than 500 (lowest_rps)"]),
        ("highest_rps = 1_600.0", "highest_rps = 1_601.0",
         ["pool_users = 40; allowed: at least 41", "phases.knee.search"]),
        ("p99_ms = 25.0", "p99_ms = 25.0, precision = 0.02",
         ["phases.knee.slice_s = 0.9; allowed: at least 1.275,"]),
        ("p99_ms = 25.0", "p99_ms = 25.0, lowest_rps = 50.0",
         ["phases.knee.slice_s = 0.9; allowed: at least 2,", "100 requests fall due"]),
    ],
)  # fmt: skip
def test_a_search_that_cannot_find_anything_is_refused(
    tmp_path: Path, old: str, new: str, says: list[str]
) -> None:
    assert old in SLO
    line = refusal(tmp_path, SLO.replace(old, new, 1))
    assert [part for part in says if part not in line] == [], line
