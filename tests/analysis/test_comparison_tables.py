from __future__ import annotations

from pathlib import Path

import pytest

from analysis.reading import read
from analysis.report.comparison_tables import MOST_ARMS_IN_PAIRS, comparison_tables
from analysis.report.content import content_of
from analysis.report.markdown import as_markdown
from analysis.report.summary import Summary, summarise
from analysis.report.tables import Table, arms_table
from tests.builders import a_run, an_arm, an_experiment, with_impossible
from tests.run_folders import slices_of, write_run_folder


def summary_of(folder: Path, arms: int) -> Summary:
    """As many arms, the first of them the reference, with a control."""
    names = ("session_redis", *(f"arm{number}" for number in range(1, arms)), "session_redis#2")
    experiment = an_experiment(arms=tuple(an_arm(name) for name in names), blocks=2)
    return summarise(read(write_run_folder(folder, a_run(experiment), requests=60)))


def tables_of(summary: Summary) -> list[Table]:
    return list(comparison_tables(summary))


def test_few_arms_are_compared_in_pairs(tmp_path: Path) -> None:
    tables = tables_of(summary_of(tmp_path, MOST_ARMS_IN_PAIRS))
    assert len(tables) == MOST_ARMS_IN_PAIRS * (MOST_ARMS_IN_PAIRS - 1) // 2
    assert tables[0].caption == "arm1 ÷ session_redis"
    assert [table.folded for table in tables].count(False) == MOST_ARMS_IN_PAIRS - 1


def test_many_arms_are_compared_with_the_reference_a_metric_a_table(tmp_path: Path) -> None:
    arms = MOST_ARMS_IN_PAIRS + 1
    summary = summary_of(tmp_path, arms)
    tables = tables_of(summary)
    (throughput,) = [
        table for table in tables if table.caption == "throughput ÷ that of session_redis, capacity"
    ]
    assert [row[0] for row in throughput.rows] == [f"arm{number}" for number in range(1, arms)]
    assert not any(table.folded for table in tables)
    # The pairs that are not shown are still there for machines.
    pairs = {(each.reference, each.candidate) for each in summary.comparisons}
    assert len(pairs) == arms * (arms - 1) // 2


def test_an_impossible_arm_is_named_with_its_reason_and_compared_with_nobody(
    tmp_path: Path,
) -> None:
    run = with_impossible("jwt_hs256", "the credential has 5900 bytes")
    slices = [each for each in slices_of(run.experiment) if each.arm != "jwt_hs256"]
    summary = summarise(read(write_run_folder(tmp_path, run, slices=slices, trials=())))
    notes = arms_table(summary).notes
    assert "Impossible, so not measured: jwt_hs256: the credential has 5900 bytes." in notes
    captions = [table.caption for table in tables_of(summary)]
    assert captions == ["none ÷ session_redis"]
    assert "jwt_hs256: the credential has 5900 bytes" in as_markdown(content_of(summary))


@pytest.mark.parametrize("has_control", [True, False])
def test_the_control_is_explained_where_there_is_one(tmp_path: Path, *, has_control: bool) -> None:
    arms = (an_arm("session_redis"), an_arm("session_redis#2" if has_control else "none"))
    summary = summarise(read(write_run_folder(tmp_path, a_run(an_experiment(arms=arms)))))
    reference, *others = arms_table(summary).notes
    assert reference == "Reference: session_redis."
    said = "session_redis#2 is the A/A control: a second copy, whose difference is noise."
    assert others == ([said] if has_control else [])


def test_a_row_says_what_would_have_shown_and_what_would_settle_it(tmp_path: Path) -> None:
    arms = tuple(an_arm(name) for name in ("session_redis", "jwt_hs256", "session_redis#2"))
    run = a_run(an_experiment(arms=arms))
    summary = summarise(read(write_run_folder(tmp_path, run, requests=60)))
    (table,) = tables_of(summary)
    assert table.columns[-2:] == ("shows from", "verdict")
    rows = {(c.metric.label, c.phase): c for c in summary.comparisons}
    open_ones = 0
    for row in table.rows:
        comparison = rows[row[0], None if row[1] == "every phase" else row[1].split(" · ")[0]]
        if comparison.endpoint is None:
            assert (row[-2] == "—") == (comparison.outlook.minimum_detectable_effect is None)
            assert row[-1].startswith(comparison.verdict)
        if row[-1].startswith("inconclusive:\n"):
            assert "more block" in row[-1]
            open_ones += 1
    assert open_ones > 0
    page = as_markdown(content_of(summary))
    assert "| shows from | verdict |" in page
    assert "| inconclusive: about " in page
