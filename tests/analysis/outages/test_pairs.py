from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.outages import GROUPS, Pair, Spread, fault_named, pairs_of
from analysis.reading import read
from loadtests import run_store
from loadtests.model import Outage, OutageRecord
from tests.lab_builders import an_outage
from tests.outage_lines import (
    FAULTS,
    an_outage_experiment,
    an_outage_phase,
    an_outage_run,
    outages_of,
)
from tests.run_folders import write_run_folder

TWO = an_outage_experiment(("session_redis", "jwt_hs256"), ("frozen", "killed_empty"))


def a_pair(*trials: OutageRecord, expected: int = 3) -> Pair:
    return Pair("session_redis", "frozen", fault_named("frozen"), expected, trials)


def pairs_in(tmp_path: Path, outages: Iterable[OutageRecord], **changes: Any) -> dict[Any, Pair]:
    folder = write_run_folder(tmp_path, an_outage_run(TWO, **changes), outages=list(outages))
    return {(pair.arm, pair.phase): pair for pair in pairs_of(read(folder))}


def test_every_known_fault_is_told_and_another_goes_by_its_name() -> None:
    assert all(fault_named(name).group != "other" for name in FAULTS)
    assert len({fault_named(name).label for name in FAULTS}) == len(FAULTS)
    mine = fault_named("clock_skewed")
    assert (mine.label, mine.group) == ("clock skewed", "other")


def test_figures_are_of_all_trials_together() -> None:
    trials = [
        an_outage(first_error_s=0.21, recovered_s=0.6, hung=1),
        an_outage(first_error_s=0.29, recovered_s=0.4, worst_response_s=2.0),
        an_outage(
            first_error_s=0.25,
            recovered_s=None,
            ended_s=3.0,
            policy_held=False,
            policy_why="served",
        ),
    ]
    pair = a_pair(*trials)
    assert pair.success_down == Spread(0, 0, 0)
    assert pair.first_error_after_s == pytest.approx((0.05, 0.01, 0.09))
    assert pair.recovery_s == pytest.approx((0.1, 0.0, 0.2))
    assert (pair.never_recovered, pair.worst_response_s) == (1, 2.0)
    assert pair.total(lambda trial: trial.hung) == 1
    assert pair.broken == (trials[2],)
    assert pair.failed_with == "503"
    assert pair.failed_once_begun == 1


def test_what_had_no_time_to_come_back_is_not_called_lost() -> None:
    soon = an_outage(recovered_s=None, mended_s=0.4, ended_s=1.8)
    lost = an_outage(recovered_s=None, mended_s=0.4, ended_s=2.0)
    pair = a_pair(soon, soon, lost)
    assert (pair.never_recovered, pair.ended_too_soon, pair.recovery_s) == (1, 2, None)


def test_an_arm_without_a_failure_has_no_times_of_any() -> None:
    fine = an_outage(bins=({"200": 10},) * 5, first_error_s=None, recovered_s=0.2)
    pair = a_pair(fine)
    assert (pair.ever_failed, pair.first_error_after_s, pair.recovery_s) == (False, None, None)
    assert (pair.failed_with, pair.failed_once_begun) == (None, 0)
    assert pair.success_down == Spread(1, 1, 1)


def test_failures_after_the_mend_are_named_when_there_were_none_before() -> None:
    bins = ({"200": 10}, {"200": 10}, {"200": 10}, {"200": 9}, {"401": 10})
    assert a_pair(an_outage(bins=bins, first_error_s=0.41)).failed_with == "401"


def test_every_arm_stands_under_every_fault_worst_kind_first(tmp_path: Path) -> None:
    faults = ("replica_killed", "slow_5ms", "frozen", "clock_skewed")
    experiment = an_outage_experiment(("none", "session_redis"), faults)
    folder = write_run_folder(tmp_path, an_outage_run(experiment))
    pairs = pairs_of(read(folder))
    assert [pair.phase for pair in pairs[::2]] == [
        "frozen", "slow_5ms", "replica_killed", "clock_skewed",
    ]  # fmt: skip
    assert [pair.arm for pair in pairs[:2]] == ["none", "session_redis"]
    assert [GROUPS[pair.fault.group] for pair in pairs[-2:]] == ["Other faults"] * 2
    assert {(len(pair.trials), pair.missing) for pair in pairs} == {(3, 0)}


def test_what_is_missing_is_counted_by_the_plan_and_by_the_others(tmp_path: Path) -> None:
    lines = list(outages_of(TWO))
    gone = [o for o in lines if (o.arm, o.phase) != ("jwt_hs256", "frozen") or o.trial == 1]
    pairs = pairs_in(tmp_path / "one", gone)
    assert pairs["jwt_hs256", "frozen"].missing == 2
    assert pairs["session_redis", "frozen"].missing == 0
    # A fault of which nobody has a line was planned all the same.
    none = pairs_in(tmp_path / "two", [o for o in lines if o.phase != "frozen"])
    assert {none[arm, "frozen"].missing for arm in ("jwt_hs256", "session_redis")} == {3}
    # More trials than planned: as many are expected of everybody.
    more = [replace(o, trial=9) for o in lines if o.arm == "session_redis" and o.trial == 0]
    assert pairs_in(tmp_path / "three", [*lines, *more])["jwt_hs256", "frozen"].missing == 1


def test_a_fault_without_a_line_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    asked = Outage("frozen", 5.0, 5.0, 10.0, victims_before=1, victims_during=1, probe_every_s=0.1)
    phases = (an_outage_phase("still", outage=asked),)
    folder = write_run_folder(tmp_path, an_outage_run(replace(TWO, phases=phases)), outages=())
    assert {pair.heading for pair in pairs_of(read(folder))} == {"frozen (still)"}


def test_an_arm_that_takes_no_part_lacks_nothing(tmp_path: Path) -> None:
    phases = (an_outage_phase("frozen", arms=("session_redis",)),)
    lines = [o for o in outages_of(TWO) if (o.arm, o.phase) == ("session_redis", "frozen")]
    folder = write_run_folder(tmp_path, an_outage_run(replace(TWO, phases=phases)), outages=lines)
    pairs = {pair.arm: pair for pair in pairs_of(read(folder))}
    assert (pairs["jwt_hs256"].missing, pairs["jwt_hs256"].absence) == (0, "took no part")
    assert (pairs["session_redis"].missing, pairs["session_redis"].absence) == (0, None)


def test_an_arm_that_could_not_be_lacks_nothing(tmp_path: Path) -> None:
    run = an_outage_run(TWO)
    facts = {n: replace(f, impossible="too large") for n, f in run.blocks[0].arms.items()}
    blocks = (replace(run.blocks[0], arms=facts),)
    pairs = pairs_in(tmp_path, (), blocks=blocks)
    assert {(pair.impossible, pair.missing) for pair in pairs.values()} == {("too large", 0)}


def test_lines_that_belong_to_no_arm_or_phase_are_left_out_and_named(tmp_path: Path) -> None:
    strange = [an_outage(arm="session_pg"), an_outage(phase="flood")]
    folder = write_run_folder(tmp_path, an_outage_run(TWO), outages=strange)
    path = folder / run_store.OUTAGES_FILE
    path.write_bytes(path.read_bytes() + b'{"schema":1,"blo')
    reading = read(folder)
    assert reading.outages == ()
    said = " | ".join(reading.unreadable)
    assert len(reading.unreadable) == 3
    assert "outage of session_pg in frozen left out: the experiment has no such arm" in said
    assert "outage of session_redis in flood left out: the experiment has no such phase" in said
