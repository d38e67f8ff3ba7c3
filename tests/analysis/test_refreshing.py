from __future__ import annotations

from pathlib import Path

import pytest

from analysis.metrics import METRICS
from analysis.reading import Reading, read
from analysis.refreshing import LIVES_S, USERS, Refreshing, refreshes_rps, refreshing_of
from analysis.results import results_of
from tests.refresh_folders import CHECK_US, LEEWAY_S, REFRESH_US, STORE_SHARE, write_refresh_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_refresh_folder(tmp_path_factory.mktemp("results"))


def of(reading: Reading) -> list[Refreshing]:
    return refreshing_of(reading, tuple(results_of(reading, METRICS.values())))


def test_costs_are_those_of_servers_and_store_with_intervals(folder: Path) -> None:
    (refreshing,) = of(read(folder))
    assert (refreshing.arm, refreshing.phase) == ("jwt_refresh", "refresh")
    cost_us = REFRESH_US * (1 + STORE_SHARE)
    assert refreshing.refresh_us.mean == pytest.approx(cost_us, rel=0.01)
    low, high = refreshing.refresh_us.low, refreshing.refresh_us.high
    assert low is not None
    assert high is not None
    assert low < refreshing.refresh_us.mean < high
    assert refreshing.refresh_us.blocks == 5
    assert set(refreshing.check_us) == {
        "session_redis", "session_redis#2", "jwt_hs256", "jwt_refresh",
    }  # fmt: skip
    for arm, check in refreshing.check_us.items():
        expected_us = CHECK_US[arm.removesuffix("#2")]
        assert check.mean == pytest.approx(expected_us * (1 + STORE_SHARE), rel=0.01)
        assert refreshing.in_checks[arm].mean == pytest.approx(REFRESH_US / expected_us, rel=0.02)


def test_what_lives_cost_and_allow_follows_from_it(folder: Path) -> None:
    (refreshing,) = of(read(folder))
    assert refreshing.leeway_s == LEEWAY_S
    for life_s in LIVES_S:
        cores = refreshing.cores(life_s)
        # users ÷ life refreshes a second, each so many CPU seconds.
        assert cores.mean == pytest.approx(USERS / life_s * refreshing.refresh_us.mean / 1e6)
        assert refreshes_rps(life_s) * life_s == pytest.approx(USERS)
        assert refreshing.mean_lag_s(life_s) == life_s / 2 + LEEWAY_S
        assert refreshing.worst_lag_s(life_s) == life_s + LEEWAY_S
        low, high = refreshing.refresh_us.low or 0.0, refreshing.refresh_us.high or 0.0
        assert cores.high == pytest.approx((cores.low or 0.0) * high / low)
    a_minute = refreshing.check_cores("session_redis").mean
    assert a_minute == pytest.approx(
        1e6 / 60 * CHECK_US["session_redis"] * (1 + STORE_SHARE) / 1e6, rel=0.01
    )


def test_one_block_has_no_interval(tmp_path: Path) -> None:
    (refreshing,) = of(read(write_refresh_folder(tmp_path, blocks=1)))
    assert (refreshing.refresh_us.low, refreshing.cores(60.0).high) == (None, None)


def test_a_run_without_refreshes_has_none(reading: Reading) -> None:
    assert of(reading) == []
