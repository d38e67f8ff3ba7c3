"""The race of our servers against hand-written ones."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.store_server import RunningStore
from servers.bench.__main__ import main
from servers.bench.ratios import paired_ratio
from tests.servers.processes import ROOT

SHORT = ("--rounds", "2", "--slice-s", "0.02", "--connections", "2")
speeds = st.lists(st.floats(1.0, 1e6), min_size=2, max_size=20)


def test_the_interval_is_students() -> None:
    ratio = paired_ratio([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    assert ratio.value == pytest.approx(2.0)
    # ln 2 ± 4.3027 · ln 2 / √3, the quantile of two degrees of freedom from a table.
    assert ratio.high == pytest.approx(2 ** (1 + 4.302653 / 3**0.5))
    assert ratio.low == pytest.approx(2 ** (1 - 4.302653 / 3**0.5))


@given(reference=speeds, factor=st.floats(0.1, 10.0))
def test_drift_that_both_share_cancels_out(reference: list[float], factor: float) -> None:
    ratio = paired_ratio([factor * rate for rate in reference], reference)
    assert ratio.low == pytest.approx(factor, rel=1e-6)
    assert ratio.high == pytest.approx(factor, rel=1e-6)


def test_a_short_race(store: RunningStore) -> None:
    # In a process of its own, as it pins itself to a CPU.
    shown = subprocess.run(
        [sys.executable, "-m", "servers.bench", "--store", store.url, *SHORT],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode in (0, 1), shown.stderr
    for name in ("none", "jwt_hs256", "session_redis", "bare", "handwritten_session"):
        assert f"  {name} " in shown.stdout
    assert "goal 0.85" in shown.stdout


def test_one_round_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--rounds", "1"])
    assert "at least 2" in capsys.readouterr().err
