from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.findings import findings_of
from analysis.frame import COLUMNS
from analysis.revocations.laws import TriedLaw, laws_on_trial
from analysis.revocations.words import law_sentence, laws_sentence
from loadtests.model import RevocationRecord, RunRecord, Setting
from tests.analysis.revocations.trying import ARM, a_line, a_reading, a_run_of
from tests.builders import a_finding, an_experiment, with_impossible


def tried(
    bound_s: float | None, *lines: RevocationRecord, settings: dict[str, Setting] | None = None
) -> TriedLaw:
    (law,) = laws_on_trial(a_reading(a_run_of(bound_s, settings), *lines))
    return law


def many(n: int, **changes: Any) -> list[RevocationRecord]:
    """So many replica-trials, four replicas a trial, all within 4 ms."""
    return [
        a_line(0.001, 0.004, trial=i // 4, replica=i % 4, sent_s=40.0 + i // 4, **changes)
        for i in range(n)
    ]


def test_a_law_that_holds_says_for_how_many_and_how_sure() -> None:
    law = tried(1.0, *many(800))
    assert (law.verdict, law.replica_trials, law.trials) == ("holds", 800, 200)
    assert law.failure_rate_below == pytest.approx(1 - 0.05 ** (1 / 800))
    assert law.trial_failure_rate_below == pytest.approx(1 - 0.05 ** (1 / 200))
    assert law_sentence(law) == (
        "law ≤ 1 s · measured max 4.00 ms over 800 replica-trials · "
        "holds (failure rate < 0.38% at 95%)"
    )


@pytest.mark.parametrize("place", [0, 2_500, 4_999])
def test_one_line_in_thousands_breaks_a_law_and_is_named(place: int) -> None:
    lines = many(5_000)
    lines[place] = replace(lines[place], how="logout", lag_low_s=1.003, lag_high_s=1.005, block=2)
    law = tried(1.0, *lines)
    assert (law.verdict, law.counts.false_accepts) == ("BROKEN", 1)
    assert law.breach is not None
    assert law.breach.line == lines[place]
    assert law.failure_rate_below is None
    assert law_sentence(law).endswith(
        f"BROKEN: logout in trial {place // 4} of block 2 (revocation): replica {place % 4} "
        "accepted what was sent 1.00 s after the acknowledgement, 1 s allowed"
    )


@given(st.floats(1e-6, 100.0), st.floats(0.0, 100.0), st.floats(0.0, 5.0))
def test_only_what_is_proven_breaks_a_law(bound_s: float, low_s: float, width_s: float) -> None:
    law = tried(bound_s, a_line(low_s, low_s + width_s))
    assert law.verdict == ("BROKEN" if low_s > bound_s else "holds")


def test_the_worst_of_several_breaches_is_named_and_the_others_counted() -> None:
    lines = [a_line(low_s, low_s + 0.002, replica=n) for n, low_s in enumerate((1.2, 1.7, 1.1))]
    law = tried(1.0, *lines, *many(4))
    assert law.breach is not None
    assert law.breach.line.replica == 1
    assert law_sentence(law).endswith("1 s allowed, and 2 more")


NOT_TESTED = {
    "no trial": ((), "no trial"),
    "all refused or open": (
        (a_line(revoke="refused"), a_line(revoke="indeterminate", trial=1)),
        "no revoke was acknowledged (1 refused, 1 indeterminate)",
    ),
    "only errors": (
        (a_line(0.0, None),),
        "every probe after a revoke failed: neither accepted nor refused",
    ),
    "not watched to the bound": (
        (a_line(4.9, None, watched_s=5.0), a_line(2.0, None, watched_s=2.1)),
        "never refused while watched for at most 5.00 s, less than the 15 min allowed",
    ),
    "an old line that never refused": (
        (a_line(1.9, None, watched_s=None),),
        "never refused while watched for a time not noted, less than the 3 s allowed",
    ),
}


@pytest.mark.parametrize("case", NOT_TESTED)
def test_what_was_not_tested_never_holds(case: str) -> None:
    lines, reason = NOT_TESTED[case]
    law = tried(900.0, *lines)
    assert (law.verdict, law.reason, law.replica_trials) == ("not tested", reason, 0)
    assert law.failure_rate_below is None
    assert "holds" not in law_sentence(law)
    assert "1 not tested" not in (laws_sentence((law,)) or "")
    assert f"0 of 1 hold; not tested: {ARM} ({reason})" in (laws_sentence((law,)) or "")


@given(
    st.lists(
        st.builds(
            a_line,
            st.floats(0.0, 3.0),
            st.none(),
            watched_s=st.one_of(st.none(), st.floats(0.0, 899.0)),
            revoke=st.sampled_from(["ok", "refused", "indeterminate"]),
        )
    )
)
def test_however_many_lines_end_before_the_bound_none_holds(lines: list[RevocationRecord]) -> None:
    assert tried(900.0, *lines).verdict == "not tested"


def test_watched_to_the_bound_it_is_tested_even_if_it_only_failed_then() -> None:
    assert tried(1.0, a_line(0.9, None, watched_s=1.0)).verdict == "holds"
    assert tried(1.0, a_line(0.9, None, watched_s=0.99)).verdict == "not tested"


def test_a_proof_needs_no_watching() -> None:
    assert tried(1.0, a_line(1.1, None, watched_s=None)).verdict == "BROKEN"


def test_only_acknowledged_revokes_break_a_law() -> None:
    late = [a_line(5.0, 5.1, revoke=outcome) for outcome in ("refused", "indeterminate")]
    law = tried(1.0, *late, *many(4))
    assert (law.verdict, law.counts.false_accepts) == ("holds", 0)


def test_no_bound_promises_nothing() -> None:
    law = tried(None, a_line(2.5, None))
    assert (law.verdict, law.failure_rate_below) == ("promises nothing", None)
    assert law_sentence(law) == "no law · promises nothing"
    assert laws_sentence((law,)) == (f"Laws on trial: 0 of 0 hold; without any promise: “{ARM}”.")


def test_a_credential_is_not_good_beyond_its_own_life() -> None:
    """Lives are scaled to seconds; a bound of minutes alone could never be broken here."""
    expired = a_line(1.9, 1.95, ttl_s=2.0)
    law = tried(900.0, expired)
    assert (law.verdict, law.within_s, law.is_scaled) == ("holds", 2.0, True)
    assert tried(900.0, replace(expired, lag_low_s=2.1, lag_high_s=2.2)).verdict == "BROKEN"
    settings: dict[str, Setting] = {"clock_leeway_s": 0.5}
    late = replace(expired, lag_low_s=2.4, lag_high_s=2.45)
    assert tried(900.5, late, settings=settings).verdict == "holds"
    assert tried(900.5, replace(late, lag_low_s=2.6), settings=settings).verdict == "BROKEN"


def test_an_old_run_gives_every_victim_the_phases_life() -> None:
    old = a_line(2.9, 2.95, watched_s=None)
    assert tried(900.0, old).within_s == 3.0
    assert tried(900.0, replace(old, lag_low_s=3.1, lag_high_s=3.2)).verdict == "BROKEN"


def test_a_server_is_held_to_what_it_promised_of_this_revoke() -> None:
    assert tried(900.0, a_line(1.5, 1.6, effective_within_s=1.4)).verdict == "BROKEN"
    assert tried(1.0, a_line(1.5, 1.6, effective_within_s=9.0)).verdict == "BROKEN"


def test_changed_roles_are_held_to_the_law_too() -> None:
    assert tried(1.0, a_line(1.5, 1.6, how="role")).verdict == "BROKEN"


def test_revokes_count_once_and_what_happened_counts_as_often_as_it_did() -> None:
    lines = [
        *(a_line(replica=n, trial=0, reaccepted=n) for n in range(4)),
        *(a_line(replica=n, trial=1, revoke="refused") for n in range(4)),
        *(a_line(replica=n, trial=1, sent_s=50.0, revoke="indeterminate") for n in range(4)),
    ]
    counts = tried(1.0, *lines).counts
    assert (counts.revokes_ok, counts.revokes_refused, counts.revokes_indeterminate) == (1, 1, 1)
    assert counts.reaccepted == 6


def test_false_rejects_are_of_the_background_of_revocation_phases() -> None:
    rows = [("revocation", ARM, 3), ("revocation", ARM, 2), ("capacity", ARM, 9)]
    frame = pd.DataFrame(
        [dict.fromkeys(COLUMNS) | {"kind": k, "arm": a, "unauthorised": n} for k, a, n in rows]
    )
    (law,) = laws_on_trial(a_reading(a_run_of(1.0), a_line(), frame=frame))
    assert law.counts.false_rejects == 5


def test_an_arm_that_could_not_be_was_not_tested() -> None:
    laws = {law.arm: law for law in laws_on_trial(a_reading(with_impossible("jwt_hs256")))}
    assert laws["jwt_hs256"].reason == "the arm was impossible: too large"
    assert laws["session_redis"].reason == "no trial"


def test_a_run_without_trials_has_no_laws_on_trial() -> None:
    run = replace(a_run_of(1.0), experiment=an_experiment(phases=()))
    assert laws_on_trial(a_reading(run)) == ()
    assert laws_sentence(()) is None


def named(run: RunRecord, *lines: RevocationRecord) -> list[tuple[str, str, str | None]]:
    reading = a_reading(run, *lines)
    found = findings_of(reading, (), (), laws_on_trial(reading))
    return [(each.name, each.severity, each.arm) for each in found]


def test_a_broken_law_makes_the_run_invalid_once() -> None:
    late = a_line(1.5, 1.6)
    known = a_finding("invalid", name="law_broken", arm=ARM)
    assert named(a_run_of(1.0), late) == [("law_broken", "invalid", ARM)]
    assert named(a_run_of(1.0, findings=(known,)), late) == [("law_broken", "invalid", ARM)]
    assert named(a_run_of(1.0), *many(4)) == []
