from dataclasses import replace

import pytest

from analysis.units import (
    further,
    number,
    offered,
    plain_seconds,
    rate,
    seconds,
    share,
    size,
    span,
)
from tests.builders import a_phase


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (number(0), "0"),
        (number(12345.6), "12,346"),
        (number(123.4), "123"),
        (number(12.345), "12.3"),
        (number(9.999), "10.0"),
        (number(0.012345), "0.0123"),
        (seconds(0), "0 s"),
        (seconds(0.00012), "120 µs"),
        (seconds(0.0034), "3.40 ms"),
        (seconds(0.9999), "1.00 s"),
        (seconds(1.2), "1.20 s"),
        (seconds(900), "15 min"),
        (plain_seconds(0.002), "2 ms"),
        (plain_seconds(0.0005), "500 µs"),
        (plain_seconds(3), "3 s"),
        (plain_seconds(900), "15 min"),
        (plain_seconds(3600), "1 h"),
        (size(512), "512 B"),
        (size(1536), "1.50 KiB"),
        (size(2 * 2**20), "2.00 MiB"),
        (rate(2000), "2,000 req/s"),
        (share(0), "0%"),
        (share(0.034), "3.40%"),
        (span("1.20 ms", "1.40 ms"), "1.20–1.40 ms"),
        (span("900 µs", "1.10 ms"), "900 µs–1.10 ms"),
        (span("8,495", "8,783"), "8,495–8,783"),
    ],
)
def test_numbers_as_people_read_them(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(
    ("delay_s", "expected"), [(0.0, "+0"), (0.0005, "+500 µs"), (0.002, "+2 ms"), (0.01, "+10 ms")]
)
def test_what_is_added_to_a_round_trip(delay_s: float, expected: str) -> None:
    assert further(delay_s) == expected
    phase = replace(a_phase("latency-2000"), store_delay_s=delay_s)
    assert offered(phase) == f"2,000 req/s, store {expected}"


def test_what_a_phase_offers() -> None:
    assert offered(a_phase("latency-2000")) == "2,000 req/s"
    assert offered(a_phase("capacity")) == "capacity"
