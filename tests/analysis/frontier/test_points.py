"""Where arms stand, which are on the front, and what they ask of a deployment."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.frontier import Frontier, NoFrontierError, frontier_of
from analysis.frontier.choice import candidates_of
from analysis.frontier.facts import facts_of, store_down
from analysis.frontier.lags import Lag, lag_of
from analysis.metrics import METRICS
from analysis.reading import Reading, read
from analysis.report.summary import Summary, summarise
from analysis.results import Result, results_of
from loadtests.model import ArmFacts, BlockFacts, LawRecord, RunRecord
from tests.all_strategies import the_experiment, the_run, trials, write_the_run
from tests.builders import a_phase, a_run, a_trial, an_experiment
from tests.run_folders import write_run_folder


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return summarise(read(write_the_run(tmp_path_factory.mktemp("results"))))


@pytest.fixture(scope="module")
def found(summary: Summary) -> Frontier:
    return frontier_of(summary.reading, summary.results)


def frontier_in(reading: Reading) -> Frontier:
    return frontier_of(reading, tuple(results_of(reading, METRICS.values())))


def kinds(found: Frontier) -> dict[str, str]:
    return {point.arm: point.lag.kind for point in found.points}


def test_every_arm_but_the_control_is_a_point(summary: Summary, found: Frontier) -> None:
    arms = [arm.name for arm in summary.reading.experiment.arms if not arm.is_control]
    assert [point.arm for point in found.points] == arms
    assert found.left_out == ()


def test_expiry_stands_at_its_law_and_what_is_quicker_where_it_was_measured(
    found: Frontier,
) -> None:
    by_kind = kinds(found)
    by_law = {"jwt_hs256", "jwt_rs256", "jwt_es256", "jwt_eddsa", "jwt_cached", "jwt_refresh"}
    assert {arm for arm, kind in by_kind.items() if kind == "law"} == by_law
    assert {arm for arm, kind in by_kind.items() if kind == "never"} == {"none"}
    assert by_kind["session_redis"] == "at_most"
    lags = {point.arm: point.lag for point in found.points}
    assert lags["jwt_hs256"].seconds == 900
    assert lags["jwt_refresh"].seconds == 300
    assert lags["session_redis"].seconds == 0.002
    # Heard in milliseconds, though all that its law promises is a token's life.
    assert lags["jwt_denylist_pubsub"].kind == "measured"
    assert (lags["jwt_denylist_pubsub"].seconds or 1) < 0.02
    assert lags["jwt_denylist_pubsub"].allowed_beyond == 900
    assert lags["jwt_denylist_pubsub"].statistic == "p99"


def test_tokens_stand_at_the_life_of_those_whose_cost_was_measured() -> None:
    """Tried with lives of 3 s, measured with lives of 15 minutes."""
    phase = a_phase("revocation")
    assert phase.trials is not None
    tried = replace(phase, trials=replace(phase.trials, ttl_s=3))
    law = LawRecord(3.0, "expiry", "unaffected", "unaffected")

    def lag(p99_s: float, minted_s: float | None) -> Lag:
        result = Result(
            arm="a token", phase=phase.name, scenario=None, endpoint=None,
            metric=METRICS["revocation_lag_p99_s"], value=p99_s, low=None, high=None, blocks=5,
            reason=None, by_block={},
        )  # fmt: skip
        found = lag_of(law, [result], tried, (), minted_s)
        assert found is not None
        return found

    expired, told = lag(2.9, 900.0), lag(0.004, 900.0)
    assert (expired.kind, expired.seconds, expired.within_s) == ("law", 900.0, 900.0)
    assert expired.text.startswith("15 min by law (measured with credentials of 3 s: 2.90 s")
    # Who was told in time stands where that was seen, and its law reaches as far.
    assert (told.allowed_beyond, told.within_s) == (900.0, told.seconds)
    assert lag(2.9, None).seconds == 3.0


def test_what_probes_were_too_sparse_to_see_counts_as_their_spacing() -> None:
    phase = a_phase("revocation")
    result = Result(
        arm="session_redis", phase=phase.name, scenario=None, endpoint=None,
        metric=METRICS["revocation_lag_p99_s"], value=0.003, low=None, high=None, blocks=5,
        reason=None, by_block={},
    )  # fmt: skip
    law = LawRecord(0.0, "at once", "unaffected", "unaffected")
    seen = [a_trial(phase=name, probe_every_s=s) for name, s in ((phase.name, 0.004), ("other", 1))]
    lag = lag_of(law, [result], phase, seen)
    assert lag is not None
    assert (lag.kind, lag.seconds, lag.spacing_s) == ("at_most", 0.004, 0.004)
    noted_nothing = lag_of(law, [result], phase, [a_trial(phase=phase.name)])
    assert noted_nothing is not None
    assert (noted_nothing.kind, noted_nothing.spacing_s) == ("measured", 0.002)


def test_the_life_of_minted_tokens_is_that_of_their_arms_settings(tmp_path: Path) -> None:
    run = the_run()
    arms = tuple(
        replace(arm, settings={"minted_ttl_s": 1800}) if arm.name == "jwt_hs256" else arm
        for arm in run.experiment.arms
    )
    run = replace(run, experiment=replace(run.experiment, arms=arms))
    lags = {p.arm: p.lag for p in frontier_in(read(write_the_run(tmp_path, run))).points}
    assert (lags["jwt_hs256"].seconds, lags["jwt_rs256"].seconds) == (1800, 900)


def test_what_must_be_tolerated_is_the_shorter_of_measured_and_promised(found: Frontier) -> None:
    within = {point.arm: point.lag.within_s for point in found.points}
    assert within["session_redis"] == 0
    assert within["jwt_hs256"] == 900
    assert within["none"] is None
    assert 0.002 < (within["session_tracking"] or 0) < 0.02


def test_the_front_is_what_no_other_beats_in_both(found: Frontier) -> None:
    points = {point.arm: point for point in found.points}
    assert "session_tracking" in found.cheapest
    assert "jwt_denylist_redis" not in found.cheapest
    lag_and_rate = {
        arm: (float("inf") if p.lag.seconds is None else p.lag.seconds, p.rate.value or 0.0)
        for arm, p in points.items()
    }
    for arm, (lag_s, rate) in lag_and_rate.items():
        beaten = any(
            (other_s <= lag_s and other_rate >= rate) and (other_s, other_rate) != (lag_s, rate)
            for other_s, other_rate in lag_and_rate.values()
        )
        assert (arm in found.cheapest) is not beaten


def test_who_is_as_cheap_is_what_the_comparisons_cannot_tell_apart(
    summary: Summary, found: Frontier
) -> None:
    ties = {c.arm: set(c.ties) for c in candidates_of(found, summary.comparisons)}
    verdicts = {
        (c.reference, c.candidate): c.verdict
        for c in summary.comparisons
        if (c.metric.name, c.phase) == ("requests_per_core_second", "capacity")
    }
    assert len(verdicts) == 16 * 15 / 2
    for (one, other), verdict in verdicts.items():
        differ = verdict in {"faster", "slower"}
        assert (other in ties[one], one in ties[other]) == (not differ, not differ)
    assert any(ties.values())
    assert "none" not in ties["session_redis"]


def test_added_p99_counts_from_the_arm_that_checks_nothing(found: Frontier) -> None:
    assert found.tails is not None
    assert found.tails.floor == "none"
    for point in found.points:
        assert point.p99 is not None
        assert point.added is not None
        own, floor = point.p99.by_block, found.tails.by_arm["none"].by_block
        mean = sum(own[b] - floor[b] for b in own) / len(own)
        assert point.added.mean == pytest.approx(mean)
    assert found.tails.added("none") is not None


def test_without_that_arm_the_tail_is_a_ratio_to_the_reference(tmp_path: Path) -> None:
    experiment = the_experiment()
    arms = tuple(arm for arm in experiment.arms if arm.strategy in {"session_redis", "jwt_hs256"})
    run = the_run(replace(experiment, arms=arms))
    found = frontier_in(read(write_the_run(tmp_path, run)))
    assert found.tails is not None
    assert found.tails.floor is None
    by_arm = {point.arm: point.added for point in found.points}
    assert by_arm["session_redis"] is not None
    assert by_arm["session_redis"].mean == 1
    assert 0.3 < (by_arm["jwt_hs256"].mean if by_arm["jwt_hs256"] else 0) < 1


def test_facts_come_from_the_run(found: Frontier) -> None:
    points = {point.arm: point for point in found.points}
    assert {a for a, p in points.items() if p.verifiable} == {"jwt_rs256", "jwt_es256", "jwt_eddsa"}
    assert not points["session_redis"].survives_store
    assert not points["jwt_epoch"].survives_store
    assert points["jwt_denylist_pubsub"].survives_store
    assert points["jwt_hs256"].survives_store
    assert points["jwt_epoch"].needs_store
    assert points["none"].needs_store is False


def test_an_older_run_says_that_it_does_not_know(tmp_path: Path) -> None:
    found = frontier_in(read(write_run_folder(tmp_path)))
    experiment = an_experiment()
    for point in found.points:
        assert (point.needs_store, point.survives_store, point.verifiable) == (None, None, None)
        assert store_down(point) == point.facts.law.store_down
        assert dict(facts_of(point, found, experiment))["other services"] == "not noted by this run"


def test_too_few_trials_for_p99_give_the_longest(tmp_path: Path) -> None:
    run = the_run()
    few = [t for t in trials(run.experiment) if t.trial < 4]
    found = frontier_in(read(write_run_folder(tmp_path, run, trials=few)))
    lags = {point.arm: point.lag for point in found.points}
    assert lags["session_tracking"].statistic == "longest"
    assert lags["session_tracking"].seconds == max(
        t.lag_high_s or 0 for t in few if t.arm == "session_tracking"
    )


def test_a_law_seen_broken_promises_nothing(tmp_path: Path) -> None:
    run = the_run()
    late = a_trial(arm="session_redis", lag_low_s=0.004, lag_high_s=0.006, accepted_after_ack=2)
    seen = [*trials(run.experiment), late]
    found = frontier_in(read(write_run_folder(tmp_path, run, trials=seen)))
    lag = next(point.lag for point in found.points if point.arm == "session_redis")
    assert lag.broken
    assert lag.within_s == lag.seconds != 0
    assert "BROKEN" in lag.law_text
    candidate = next(c for c in candidates_of(found, ()) if c.arm == "session_redis")
    assert candidate.promised_s is None


def test_an_arm_without_cost_or_possibility_is_named(tmp_path: Path) -> None:
    run = with_impossible(the_run(), "jwt_es256")
    found = frontier_in(read(write_the_run(tmp_path, run)))
    assert found.left_out == ("jwt_es256: too large",)
    assert "jwt_es256" not in kinds(found)


@pytest.mark.parametrize(
    ("phases", "reason"),
    [(("capacity",), "no revocation"), (("revocation",), "no capacity phase")],
)
def test_a_run_without_one_side_has_no_frontier(
    tmp_path: Path, phases: tuple[str, ...], reason: str
) -> None:
    run = a_run(an_experiment(phases=tuple(a_phase(name) for name in phases)))
    slices = () if phases == ("revocation",) else None
    reading = read(write_run_folder(tmp_path, run, slices=slices))
    with pytest.raises(NoFrontierError, match=reason):
        frontier_in(reading)


def with_impossible(run: RunRecord, arm: str) -> RunRecord:
    def facts(known: BlockFacts) -> dict[str, ArmFacts]:
        return {**known.arms, arm: replace(known.arms[arm], impossible="too large")}

    return replace(run, blocks=tuple(replace(b, arms=facts(b)) for b in run.blocks))
