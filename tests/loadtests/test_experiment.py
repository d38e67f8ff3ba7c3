from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import servers.strategy
from loadtests.carts import LEAST_STATE_BYTES
from loadtests.experiment import EXPERIMENTS, find, read, strategies
from loadtests.experiment_checks import MINT_MAX
from loadtests.model import ConfigurationError, Load, Trials
from loadtests.plan import predicted_s
from loadtests.scenarios import available
from servers.flags import parse_settings

ROOT = Path(__file__).parents[2]
GOOD = """
question = "Which is dearer?"
seed = 3
reference = "one"
control = "one"
pool_users = 40

[server]
argon2_time_cost = 1

[[arms]]
name = "one"
strategy = "session_redis"
replicas = 2
state_bytes = 500
settings = { idle_s = 600 }

[[arms]]
strategy = "none"

[[phases]]
name = "capacity"
kind = "capacity"
scenario = "browse"
load = { model = "closed", users = 32 }
rounds = 3

[[phases]]
name = "latency"
kind = "latency"
scenario = "browse"
load = { model = "poisson", rate_rps = 100 }
rounds = 2

[[phases]]
name = "revocation"
kind = "revocation"
scenario = "revocation"
rounds = 1
trials = { per_slice = 4 }
"""
CLOSED = 'load = { model = "closed", users = 32 }'
POISSON = 'load = { model = "poisson", rate_rps = 100 }'
TRIALS = "trials = { per_slice = 4 }"
ALL_STRATEGIES = ", ".join(servers.strategy.available())
ALL_SCENARIOS = "browse, journey, login_storm, lookups, outage, refresh, revocation, tabs"


def refusal(tmp_path: Path, text: str | bytes) -> str:
    """What `read` says of the text, less the file's name, which it must begin with."""
    path = tmp_path / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    line = str(raised.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: ")
    return line.removeprefix(f"{path}: ")


def test_a_good_file_says_what_it_means(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    experiment = read(path)
    assert experiment.name == "mine"
    assert [arm.name for arm in experiment.arms] == ["one", "none", "one#2"]
    one, none, control = experiment.arms
    assert control == replace(one, name="one#2")
    assert (one.state_bytes, none.state_bytes) == (500, None)
    assert control.is_control
    assert not one.is_control
    assert experiment.server == {"argon2_time_cost": 1}
    assert experiment.phase("capacity").load == Load("closed", users=32)
    assert experiment.phase("latency").load == Load("poisson", rate_rps=100)
    assert experiment.phase("revocation").trials == Trials(4, None, None, 2, 0.3)
    assert experiment.phase("revocation").arms == ()


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_bundled_experiment_is_read_by_its_name(path: Path) -> None:
    assert find(path.stem) == path
    assert read(path).name == path.stem


def test_the_spectrum_holds_every_strategy_and_ends_in_time() -> None:
    spectrum = read(find("spectrum"))
    assert {arm.strategy for arm in spectrum.arms} == set(strategies())
    assert any(arm.is_control for arm in spectrum.arms)
    assert spectrum.blocks >= 5
    # What rounds may be repeated is not in the prediction.
    repeats_s = spectrum.blocks * spectrum.max_repeats * len(spectrum.arms)
    assert predicted_s(spectrum) + repeats_s <= 20 * 60


@pytest.mark.parametrize("name", ["algorithms", "payload", "population", "refresh", "slo"])
def test_what_decides_something_has_a_control_and_blocks_enough(name: str) -> None:
    experiment = read(find(name))
    assert any(arm.is_control for arm in experiment.arms)
    assert experiment.blocks >= 5


def test_the_refresh_lab_ends_in_time_and_tries_four_graces() -> None:
    refresh = read(find("refresh"))
    assert predicted_s(refresh) <= 6 * 60
    graces = {arm.grace_s for arm in refresh.arms_in(refresh.phase("tabs"))}
    assert graces == {0.0, 1.0, 5.0, 10.0}
    browsers = refresh.phase("tabs").browsers
    assert browsers is not None
    assert browsers.tabs == (2, 3, 4, 5)
    # Widths beyond the graces, or no number of tabs would tell them apart.
    assert max(browsers.within_s) > 5.0


def test_every_cache_of_the_population_meets_all_hits_and_all_misses() -> None:
    population = read(find("population"))
    sizes: dict[str, list[int]] = {}
    for arm in population.arms:
        if "cache_entries" in arm.settings:
            sizes.setdefault(arm.strategy, []).append(int(arm.settings["cache_entries"]))
    assert set(sizes) == {"session_tracking", "session_nearcache", "jwt_cached"}
    for entries in sizes.values():
        assert (min(entries), max(entries)) == (1, population.population)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seed = 3", "seeds = 3", ["seeds: unknown key", "allowed: arms, blocks", "seed"]),
        ("replicas = 2", "replica = 2", ["arms.0.replica: unknown key", "replicas, settings"]),
        (CLOSED, "laod = 1", ["phases.0.laod: unknown key", "guard_s, kind, load"]),
        ("users = 32", "user = 32", ["phases.0.load.user: unknown key", "model, rate_rps, users"]),
        ("per_slice = 4", "per = 4", ["phases.2.trials.per: unknown key", "per_slice"]),
        ("seed = 3", 'seed = "3"', ["seed = '3'", "integer"]),
        ("seed = 3", "seed = 3.5", ["seed = 3.5", "integer"]),
        ("seed = 3", "blocks = true", ["blocks = True", "integer"]),
        ("idle_s = 600", "idle_s = [6]", ["arms.0.settings.idle_s", "[6]"]),
        ("question = ", "# ", ["question: missing"]),
        ("replicas = 2", "replicas = 0", ["arms.0.replicas = 0", "greater than or equal to 1"]),
        ("state_bytes = 500", "state_bytes = 9",
         ["arms.0.state_bytes = 9", f"greater than or equal to {LEAST_STATE_BYTES}"]),
        ("rounds = 3", "rounds = 3\nslice_s = -1", ["phases.0.slice_s = -1", "greater than 0"]),
        ("rounds = 3", "rounds = 3\nslice_s = inf", ["phases.0.slice_s = inf", "finite"]),
        ("rounds = 3", "rounds = 3\nslice_s = nan", ["phases.0.slice_s = nan", "finite"]),
        ("rounds = 3", "rounds = 3\nguard_s = -0.1", ["phases.0.guard_s = -0.1", "equal to 0"]),
        ("seed = 3", "trials_within_minutes = 0", ["trials_within_minutes = 0", "greater than 0"]),
        ("seed = 3", "trials_within_minutes = 0.1",
         ["trials_within_minutes = 0.1; allowed: at least ", "all else than trials takes"]),
        ("rounds = 3", "rounds = 0", ["phases.0.rounds = 0", "greater than or equal to 1"]),
        ("seed = 3", "warm_up_s = -1", ["warm_up_s = -1", "greater than 0"]),
        ("seed = 3", "request_timeout_s = 0", ["request_timeout_s = 0", "greater than 0"]),
        ("rate_rps = 100", "rate_rps = 0", ["phases.1.load.rate_rps = 0", "greater than 0"]),
        ("users = 32", "users = 32, rate_rps = 5.0", ["phases.0.load.rate_rps = 5.0", "closed"]),
        ("rate_rps = 100", "rate_rps = 100, users = 3", ["phases.1.load.users = 3", "closed"]),
        (", users = 32", "", ["phases.0.load.users = None", "a closed load has `users`"]),
        (", rate_rps = 100", "", ["phases.1.load.rate_rps = None", "poisson load has `rate_rps`"]),
        ('"closed"', '"open"', ["phases.0.load.model = 'open'", "'closed'", "'poisson'"]),
        (CLOSED, POISSON, ["phases.0.load", "`capacity`", "closed"]),
        (POISSON, CLOSED, ["phases.1.load", "`latency`", "constant or poisson"]),
        ('kind = "latency"', 'kind = "speed"', ["phases.1.kind = 'speed'", "'latency'"]),
        ('"session_redis"', '"cookies"', ["arms.0.strategy = 'cookies'", ALL_STRATEGIES]),
        ('"session_redis"', '"_redis"', ["arms.0.strategy = '_redis'", ALL_STRATEGIES]),
        ('scenario = "browse"', 'scenario = "walk"', ["phases.0.scenario = 'walk'", ALL_SCENARIOS]),
        ('scenario = "browse"', 'scenario = "revocation"', ["phases.0.scenario", "`revocation`"]),
        ("seed = 3", 'carrier = "pigeon"', ["carrier = 'pigeon'", "'bearer' or 'cookie'"]),
        ('reference = "one"', 'reference = "two"', ["reference = 'two'", "allowed: one, none"]),
        ('control = "one"', 'control = "two"', ["control = 'two'", "allowed: one, none"]),
        ('name = "one"', 'name = "none"', ["arms: names", "'none', 'none'", "only once"]),
        ('name = "latency"', 'name = "capacity"', ["phases: names", "only once"]),
        ('name = "one"', 'name = "../one"', ["arms.0.name = '../one'", "pattern"]),
        ("pool_users = 40", "pool_users = 31", ["pool_users = 31", "at least 32"]),
        ("pool_users = 40", "pool_users = 40\ngenerators = 0", ["generators = 0", "1"]),
        ("pool_users = 40", "pool_users = 40\ngenerators = 2.0", ["generators = 2.0"]),
        ("pool_users = 40", "pool_users = 40\ngenerators = 41", ["generators = 41", "at most 40"]),
        ("seed = 3", "population = 100_001", ["population = 100001; allowed: at most 100000"]),
        ("argon2_time_cost = 1", "mint_max = 8",
         ["population = 10000; allowed: at most 8", "(server.mint_max)"]),
        ("argon2_time_cost = 1", "port = 80", ["server.port = 80; allowed: no value", "a run"]),
        ("argon2_time_cost = 1", 'key-prefix = ""', ["server.key-prefix = ''; allowed: no value"]),
        (TRIALS, "", ["phases.2.trials = None", "a `revocation` phase has `trials`"]),
        (TRIALS, 'trials = { per_slice = "some" }',
         ["phases.2.trials.per_slice", "'some'", "auto"]),
        (TRIALS, "trials = { concurrent = 0 }", ["phases.2.trials.concurrent", "= 0"]),
        (TRIALS, f"arms = []\n{TRIALS}", ["phases.2.arms = []", "at least 1"]),
        (TRIALS, f'arms = ["one", "six"]\n{TRIALS}',
         ["phases.revocation.arms = 'six'; allowed: one, "]),
        (TRIALS, f"{TRIALS}\n{POISSON}", ["phases.2.trials", "either `load` or `trials`"]),
        (POISSON, "", ["phases.1.trials = None", "either `load` or `trials`"]),
        ('kind = "capacity"', 'kind = "mixed"',
         ["phases.revocation.trials.background_fraction = 0.3", "after a `capacity` phase"]),
    ],
)  # fmt: skip
def test_bad_input_names_the_key_the_value_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, says: list[str]
) -> None:
    assert old in GOOD
    line = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert [part for part in says if part not in line] == [], line


def test_only_trials_can_be_fewer_in_a_given_time(tmp_path: Path) -> None:
    timed = GOOD.replace("seed = 3", "trials_within_minutes = 9")
    path = tmp_path / "mine.toml"
    path.write_text(timed)
    assert read(path).trials_within_minutes == 9
    untried = timed[: timed.rindex("[[phases]]")]
    assert refusal(tmp_path, untried).startswith(
        "trials_within_minutes = 9; allowed: only where a phase has `trials`"
    )
    precise = f"precision = 0.05\nmax_minutes = 30\n{timed}"
    assert refusal(tmp_path, precise).startswith(
        "trials_within_minutes = 9; allowed: not beside `precision`"
    )


@pytest.mark.parametrize("tables", ["arms", "phases"])
def test_no_arms_or_phases(tmp_path: Path, tables: str) -> None:
    emptied = re.sub(rf"\[\[{tables}\]\].*?(?=\n\[\[(?!{tables})|\Z)", "", GOOD, flags=re.DOTALL)
    line = refusal(tmp_path, f"{tables} = []\n{emptied}")
    assert line.startswith(f"{tables} = []: ")
    assert "at least 1" in line


def test_a_population_may_be_as_large_as_servers_mint(tmp_path: Path) -> None:
    assert parse_settings(["--strategy", "none"], {}, strategies).mint_max == MINT_MAX
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("seed = 3", f"population = {MINT_MAX}"))
    assert read(path).population == MINT_MAX
    more = GOOD.replace("seed = 3", f"population = {MINT_MAX + 1}")
    path.write_text(more.replace("[server]", f"[server]\nmint_max = {MINT_MAX + 1}"))
    assert read(path).population == MINT_MAX + 1


@pytest.mark.parametrize("text", [b"arms = [", b"\xff\xfe", b"\x7fELF\0\0\xff"])
def test_what_is_no_toml(tmp_path: Path, text: bytes) -> None:
    assert refusal(tmp_path, text).startswith("not TOML: ")


def test_what_is_allowed_is_what_there_is() -> None:
    assert ", ".join(strategies()) == ALL_STRATEGIES
    assert ", ".join(available()) == ALL_SCENARIOS


def test_an_unknown_experiment_names_the_known() -> None:
    with pytest.raises(ConfigurationError, match=r"'nope'; allowed: a TOML file, or .*headline"):
        find("nope")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtests", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_says_it_in_one_line_with_status_2(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("seed = 3", "seeds = 3"))
    for arguments, named in ((["run", "nope"], "'nope'"), (["plan", str(path)], "seeds")):
        ended = command(*arguments)
        assert ended.returncode == 2
        assert ended.stdout == ""
        (line,) = ended.stderr.splitlines()
        assert named in line
        assert "allowed: " in line
