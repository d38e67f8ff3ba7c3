import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.charts.revocation import revocation
from analysis.frontier import frontier_of
from analysis.reading import read
from analysis.report import Written, write_report
from analysis.report.html import as_html
from analysis.report.law_table import law_table
from analysis.report.revocation_tables import revocation_tables
from analysis.report.sentences import sentences
from analysis.report.summary import Summary, as_json, summarise
from analysis.report.tables import Table
from analysis.revocations.laws import laws_on_trial
from loadtests.model import RevocationRecord
from tests.builders import a_phase, a_run, a_slice, an_endpoint, an_experiment
from tests.lab_runs import ARMS, a_lab, a_lab_run, lab_lines, lab_slices, write_lab_folder
from tests.run_folders import write_run_folder

NAMES = ("none", "session_redis", "session_nearcache", "jwt_hs256", "jwt_denylist_push")
SMALL = a_lab(arms=tuple(arm for arm in ARMS if arm.name in NAMES))
# Of other arms, fewer phases do.
SMALL = dataclasses.replace(
    SMALL,
    phases=tuple(
        dataclasses.replace(p, arms=tuple(name for name in p.arms if name in NAMES))
        for p in SMALL.phases
    ),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_report(write_lab_folder(tmp_path_factory.mktemp("lab"), a_lab_run(SMALL)))


def changed(results: Path, change: Callable[[RevocationRecord], RevocationRecord]) -> Summary:
    """What the small lab shows, its lines changed by `change`."""
    lines = tuple(map(change, lab_lines(SMALL)))
    return summarise(read(write_lab_folder(results, a_lab_run(SMALL), trials=lines)))


def summary_of(summary: Summary) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(as_json(summary))
    return loaded


def table_of(written: Written, start: str) -> Table:
    return next(t for t in written.content.revocations if t.caption.startswith(start))


def rows_of(table: Table) -> dict[tuple[str, str], tuple[str, ...]]:
    """By arm and load asked for."""
    return {(row[0], row[1].split("\n")[0]): row[2:] for row in table.rows}


def test_the_laws_stand_in_a_row_an_arm(lab: Written) -> None:
    assert lab.content.laws is not None
    rows = {row[0]: row[1:] for row in lab.content.laws.rows}
    assert list(rows) == list(NAMES)
    assert rows["none"][:5] == ("none", "—", "—", "promises nothing", "—")
    # Three loads of two hundred trials, four replicas.
    assert rows["session_redis"][:5] == ("at once", "≤ 2 ms", "2,400 (600)", "holds", "< 0.13%")
    assert rows["jwt_hs256"][2:5] == ("480 (120)", "holds", "< 0.63%")
    sentence = "Laws on trial: 4 of 4 hold, over 7,680 replica-trials; without any promise: “none”."
    assert sentence in lab.content.sentences


def test_the_summary_holds_laws_lags_and_lives(lab: Written) -> None:
    summary = summary_of(lab.summary)
    laws = {row["arm"]: row for row in summary["laws"]}
    assert {name: row["verdict"] for name, row in laws.items()} == {
        "none": "promises nothing",
        **dict.fromkeys(NAMES[1:], "holds"),
    }
    assert laws["session_redis"]["failure_rate_below"] == pytest.approx(1 - 0.05 ** (1 / 2400))
    lags = {(r["arm"], r["phase"], r["change"], r["of"]): r for r in summary["revocation_lags"]}
    push = lags["jwt_denylist_push", "revocation", "revoke", "replica"]
    assert push["p50_s"] <= push["p99_s"] <= push["max_s"]
    assert (push["load_asked"], push["trials"], push["never_refused"]) == (0.3, 540, 0)
    assert [each["rate_rps"] for each in push["exposure"]["computed"]] == [1.0, 10.0, 100.0]
    never = lags["none", "revocation", "revoke", "replica"]
    assert (never["p50_s"], never["never_refused"]) == (None, never["trials"])
    assert ("jwt_hs256", "revocation", "role", "replica") not in lags
    assert {row["arm"] for row in summary["computed_lives"]} == {"jwt_hs256"}


def test_a_row_an_arm_and_load_with_what_was_really_offered(lab: Written) -> None:
    table = table_of(lab, "Time to revoke (kick or logout)")
    rows = rows_of(table)
    assert ("session_redis", "0%") in rows
    assert [load for arm, load in rows if arm == "jwt_denylist_push"] == ["0%", "30%", "80%"]
    assert [load for arm, load in rows if arm == "none"] == ["30%"]
    assert all(re.fullmatch(r"\d+%\n\(offered [\d–]+%\)", row[1]) for row in table.rows)
    assert rows["session_redis", "30%"][1:5] == ("≤ 2 ms",) * 4
    assert rows["none", "30%"][1:5] == ("never", "never", "—", "never")


def test_each_replica_and_the_worst_have_tables_and_roles_their_own(lab: Written) -> None:
    worst = rows_of(table_of(lab, "Time to revoke, worst replica"))
    assert worst["session_redis", "30%"][0] == "135"
    roles = table_of(lab, "Time until a changed role")
    assert {arm for arm, _ in rows_of(roles)} == {
        "session_redis",
        "session_nearcache",
        "jwt_denylist_push",
    }
    assert "No role can be changed in none, jwt_hs256: the role stands in the token." in roles.notes


def test_what_is_computed_says_so(lab: Written) -> None:
    exposure, lives = table_of(lab, "Exposure"), table_of(lab, "Computed from the laws")
    assert exposure.columns[2:5] == tuple(f"at {n} req/s, computed" for n in (1, 10, 100))
    assert rows_of(exposure)["none", "30%"][:3] == ("without end",) * 3
    assert [row[:4] for row in lives.rows] == [
        ("5 min", "jwt_hs256", "2.5 min", "5 min"),
        ("15 min", "jwt_hs256", "7.5 min", "15 min"),
        ("1 h", "jwt_hs256", "30 min", "1 h"),
    ]
    assert lives.rows[0][4] == "mean 150\nworst 300"
    (computed,) = [s for s in lab.content.sentences if "15 min" in s]
    assert computed.startswith("Computed from the law, not measured: only expiry ends")
    assert computed.endswith("7.5 min on average and up to 15 min.")


def test_the_sentences_keep_to_the_usual_load(lab: Written) -> None:
    said = " ".join(lab.content.sentences)
    assert "At 30% load a kicked user was seen to stay in for at most 2 ms, the resolution" in said
    assert "Of all arms at 30% load, a revoke held soonest in session_redis (p99 ≤ 2 ms)" in said
    assert "and latest in jwt_hs256 (p99 2." in said
    assert "without end in “none”" in said


def test_lags_within_their_probes_spacing_have_no_order(tmp_path: Path) -> None:
    def sparse(line: RevocationRecord) -> RevocationRecord:
        return dataclasses.replace(line, probe_every_s=5.0 if line.arm == "jwt_hs256" else 4.0)

    said = " ".join(sentences(changed(tmp_path, sparse)))
    assert "Of all arms at 30% load, a revoke held within 5 s (p99), the coarsest spacing" in said
    assert "where soonest cannot be told; without end in “none”." in said
    assert "held soonest" not in said


def test_a_law_broken_by_one_line_is_said_first(tmp_path: Path) -> None:
    seen = {"done": False}

    def late(line: RevocationRecord) -> RevocationRecord:
        if line.arm == "jwt_denylist_push" and line.how == "logout" and not seen["done"]:
            seen["done"] = True
            return dataclasses.replace(line, lag_low_s=1.2, lag_high_s=1.21, accepted_after_ack=3)
        return line

    summary = changed(tmp_path, late)
    assert summary.verdict == "INVALID"
    assert [(f.name, f.arm) for f in summary.findings] == [("law_broken", "jwt_denylist_push")]
    laws = next(s for s in sentences(summary) if s.startswith("Laws on trial: 3 of 4 hold"))
    assert re.search(r"BROKEN: jwt_denylist_push \(logout in trial \d+ of block 0", laws)
    table = law_table(summary)
    assert table is not None
    assert table.rows[-1][4].startswith("BROKEN: logout in trial")
    assert summary_of(summary)["laws"][-1]["breach"]["allowed_s"] == 1.0


def test_nothing_is_computed_from_a_law_that_was_not_tested(tmp_path: Path) -> None:
    def cut_short(line: RevocationRecord) -> RevocationRecord:
        if line.arm != "jwt_hs256":
            return line
        return dataclasses.replace(line, lag_low_s=1.0, lag_high_s=None, watched_s=1.1)

    summary = changed(tmp_path, cut_short)
    (law,) = [row for row in summary_of(summary)["laws"] if row["arm"] == "jwt_hs256"]
    assert (law["verdict"], law["failure_rate_below"]) == ("not tested", None)
    assert summary.lives == ()
    said = " ".join(sentences(summary))
    assert "15 min" not in said
    assert "not tested: jwt_hs256 (never refused while watched for at most 1.10 s" in said
    assert not any(t.caption.startswith("Computed") for t in revocation_tables(summary))


def test_roles_do_not_move_the_metric_of_revokes(lab: Written, tmp_path: Path) -> None:
    def slow_roles(line: RevocationRecord) -> RevocationRecord:
        slow = line.how == "role" and line.arm == "jwt_denylist_push"
        return dataclasses.replace(line, lag_high_s=0.9) if slow else line

    def metric(summary: Summary) -> list[float | None]:
        return [
            result.value
            for result in summary.results
            if result.arm == "jwt_denylist_push" and result.metric.kinds == ("revocation",)
        ]

    assert metric(changed(tmp_path, slow_roles)) == metric(lab.summary)


def test_lags_within_the_spacing_of_probes_have_no_ratio(lab: Written) -> None:
    """Two spacings by two laws would make `slower` of nothing but the rarer look."""
    found = [
        row
        for row in summary_of(lab.summary)["comparisons"]
        if row["metric"] == "revocation_lag_p50_s" and row["reference"] == "session_redis"
    ]
    assert found
    assert all(row["ratio"] is None for row in found)
    assert "no longer than the spacing of the probes" in found[0]["reason"]


def test_good_users_that_were_refused_are_counted(tmp_path: Path) -> None:
    refused = {"GET /me": an_endpoint({"200": 297, "401": 3})}
    bad = a_slice(phase="revocation", arm="session_redis", round=1, endpoints=refused)
    slices = (*lab_slices(SMALL), bad)
    folder = write_lab_folder(tmp_path, a_lab_run(SMALL), slices=slices, trials=())
    laws = {law.arm: law.counts.false_rejects for law in laws_on_trial(read(folder))}
    assert laws == dict.fromkeys(NAMES, 0) | {"session_redis": 3}


def test_a_panel_an_arm_the_quickest_first(lab: Written) -> None:
    (picture,) = [p for p in lab.content.pictures if p.chart is revocation]
    shown = re.findall(r"<!-- (.*?) -->", picture.svg)
    assert [text for text in shown if text in NAMES] == [
        "session_redis",
        "jwt_denylist_push",
        "session_nearcache",
        "jwt_hs256",
        "none",
    ]
    for text in ("revokes at 0% load", "revokes at 80% load", "changed roles", "the law's bound"):
        assert text in shown
    assert any(re.match(r"probes every 10 ms \(achieved 1\d\.\d ms\)", text) for text in shown)
    assert any(text.startswith("never refused: 160 of 160") for text in shown)


def test_a_run_that_tries_no_revocation_says_nothing_of_them(tmp_path: Path) -> None:
    run = a_run(an_experiment(blocks=1, phases=(a_phase("capacity", rounds=1),)))
    written = write_report(write_run_folder(tmp_path, run))
    assert (written.content.laws, written.content.revocations) == (None, ())
    assert not any("Laws on trial" in sentence for sentence in written.content.sentences)
    assert 'id="revocation"' not in written.page.read_text()
    assert summary_of(written.summary)["laws"] == []


def test_a_broken_law_stands_out_on_the_page(lab: Written) -> None:
    assert lab.content.laws is not None
    rows = (("jwt_epoch", "≤ 1 s", "2 s", "4 (1)", "BROKEN: kick in trial 1", *["0"] * 4),)
    broken = dataclasses.replace(lab.content.laws, rows=rows)
    page = as_html(dataclasses.replace(lab.content, laws=broken))
    assert '<td class="broken">BROKEN: kick in trial 1</td>' in page
    assert '<td class="broken">' not in as_html(lab.content)


def test_the_frontier_calls_a_law_broken_that_a_changed_role_broke(tmp_path: Path) -> None:
    def late(line: RevocationRecord) -> RevocationRecord:
        broke = line.how == "role" and line.arm == "jwt_denylist_push" and line.trial == 2
        return dataclasses.replace(line, lag_low_s=1.2, lag_high_s=1.21) if broke else line

    summary = changed(tmp_path, late)
    points = frontier_of(summary.reading, summary.results).points
    assert {p.arm for p in points if p.lag.broken} == {"jwt_denylist_push"}
