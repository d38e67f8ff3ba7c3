from __future__ import annotations

import pytest

from loadtests.model import OutageRecord
from loadtests.progress import outcome
from tests.lab_builders import an_outage


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (an_outage(first_error_s=None, recovered_s=0.2), "served all the while"),
        (an_outage(mended_s=10.0, recovered_s=10.4), "recovered 0.4 s after the mend"),
        (an_outage(recovered_s=None), "never recovered"),
        (
            an_outage(false_accepts=2, hung=1, policy_held=False, policy_why="served"),
            "recovered 0.0 s after the mend, 2 false accepts, 1 hung, policy broken",
        ),
    ],
)
def test_how_an_arm_came_through_in_a_few_words(record: OutageRecord, words: str) -> None:
    assert outcome(record) == words
