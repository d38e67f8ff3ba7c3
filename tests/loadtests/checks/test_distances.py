from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

import pytest

from loadtests.checks import distance_findings, generator_busy
from loadtests.model import CpuSeconds, SliceRecord
from tests.builders import a_slice, an_added_delay, an_arm, an_experiment, at_distances

PHASES = at_distances(0.0, 0.002, 0.01)
NEAR, FAR = "afar-0us", "afar-10000us"
EXPERIMENT = an_experiment(
    arms=(an_arm("session_redis"), an_arm("session_redis_batched"), an_arm("jwt_hs256")),
    phases=PHASES,
)


def slices(
    costs_us: Sequence[float], noise: float = 0.01, blocks: int = 5, kind: str = "afar"
) -> dict[str, list[SliceRecord]]:
    """By phase: what a request costs at each distance, nearest first."""
    draw = random.Random(1)  # noqa: S311
    phases = [phase for phase in PHASES if phase.name.startswith(kind)]
    return {
        phase.name: [
            a_slice(block=block, phase=phase.name, completed=1000, load=phase.load,
                    cpu_s=CpuSeconds(cost_us * 9e-4 * draw.gauss(1, noise), cost_us * 1e-4, 0.02),
                    added_delay=an_added_delay(phase.store_delay_s or 0.0))
            for block in range(blocks)
        ]
        for phase, cost_us in zip(phases, costs_us, strict=True)
    }  # fmt: skip


def found(arm: str, by_phase: dict[str, list[SliceRecord]]) -> list[str]:
    return [each.name for each in distance_findings(EXPERIMENT, arm, by_phase)]


@pytest.mark.parametrize(
    ("costs_us", "moves"),
    [((100, 100, 100), False), ((100, 105, 107), False), ((100, 100, 115), True),
     ((100, 85, 100), True)],
)  # fmt: skip
def test_a_cost_that_moves_by_more_than_10_percent_is_found(
    costs_us: Sequence[float], *, moves: bool
) -> None:
    expected = ["cost_moves_with_distance"] if moves else []
    assert found("session_redis", slices(costs_us)) == expected
    assert found("jwt_hs256", slices(costs_us)) == expected


def test_what_the_reports_interval_excludes_is_found() -> None:
    """As five blocks of a near-cache once moved: 1.14, 95% interval 1.05 to 1.23."""
    near, far = slices((100, 100, 100), noise=0.0), slices((100, 100, 100), noise=0.0)
    moved = [
        dataclasses.replace(each, cpu_s=CpuSeconds(0.1 * factor - 0.01, 0.01, 0.02), completed=1000)
        for each, factor in zip(far[FAR], (1.15, 1.13, 1.26, 1.09, 1.07), strict=True)
    ]
    assert found("session_redis", near | {FAR: moved}) == ["cost_moves_with_distance"]


def test_it_says_at_which_distance() -> None:
    (finding,) = distance_findings(EXPERIMENT, "jwt_hs256", slices((100, 100, 130), noise=0.0))
    assert f"+30% in {FAR}, against {NEAR}" in finding.message
    assert "2000us" not in finding.message
    assert (finding.severity, finding.phase) == ("warning", None)


def test_look_ups_that_share_a_round_trip_may_cost_less_from_afar() -> None:
    assert found("session_redis_batched", slices((100, 80, 60))) == []


def test_users_that_ask_less_often_from_afar_prove_nothing() -> None:
    assert found("session_redis", slices((100, 150, 200), kind="users")) == []


def test_noise_and_a_single_block_are_no_move() -> None:
    assert found("session_redis", slices((100, 100, 115), noise=0.4)) == []
    assert found("session_redis", slices((100, 100, 200), blocks=1)) == []


def test_cpu_that_could_not_be_read_says_nothing() -> None:
    by_phase = slices((100, 100, 200))
    unread = CpuSeconds(None, 0.1, 0.02)
    by_phase[FAR] = [a_slice(block=b, phase=FAR, cpu_s=unread) for b in range(5)]
    assert found("session_redis", by_phase) == []


@pytest.mark.parametrize(("late_s", "late"), [(0.0009, False), (0.0011, True)])
def test_a_proxy_that_holds_some_too_long_is_found(late_s: float, *, late: bool) -> None:
    by_phase = slices((100, 100, 100))
    added = an_added_delay(0.01, p99_s=0.01 + late_s)
    by_phase[FAR] = [a_slice(block=b, phase=FAR, added_delay=added) for b in range(5)]
    del by_phase[NEAR]
    findings = distance_findings(EXPERIMENT, "session_redis", by_phase)
    assert [(each.name, each.phase) for each in findings] == ([("proxy_late", FAR)] * late)


def test_one_odd_slice_makes_no_proxy_late() -> None:
    by_phase = slices((100, 100, 100))
    by_phase[FAR][0] = a_slice(phase=FAR, added_delay=an_added_delay(0.01, p99_s=0.5),
                               completed=1000, cpu_s=by_phase[FAR][1].cpu_s)  # fmt: skip
    assert found("session_redis", by_phase) == []


def test_what_a_proxy_takes_of_the_generators_core_counts_as_the_generators() -> None:
    record = a_slice(drained_after_s=1.0, cpu_s=CpuSeconds(0.5, 0.1, 0.6, proxy=0.3))
    assert generator_busy([record]) == pytest.approx(0.9)
