import csv
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.report import Written, write_report
from loadtests import run_store
from loadtests.model import Experiment, OutageRecord
from tests.builders import PHASES, an_experiment
from tests.outage_lines import (
    FAULTS,
    an_outage_experiment,
    an_outage_phase,
    an_outage_run,
    outages_of,
)
from tests.run_folders import write_run_folder

THREE = an_outage_experiment(("session_redis", "jwt_hs256", "jwt_epoch"), ("frozen", "slow_5ms"))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Every strategy under every fault; tests only read it."""
    return write_report(write_run_folder(tmp_path_factory.mktemp("outages"), an_outage_run()))


def report_of(
    tmp_path: Path, outages: Iterable[OutageRecord], experiment: Experiment = THREE, **changes: Any
) -> Written:
    run = an_outage_run(experiment, **changes)
    return write_report(write_run_folder(tmp_path, run, outages=list(outages)))


def altered(arm: str, phase: str, trial: int, **changes: Any) -> list[OutageRecord]:
    """The plausible lines, one of them otherwise."""
    return [
        replace(o, **changes) if (o.arm, o.phase, o.trial) == (arm, phase, trial) else o
        for o in outages_of(THREE)
    ]


def test_the_sentences_say_what_a_dead_store_does_to_whom(whole: Written) -> None:
    dead, logged_out, slowest, held, seen, let_in, proven = whole.content.sentences
    assert dead.startswith("With the store away (killed and emptied, ")
    assert (
        "session_redis, session_redis_batched and jwt_denylist_redis answered 503 at once" in dead
    )
    assert re.search(r"jwt_denylist_push and jwt_epoch served on for .*, then answered 503", dead)
    assert "jwt_denylist_pubsub and jwt_refresh served on;" in dead
    assert dead.endswith("jwt_hs256 and jwt_rs256 stayed unaffected.")
    assert "(killed and emptied, replica killed after a loss)" in logged_out
    assert "jwt_refresh" not in logged_out
    assert re.match(r"Slowest to recover: \w+, after 1\.\d s, from “killed and emptied”", slowest)
    assert held == "Every arm did what its law says of the fault, in all 540 trials."
    assert seen == "No false accepts against a law, no false rejects, no requests that hung."
    assert let_in.startswith("False accepts that the law allows, by those whom a store tells: ")
    assert re.search(r"jwt_denylist_pubsub [\d,]+ requests, up to \d\S* s after the revoke", let_in)
    assert "session_redis " not in let_in
    assert (
        len(re.findall(r"0 false accepts against the law: the true rate is below 0\.\d+%", proven))
        == 3
    )


def test_how_busy_the_machine_was_is_said_where_it_is_known(tmp_path: Path) -> None:
    busy = [replace(each, busy_share=0.41 + 0.02 * each.trial) for each in outages_of(THREE)]
    (said,) = (s for s in report_of(tmp_path, busy).content.sentences if "CPU time" in s)
    assert said == "Of the machine's CPU time 41%–45% was in use, from trial to trial."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"policy_held": False, "policy_why": "served to the end"},
            "Declared policy BROKEN in 1 of 18 trials: jwt_epoch under “frozen” "
            "(served to the end).",
        ),
        ({"false_accepts": 7}, "False accepts against a law SEEN: 7 in jwt_epoch under “frozen”."),
        ({"false_rejects": 2}, "False rejects SEEN: 2 in jwt_epoch under “frozen”."),
        ({"hung": 3}, "Requests that hung SEEN: 3 in jwt_epoch under “frozen”."),
        (
            {"recovered_s": None},
            "Not back before the trial ended: jwt_epoch under “frozen” in 1 of 3.",
        ),
    ],
)
def test_one_bad_trial_of_many_is_said(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    written = report_of(tmp_path, altered("jwt_epoch", "frozen", 1, **changes))
    assert said in written.content.sentences
    assert said in (written.page.parent / "report.md").read_text()
    assert not any(said in s for s in report_of(tmp_path, outages_of(THREE)).content.sentences)


def test_missing_trials_are_said_everywhere(tmp_path: Path) -> None:
    lines = [o for o in outages_of(THREE) if (o.arm, o.phase) != ("jwt_epoch", "frozen")]
    written = report_of(tmp_path, lines)
    assert written.content.sentences[-1] == (
        "Missing: 3 of 18 trials (jwt_epoch under “frozen”, 3 of 3)."
    )
    assert written.content.outages is not None
    table = written.content.outages.tables[0]
    rows = {row[0]: row[1] for row in table.rows}
    assert rows["jwt_epoch"] == "not measured"
    assert rows["jwt_hs256"] == "unaffected"
    summary = json.loads((written.page.parent / "summary.json").read_text())
    lacking = next(row for row in summary["outages"] if row["missing"])
    assert (lacking["arm"], lacking["trials"], lacking["success_down"]) == ("jwt_epoch", 0, None)
    assert lacking["policy_held"] is None


def test_faults_without_any_trial_are_said_to_be_missing(tmp_path: Path) -> None:
    written = report_of(tmp_path, ())
    assert written.content.sentences == ("Faults were planned, but no trial of any was recorded.",)
    assert [remark for remark in written.content.remarks if "left out" in remark] == [
        "Chart left out, Success under each fault, by the time since it began: no trial of any "
        "fault was recorded.",
    ]


def test_many_faults_are_parted_by_what_they_hit(whole: Written, tmp_path: Path) -> None:
    assert whole.content.outages is not None
    captions = [table.caption for table in whole.content.outages.tables]
    assert captions == [
        "The store is away",
        "The store, or the way to it, is disturbed",
        "A replica is killed",
        "Revokes while something was broken, over all faults",
    ]
    told = [column for table in whole.content.outages.tables[:3] for column in table.columns[1:]]
    assert len(told) == len(FAULTS)
    assert all(len(table.rows) == 15 for table in whole.content.outages.tables)
    few = report_of(tmp_path, outages_of(THREE)).content.outages
    assert few is not None
    assert few.tables[0].caption == "What each fault did to whom"


def test_the_folded_tables_hold_every_number(whole: Written) -> None:
    assert whole.content.outages is not None
    details = whole.content.outages.details
    assert len(details) == len(FAULTS)
    assert all(table.folded for table in details)
    assert {len(row) for t in details for row in t.rows} == {len(t.columns) for t in details}
    frozen = next(table for table in details if table.caption == "Frozen")
    row = dict(zip(frozen.columns, next(r for r in frozen.rows if r[0] == "session_redis"),
                   strict=True))  # fmt: skip
    assert (row["success while down"], row["policy"]) == ("0%", "503 at once,\nheld")
    assert re.fullmatch(r"0 / \d+", row["against the law / revokes"])


def test_the_reason_of_a_broken_policy_stands_below_its_table(tmp_path: Path) -> None:
    broken = {"policy_held": False, "policy_why": "served to the end"}
    written = report_of(tmp_path, altered("jwt_epoch", "frozen", 1, **broken))
    assert written.content.outages is not None
    table = written.content.outages.details[0]
    assert table.notes == ("Policy of jwt_epoch broken, trial 1 of block 1: served to the end.",)
    assert "503 within the law's bound,\nBROKEN in 1 of 3" in table.rows[-1]


def test_machines_read_the_same(whole: Written) -> None:
    folder = whole.page.parent
    summary = json.loads((folder / "summary.json").read_text())
    rows = summary["outages"]
    assert len(rows) == 15 * 12
    with (folder / "outages.csv").open() as file:
        told = list(csv.DictReader(file))
    assert len(told) == len(rows)
    assert list(told[0]) == list(rows[0])
    frozen = next(r for r in rows if (r["arm"], r["fault"]) == ("jwt_epoch", "frozen"))
    assert frozen["success_down_low"] <= frozen["success_down"] <= frozen["success_down_high"]
    assert 0.8 <= frozen["first_error_after_low_s"] <= 1.1
    assert (frozen["failed_with"], frozen["policy"], frozen["policy_held"]) == (
        "503", "within_law", True,
    )  # fmt: skip
    revokes = {row["arm"]: row for row in summary["outage_revokes"]}
    assert revokes["none"]["untested"] == "it promises nothing"
    assert 0 < revokes["jwt_epoch"]["rate_below"] < 0.004


def test_every_field_for_machines_is_explained(whole: Written) -> None:
    text = (Path(__file__).parents[2] / "docs" / "results-format.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([^`]*)`", text.partition("A run with outages also has")[2]))
    summary = json.loads((whole.page.parent / "summary.json").read_text())
    fields = {*summary["outages"][0], *summary["outage_revokes"][0]}
    worst = {"accepted_after_ack_worst_s", "false_accept_worst_s"}
    ends = {name for name in fields if re.search(r"_(low|high)(_s)?$", name)}
    assert fields - told - ends - worst == set()


def test_a_run_of_outages_alone_has_no_empty_part(whole: Written) -> None:
    page = whole.page.read_text()
    sections = re.findall(r'<section id="([^"]*)"', page)
    assert sections == ["arms", "outages", "findings", "method", "environment"]
    assert re.findall(r'<a href="#([^"]*)"', page) == sections
    headings = re.findall(r"^## (.*)", (whole.page.parent / "report.md").read_text(), re.M)
    assert headings == ["Arms", "Outages", "Findings", "Method", "Environment"]
    assert not any("left out" in remark for remark in whole.content.remarks)
    assert not any("capacity" in line.lower() for line in whole.content.method)
    assert (whole.page.parent / "charts" / "outages.svg").exists()


def test_a_run_with_slices_too_has_both(tmp_path: Path) -> None:
    experiment = an_experiment(phases=(*PHASES[:1], an_outage_phase("frozen")), blocks=2)
    run = an_outage_run(experiment)
    written = write_report(write_run_folder(tmp_path, run))
    sections = re.findall(r'<section id="([^"]*)"', written.page.read_text())
    assert sections == [
        "arms", "results", "outages", "charts", "comparisons", "every-result", "findings",
        "method", "environment",
    ]  # fmt: skip
    assert {p.chart.name for p in written.content.every_picture} >= {"throughput", "outages"}
    assert any("Per core-second" in sentence for sentence in written.content.sentences)
    assert any("With the store away (frozen)" in s for s in written.content.sentences)


def test_a_run_without_outages_says_nothing_of_them(written: Written) -> None:
    folder = written.page.parent
    assert written.content.outages is None
    assert not (folder / "outages.csv").exists()
    assert not (folder / "charts" / "outages.svg").exists()
    assert "outage" not in (folder / "report.md").read_text().lower()
    assert "outage" not in (folder / "summary.json").read_text()
    page = written.page.read_text()
    assert "outage" not in page[page.index("</style>") :].lower()


def test_the_page_stays_small(whole: Written) -> None:
    assert whole.page.stat().st_size < 2_000_000


def test_an_unreadable_line_is_a_warning(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path, an_outage_run(THREE))
    path = folder / run_store.OUTAGES_FILE
    path.write_bytes(path.read_bytes()[:-100])
    summary = write_report(folder).summary
    assert [finding.name for finding in summary.findings] == ["unreadable_lines"]
    assert sum(pair.missing for pair in summary.outages) == 1
