from __future__ import annotations

import pytest

from loadtests.bench.workers import agreement
from loadtests.intervals import Interval


@pytest.mark.parametrize(
    ("middle", "control", "agrees"),
    [
        (1.04, Interval(1.0, 0.97, 1.05), True),
        (0.96, Interval(1.0, 0.97, 1.05), True),
        (1.06, Interval(1.0, 0.97, 1.05), False),
        (1.019, Interval(1.0, 0.999, 1.001), True),
        (1.021, Interval(1.0, 0.999, 1.001), False),
        # Scatters too widely to tell anything.
        (1.0, Interval(1.0, 0.5, 2.0), False),
    ],
)
def test_three_agree_with_one_where_one_agrees_with_one(
    middle: float, control: Interval, *, agrees: bool
) -> None:
    assert agreement(Interval(middle, middle, middle), control).is_reached is agrees
