from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.aa.coverage import FAMILIES
from analysis.aa.trust import Trust, trust_of
from analysis.aa.twins import disjoint_pairs, twins_of
from analysis.commands.aa import told_of
from loadtests.experiment import EXPERIMENTS, read
from loadtests.model import Arm, Experiment, SliceRecord
from loadtests.plan import predicted_s
from tests.builders import a_finding, a_phase, a_run, an_arm, an_experiment
from tests.run_folders import slices_of, write_run_folder

FIELDS = [
    "schema", "verdict", "passed", "goals", "twins", "pairs", "floors", "misses", "components",
    "simulated",
]  # fmt: skip
PHASES = (a_phase("capacity", rounds=2), a_phase("latency-1500", rounds=2))
NAMES = ("twin-1", "twin-2", "twin-3", "twin-4", "twin-1#2")
ARMS = tuple(an_arm(name, strategy="session_redis") for name in NAMES)


def twins(blocks: int = 10, arms: Sequence[Arm] = ARMS) -> Experiment:
    return an_experiment(
        name="aa", arms=tuple(arms), reference="twin-1", blocks=blocks, phases=PHASES
    )


def slower(record: SliceRecord, factor: float) -> SliceRecord:
    server_s = record.cpu_s.server or 0.0
    return dataclasses.replace(
        record, cpu_s=dataclasses.replace(record.cpu_s, server=server_s * factor)
    )


def a_folder(
    results: Path,
    experiment: Experiment,
    *,
    slow: dict[str, float] | None = None,
    bad: bool = False,
) -> Path:
    """`slow`: arms that are no twins after all, by the factor on their servers' CPU."""
    slices = [
        slower(each, (slow or {}).get(each.arm, 1.0))
        for each in slices_of(experiment, requests=800)
    ]
    run = a_run(experiment, findings=(a_finding("invalid"),) if bad else ())
    return write_run_folder(results, run, slices=slices, trials=())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_folder(tmp_path_factory.mktemp("results"), twins())


@pytest.fixture(scope="module")
def trust(folder: Path) -> Trust:
    return trust_of(folder, experiments=100)


def test_every_compared_place_is_looked_at(trust: Trust) -> None:
    names = {place.metric.name for place in trust.trials}
    assert {metric for metric, *_ in FAMILIES.values()} <= names
    assert {"throughput_rps", "wire_bytes_per_request", "store_bytes_per_login"} <= names
    assert set(trust.components) | set(trust.left_out) == set(trust.trials)
    assert not {place.metric.name for place in trust.left_out} & {
        "throughput_rps", "latency_p99_ms", "cpu_store_us",
    }  # fmt: skip
    assert list(trust.simulated) == list(trust.components)


def test_trials_share_neither_arms_nor_blocks(trust: Trust) -> None:
    assert trust.pairs == (("twin-1", "twin-2"), ("twin-3", "twin-4"))
    for trials in trust.trials.values():
        used = [(arm, block) for t in trials for arm in t.pair for block in t.blocks]
        assert len(used) == len(set(used)) == 4 * 2 * 5


def test_the_components_are_those_the_slices_were_made_with(trust: Trust) -> None:
    # tests.run_folders: 0.5% an arm and block, 1% a slice; two slices make a block.
    for place, found in trust.components.items():
        if place.metric.name == "cpu_server_us":
            assert found.ratio_sd == pytest.approx(math.sqrt(2 * (0.005**2 + 0.01**2 / 2)), rel=0.3)
            assert found.slice == pytest.approx(0.01**2, rel=0.5)


def test_floors_of_five_blocks_stand_beside_the_whole_runs(trust: Trust) -> None:
    for floors in trust.floors:
        assert floors.whole is not None
        assert 0 <= floors.median <= floors.largest


def test_the_command_writes_and_says_what_it_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["aa", str(folder), "--experiments", "50"])
    said = capsys.readouterr().out
    document = json.loads((folder / "aa.json").read_text())
    assert list(document) == FIELDS
    assert len(document["goals"]) == 20
    assert document["passed"] is all(goal["passed"] for goal in document["goals"])
    # Fifty experiments miss goals by luck alone.
    assert status == (0 if document["passed"] else 1)
    assert all(0 <= row["covered"] <= 1 for row in document["simulated"])
    page = (folder / "aa.md").read_text()
    for goal in document["goals"]:
        assert goal["what"] in page
        assert goal["what"] in said
    assert "Variance Components, 1992" in page
    assert "](charts/aa.svg)" in page
    assert (folder / "charts" / "aa.png").read_bytes().startswith(b"\x89PNG")
    drawn = (folder / "charts" / "aa.svg").read_text()
    assert "coverage of 95% intervals" in drawn
    assert "heavy-tailed noise" in drawn


@pytest.mark.parametrize(
    ("passed", "status", "words"),
    [(True, 0, "VALID: All 20 goals are met"), (False, 1, "VALID: 20 of 20 goals FAILED")],
)
def test_the_exit_status_is_that_of_the_goals(
    trust: Trust, passed: bool, status: int, words: str
) -> None:
    goals = tuple(dataclasses.replace(goal, passed=passed) for goal in trust.goals)
    told = told_of(dataclasses.replace(trust, goals=goals), Path("aa.md"))
    assert told.status == status
    assert told.lines[0].startswith(words)


def test_an_arm_that_is_no_twin_after_all_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = a_folder(tmp_path, twins(), slow={"twin-3": 1.2, "twin-2": 1.2})
    assert main(["aa", str(folder), "--experiments", "20"]) == 1
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "(requests_per_core" in one]
    assert "4 of 4" in line
    assert line.endswith("FAIL")


def test_an_invalid_run_proves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_folder(tmp_path, twins(), bad=True)
    assert main(["aa", str(folder), "--experiments", "20"]) == 3
    assert capsys.readouterr().out.startswith("INVALID: The run is INVALID, so it proves nothing")
    assert "**INVALID**" in (folder / "aa.md").read_text()


@pytest.mark.parametrize(
    ("experiment", "why"),
    [
        (twins(blocks=4), "share 5 blocks"),
        (twins(arms=[ARMS[0], an_arm("twin-2", strategy="none")]), "no arm is a copy of twin-1"),
    ],
    ids=["short", "no-twins"],
)
def test_what_is_no_a_a_run_is_refused(
    tmp_path: Path, experiment: Experiment, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = a_folder(tmp_path, experiment)
    assert main(["aa", str(folder)]) == 2
    said = capsys.readouterr()
    assert why in said.err
    assert said.err.count("\n") == 1
    assert not (folder / "aa.json").exists()


def test_the_number_of_experiments_is_checked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["aa", str(folder), "--experiments", "none"])
    assert ended.value.code == 2
    assert "'none'; allowed: a whole number" in capsys.readouterr().err


def test_the_experiment_has_pairs_enough_to_reject_and_fits_its_time() -> None:
    experiment = read(EXPERIMENTS / "aa.toml")
    pairs = disjoint_pairs(twins_of(experiment))
    assert len(pairs) * (experiment.blocks // 5) >= 12
    assert any(arm.is_control for arm in experiment.arms)
    assert predicted_s(experiment) <= 7 * 60
