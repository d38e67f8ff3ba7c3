from dataclasses import replace

import pytest

from analysis.cells import Cell, Latency, Sums
from analysis.metrics import METRICS, Missing, named
from loadtests.histogram import Histogram
from loadtests.model import ConfigurationError, CpuSeconds, WireBytes
from tests.builders import a_slice, an_endpoint

IN_THE_DESIGN = (
    "throughput_rps", "requests_per_core_second", "cpu_server_us", "cpu_store_us",
    "cpu_generator_us", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_p999_ms",
    "login_p50_ms", "revocation_lag_p50_s", "revocation_lag_p99_s", "revocation_lag_max_s",
    "wire_bytes_per_request", "store_bytes_per_login", "error_rate", "slo_rate_rps",
)  # fmt: skip

TWO_SLICES = (
    Sums()
    .plus(
        a_slice(
            duration_s=0.5,
            endpoints={"GET /me": an_endpoint({"200": 90, "503": 6, "timeout": 4})},
            completed=120,
            cpu_s=CpuSeconds(server=0.010, store=0.002, generator=0.004),
            wire_bytes=WireBytes(sent=1000, received=2000),
        )
    )
    .plus(
        a_slice(
            duration_s=1.5,
            endpoints={
                "GET /me": an_endpoint({"200": 250}),
                "PUT /state": an_endpoint({"204": 60}),
            },
            completed=280,
            cpu_s=CpuSeconds(server=0.022, store=0.006, generator=0.008),
            wire_bytes=WireBytes(sent=3000, received=6000),
        )
    )
)


def value(metric: str, cell: Cell, endpoint: str | None = None) -> float | Missing:
    return METRICS[metric].compute(cell, endpoint)


def missing(metric: str, cell: Cell, endpoint: str | None = None) -> str:
    answer = value(metric, cell, endpoint)
    assert isinstance(answer, Missing)
    return answer.reason


def a_cell(**changes: object) -> Cell:
    return replace(Cell(0, "jwt_hs256", "capacity", "capacity"), **changes)  # type: ignore[arg-type]


def test_the_metrics_are_those_of_the_design() -> None:
    assert tuple(METRICS) == IN_THE_DESIGN


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("throughput_rps", 400 / 2.0),
        ("requests_per_core_second", 400 / 0.040),
        ("cpu_server_us", 0.032 / 400 * 1e6),
        ("cpu_store_us", 0.008 / 400 * 1e6),
        ("cpu_generator_us", 0.012 / 400 * 1e6),
        ("wire_bytes_per_request", 12000 / 400),
        ("error_rate", 10 / 410),
    ],
)
def test_sums_by_hand(metric: str, expected: float) -> None:
    assert value(metric, a_cell(sums=TWO_SLICES)) == pytest.approx(expected)


def test_cpu_that_one_slice_could_not_read_is_missing() -> None:
    sums = TWO_SLICES.plus(a_slice(cpu_s=CpuSeconds(server=0.01, store=None, generator=0.01)))
    assert "could not be read" in missing("cpu_store_us", a_cell(sums=sums))
    assert "could not be read" in missing("requests_per_core_second", a_cell(sums=sums))
    assert not isinstance(value("cpu_server_us", a_cell(sums=sums)), Missing)


@pytest.mark.parametrize("metric", IN_THE_DESIGN)
def test_an_empty_cell_has_a_reason_and_no_number(metric: str) -> None:
    assert missing(metric, a_cell(), "GET /me")


def test_percentiles_come_from_the_merged_histogram() -> None:
    # 1 ms … 1000 ms once each: p95 is 950 ms, and no average of slices' p95 would be.
    merged = Histogram.of(n * 1_000_000 for n in range(1, 901))
    merged.merge(Histogram.of(n * 1_000_000 for n in range(901, 1001)))
    cell = a_cell(latency={"GET /me": Latency.of(merged)})
    assert value("latency_p50_ms", cell, "GET /me") == pytest.approx(500, rel=2e-3)
    assert value("latency_p95_ms", cell, "GET /me") == pytest.approx(950, rel=2e-3)
    assert value("latency_p99_ms", cell, "GET /me") == pytest.approx(990, rel=2e-3)


@pytest.mark.parametrize(
    ("metric", "needed"), [("latency_p99_ms", 1_000), ("latency_p999_ms", 10_000)]
)
def test_a_tail_needs_its_samples(metric: str, needed: int) -> None:
    enough, short = (
        a_cell(latency={"GET /me": Latency(samples, dict.fromkeys((0.99, 0.999), 7.0))})
        for samples in (needed, needed - 1)
    )
    assert value(metric, enough, "GET /me") == 7.0
    assert f"{needed - 1:,} samples" in missing(metric, short, "GET /me")


@pytest.mark.parametrize(("failed", "known"), [(0, True), (99, True), (100, False)])
def test_a_tail_that_failed_is_no_percentile(failed: int, known: bool) -> None:
    cell = a_cell(latency={"GET /me": Latency(10_000, {0.5: 1.0, 0.99: 7.0}, failed)})
    assert value("latency_p50_ms", cell, "GET /me") == 1.0
    if known:
        assert value("latency_p99_ms", cell, "GET /me") == 7.0
    else:
        said = missing("latency_p99_ms", cell, "GET /me")
        assert said.endswith("100 of some 10,000 requests failed, which is where p99 lies")


def test_lags_rank_a_replica_that_never_refused_last() -> None:
    cell = a_cell(lags_s=(0.1, None, 0.3, 0.2))
    assert value("revocation_lag_p50_s", cell) == 0.2
    assert missing("revocation_lag_max_s", cell) == "1 of 4 replica-trials never refused"


def test_the_lags_tail_needs_a_hundred_trials() -> None:
    lags = tuple(n / 100 for n in range(1, 101))
    assert value("revocation_lag_p99_s", a_cell(lags_s=lags)) == 0.99
    assert value("revocation_lag_max_s", a_cell(lags_s=lags)) == 1.0
    assert "99 replica-trials" in missing("revocation_lag_p99_s", a_cell(lags_s=lags[:99]))


def test_an_unknown_metric_names_the_allowed_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'latency'.*throughput_rps.*error_rate"):
        named(["throughput_rps", "latency"])


def test_named_metrics_come_as_asked() -> None:
    assert [metric.name for metric in named(["error_rate", "throughput_rps"])] == [
        "error_rate",
        "throughput_rps",
    ]
