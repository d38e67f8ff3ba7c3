from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.outages import PUSH_STRATEGIES, Revokes, pairs_of, revokes_of
from analysis.reading import read
from analysis.revocations.rates import rate_below
from loadtests.model import OutageRecord
from servers.strategy import available
from tests.outage_lines import an_outage_experiment, an_outage_run, outages_of
from tests.run_folders import write_run_folder

ARMS = ("none", "jwt_epoch", "session_tracking")
EXPERIMENT = an_outage_experiment(ARMS, ("frozen", "killed_aof_everysec"))


def revokes_in(tmp_path: Path, lines: list[OutageRecord], **changes: Any) -> dict[str, Revokes]:
    folder = write_run_folder(tmp_path, an_outage_run(EXPERIMENT, **changes), outages=lines)
    reading = read(folder)
    return {each.arm: each for each in revokes_of(reading, pairs_of(reading))}


def lines_with(**changes: Any) -> list[OutageRecord]:
    return [replace(line, **{"revokes_ok": 10, **changes}) for line in outages_of(EXPERIMENT)]


def test_push_strategies_exist() -> None:
    assert set(PUSH_STRATEGIES) <= set(available())


def test_revokes_add_up_but_what_laws_except_proves_nothing(tmp_path: Path) -> None:
    revokes = revokes_in(tmp_path, lines_with(revokes_refused=1, revokes_indeterminate=2))
    epoch = revokes["jwt_epoch"]
    # Two faults of three trials each, one of which may undo what was acknowledged.
    assert (epoch.ok, epoch.judged, epoch.refused, epoch.indeterminate) == (60, 30, 6, 12)
    assert epoch.rate_below == pytest.approx(rate_below(30))
    assert (epoch.is_push, epoch.is_short, epoch.untested) == (True, True, None)
    assert list(revokes) == list(ARMS)


def test_one_false_accept_among_thousands_takes_the_bound_away(tmp_path: Path) -> None:
    lines = lines_with(revokes_ok=2_000)
    lines[0] = replace(lines[0], arm="jwt_epoch", false_accepts=1, false_accept_worst_s=0.2)
    revokes = revokes_in(tmp_path, lines)
    assert (revokes["jwt_epoch"].rate_below, revokes["jwt_epoch"].false_accepts) == (None, 1)
    assert revokes["session_tracking"].rate_below == pytest.approx(rate_below(6_000))
    assert not revokes["session_tracking"].is_short


def test_who_promises_nothing_or_was_never_asked_is_not_tested(tmp_path: Path) -> None:
    revokes = revokes_in(tmp_path / "one", lines_with())
    assert (revokes["none"].untested, revokes["none"].rate_below) == ("it promises nothing", None)
    none = revokes_in(tmp_path / "two", lines_with(revokes_ok=0))
    assert none["jwt_epoch"].untested == "no revoke was acknowledged"
    assert none["jwt_epoch"].rate_below is None
    unknown = revokes_in(tmp_path / "three", lines_with(), blocks=())
    assert unknown["jwt_epoch"].untested == "its law is not known"
