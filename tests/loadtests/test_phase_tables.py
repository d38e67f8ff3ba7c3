from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.experiment import read
from loadtests.model import Browsers, Load
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


AFAR = """
question = "How far may the store be?"
reference = "session_redis"
[[arms]]
strategy = "session_redis"

[[phases]]
name = "afar"
kind = "users"
scenario = "browse"
load = { model = "closed", users = 8 }
rounds = 1
store_delay_ms = 0.5
"""


def test_a_phase_says_how_far_the_store_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(AFAR)
    experiment = read(path)
    assert experiment.phases[0].store_delay_s == 0.0005
    assert experiment.has_distances


def test_without_a_distance_nothing_stands_before_a_store(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(AFAR.replace("store_delay_ms = 0.5", ""))
    experiment = read(path)
    assert experiment.phases[0].store_delay_s is None
    assert not experiment.has_distances


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("= 0.5", "= -0.5", ["store_delay_ms = -0.5", "greater than or equal to 0"]),
        ("= 0.5", "= 201", ["store_delay_ms = 201", "less than or equal to 200"]),
        ("= 0.5", '= "far"', ["store_delay_ms = 'far'", "number"]),
        ("store_delay_ms", "store_delay_s", ["store_delay_s: unknown key", "store_delay_ms"]),
        ('{ model = "closed", users = 8 }', '{ model = "constant", rate_rps = 9 }',
         ["phases.0.load", "a `users` phase has a closed load"]),
    ],
)  # fmt: skip
def test_a_distance_that_cannot_be_is_refused(
    tmp_path: Path, old: str, new: str, says: list[str]
) -> None:
    assert old in AFAR
    line = refusal(tmp_path, AFAR.replace(old, new, 1))
    assert [part for part in says if part not in line] == [], line


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


BROWSERS = "browsers = { tabs = [2, 3], within_s = [0.05, 8.0], each = 4 }"
TABS = f"""
question = "Whom does a refresh log out?"
reference = "own"

[[arms]]
name = "own"
strategy = "jwt_refresh"
settings = {{ grace_s = 1 }}

[[arms]]
strategy = "none"

[[phases]]
name = "tabs"
kind = "tabs"
scenario = "tabs"
arms = ["own"]
{BROWSERS}
rounds = 1
"""


def test_a_phase_of_tabs_says_what_is_tried_and_on_whom(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TABS)
    experiment = read(path)
    (phase,) = experiment.phases
    assert phase.browsers == Browsers((2, 3), (0.05, 8.0), 4, 1)
    assert phase.browsers.per_slice == 2 * 2 * 4 + 1
    assert phase.is_tried
    assert [arm.name for arm in experiment.arms_in(phase)] == ["own"]
    assert experiment.refreshing_phases("own") == ["tabs"]
    assert experiment.refreshing_phases("none") == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (BROWSERS, "", ["phases.0.browsers = None", "a `tabs` phase has `browsers`"]),
        (BROWSERS, f"{BROWSERS}\n{POISSON}", ["phases.0.browsers", "no `load`"]),
        (BROWSERS, f"{BROWSERS}\n{TRIALS}", ["phases.0.trials", "a `revocation` phase"]),
        ('scenario = "tabs"', 'scenario = "browse"', ["a `tabs` phase has the `tabs` scenario"]),
        ('kind = "tabs"', 'kind = "capacity"', ["a `tabs` phase has the `tabs` scenario"]),
        ("tabs = [2, 3]", "tabs = [1]", ["browsers.tabs.0 = 1", "equal to 2"]),
        ("tabs = [2, 3]", "tabs = []", ["browsers.tabs = []", "at least 1"]),
        ("within_s = [0.05, 8.0]", "within_s = [61.0]", ["within_s.0 = 61.0", "equal to 60"]),
        ("each = 4", "eech = 4", ["phases.0.browsers.eech: unknown key", "each, tabs, thefts"]),
        ('arms = ["own"]', 'arms = ["one"]', ["phases.tabs.arms = 'one'", "allowed: own, none"]),
        ('arms = ["own"]', "arms = []", ["phases.0.arms = []", "at least 1"]),
        ('arms = ["own"]', "", ["arms.none.settings.grace_s = None", "phases.tabs tries it"]),
        ("grace_s = 1", "grace_s = true", ["arms.own.settings.grace_s = True", "a number"]),
        ("grace_s = 1", "grace_s = -1", ["arms.own.settings.grace_s = -1", "a number"]),
    ],
)  # fmt: skip
def test_tabs_that_cannot_be_tried_are_refused(
    tmp_path: Path, old: str, new: str, says: list[str]
) -> None:
    assert old in TABS
    line = refusal(tmp_path, TABS.replace(old, new, 1))
    assert [part for part in says if part not in line] == [], line
