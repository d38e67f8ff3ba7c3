from __future__ import annotations

import math

import pytest

from loadtests.bench.workers import Ratio, judge, ratio


def test_ratios_are_paired_by_round() -> None:
    paired = ratio([2.0, 4.0, 8.0], [1.0, 2.0, 4.0])
    assert (paired.low, paired.middle, paired.high) == pytest.approx((2.0, 2.0, 2.0))
    # t(0.975, 1) = 12.706; logs 0 and ln 4 have mean ln 2 and standard error ln 2.
    wide = ratio([1.0, 4.0], [1.0, 1.0])
    assert wide.middle == pytest.approx(2.0)
    assert math.log(wide.high / wide.middle) == pytest.approx(12.7062 * math.log(2), rel=1e-4)


@pytest.mark.parametrize(
    ("middle", "control", "verdict"),
    [
        (1.04, Ratio(1.0, 0.97, 1.05), "pass"),
        (0.96, Ratio(1.0, 0.97, 1.05), "pass"),
        (1.06, Ratio(1.0, 0.97, 1.05), "fail"),
        (1.019, Ratio(1.0, 0.999, 1.001), "pass"),
        (1.021, Ratio(1.0, 0.999, 1.001), "fail"),
        (1.0, Ratio(1.0, 0.5, 2.0), "fail (1 ÷ 1 itself scatters"),
    ],
)
def test_three_agree_with_one_where_one_agrees_with_one(
    middle: float, control: Ratio, verdict: str
) -> None:
    said = judge(Ratio(middle, middle, middle), control)
    assert said.startswith(verdict)
    assert (said == "pass") == (verdict == "pass")
