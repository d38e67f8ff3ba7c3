"""The race of our servers against hand-written ones."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.store_server import RunningStore
from servers.bench.__main__ import main
from servers.bench.contestants import GOALS
from servers.bench.keys import signing_key
from servers.bench.logins import measure
from servers.bench.ratios import paired_ratio
from servers.flags import parse_settings
from servers.strategies._keys import KEY_KINDS, signing_keys
from servers.strategy import KeyKind, available, load
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
    names = {goal.candidate for goal in GOALS} | {"bare", "handwritten_session"}
    for name in names:
        assert f"  {name} " in shown.stdout
    assert "goal 0.85" in shown.stdout
    assert "goal 0.65" in shown.stdout


@pytest.mark.parametrize(
    ("strategy", "stores", "keeps"),
    [("session_redis", True, False), ("session_nearcache", True, True),
     ("jwt_es256", False, False), ("jwt_cached", False, True)],
)  # fmt: skip
def test_what_a_login_costs(strategy: str, stores: bool, keeps: bool) -> None:
    cost = measure(load(strategy), logins=3_000)
    assert cost.mint_s > 0
    assert (cost.store_bytes is not None) == stores
    if cost.store_bytes is not None:
        # A session is some hundred bytes, and never thousands.
        assert 100 < cost.store_bytes < 2_000
    assert (cost.process_bytes > 200) == keeps


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_a_key_is_of_the_kind_asked_for(kind: KeyKind) -> None:
    (algorithm,) = (name for name, needed in KEY_KINDS.items() if needed == kind)
    settings = parse_settings(
        ["--strategy", "none"], {"AUTHBENCH_SIGNING_KEY": signing_key(kind)}, available
    )
    assert len(signing_keys(settings, algorithm)) == 1


@pytest.mark.parametrize(
    ("arguments", "says"), [(["--rounds", "1"], "at least 2"), (["--logins", "0"], "at least 1")]
)
def test_too_few_are_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err
