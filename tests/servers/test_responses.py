"""The one answer that is written by hand is the JSON that a library would write."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from servers.responses import answer, profile_answer


@given(st.text(), st.text(), st.integers(0, 9_999))
def test_a_profile_is_the_json_of_its_fields(user_id: str, role: str, replica: int) -> None:
    fields = {"user_id": user_id, "role": role, "replica": replica}
    by_hand, by_library = profile_answer(user_id, role, replica), answer(fields)
    assert by_hand.body == by_library.body
    assert json.loads(by_hand.body or b"") == fields  # type: ignore[arg-type]
    assert by_hand.headers == by_library.headers
