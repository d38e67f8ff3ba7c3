from __future__ import annotations

import pytest

from loadtests.bench.workers import agreement, sharing
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
    assert agreement(25.0, Interval(middle, middle, middle), control).is_reached is agrees


@pytest.mark.parametrize(
    ("cpus", "shared"), [(1, True), (2, True), (4, True), (5, False), (8, False)]
)
def test_processes_that_share_a_core_are_not_judged(cpus: int, *, shared: bool) -> None:
    why = sharing(range(cpus))
    assert (why is not None) is shared
    assert why is None or f"of {cpus} CPUs" in why
