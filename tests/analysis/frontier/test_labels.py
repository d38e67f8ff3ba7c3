"""Names never cover one another, a marker or a line."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.frontier.labels import Box, place

BOUNDS = Box(0, 0, 700, 400)
SIZE = (120.0, 14.0)
SPOTS = st.tuples(st.floats(0, 700), st.floats(0, 400))


def marks_of(spots: list[tuple[float, float]]) -> list[Box]:
    return [Box.around(spot, 6, 6) for spot in spots]


def inside(box: Box) -> bool:
    return (
        box.left >= BOUNDS.left
        and box.top >= BOUNDS.top
        and box.left + box.width <= BOUNDS.left + BOUNDS.width
        and box.top + box.height <= BOUNDS.top + BOUNDS.height
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(SPOTS, min_size=1, max_size=18))
def test_where_there_is_room_nothing_is_covered(spots: list[tuple[float, float]]) -> None:
    boxes = place(spots, [SIZE] * len(spots), BOUNDS, marks_of(spots))
    assert all(map(inside, boxes))
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert not any(box.overlaps(mark) for box in boxes for mark in marks_of(spots))


def test_twenty_points_on_one_spot_are_all_named() -> None:
    spots = [(350.0, 200.0)] * 20
    boxes = place(spots, [SIZE] * 20, BOUNDS, marks_of(spots))
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_lone_name_stands_right_beside_its_point() -> None:
    (box,) = place([(100.0, 100.0)], [SIZE], BOUNDS, marks_of([(100.0, 100.0)]))
    assert 106 <= box.left <= 120
    assert abs(box.top + 7 - 100) < 4


def test_a_name_leaves_a_line_free() -> None:
    line = Box.spanning((0, 100), (700, 100), 2)
    (box,) = place([(100.0, 100.0)], [SIZE], BOUNDS, [line, *marks_of([(100.0, 100.0)])])
    assert not box.overlaps(line)


def test_without_room_every_name_still_has_a_place() -> None:
    small = Box(0, 0, 130, 20)
    boxes = place([(10.0, 10.0)] * 3, [SIZE] * 3, small, [])
    assert len(boxes) == 3


@pytest.mark.parametrize(
    ("other", "expected"),
    [(Box(5, 5, 10, 10), True), (Box(10, 0, 5, 5), False), (Box(0, 10, 5, 5), False)],
)
def test_edges_that_touch_do_not_overlap(other: Box, expected: bool) -> None:
    assert Box(0, 0, 10, 10).overlaps(other) is expected
    assert other.overlaps(Box(0, 0, 10, 10)) is expected
