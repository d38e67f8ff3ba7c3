"""Calibrations and what they are made of, in one line each."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from loadtests.calibration.scripted import Truth
from loadtests.model import Calibration, CalibrationCheck, DispatchLimit, GeneratorLimits


def a_check(**changes: Any) -> CalibrationCheck:
    check = CalibrationCheck(
        about="open, bimodal",
        quantity="response p99",
        unit="ms",
        goal="3% or 300 µs",
        truth=20.0,
        measured=20.24,
        allowed=0.6,
        outcome="pass",
    )
    return dataclasses.replace(check, **changes)


def a_dispatch(rate_rps: float, *, in_time: bool = True) -> DispatchLimit:
    return DispatchLimit(rate_rps, 1.0, 35.0, 150.0 if in_time else 2_500.0, in_time)


def the_limits(**changes: Any) -> GeneratorLimits:
    limits = GeneratorLimits(
        against="nothing",
        reached_rps=36_000.0,
        busy=0.9,
        cpu_us_per_request=25.0,
        dispatch=(a_dispatch(1_000.0), a_dispatch(2_000.0), a_dispatch(5_000.0, in_time=False)),
    )
    return dataclasses.replace(limits, **changes)


def a_calibration(**changes: Any) -> Calibration:
    calibration = Calibration(
        measured_at="2025-01-01T12:00:00Z",
        git_commit="0123456789abcdef",
        environment={"cpu_model": "a plausible CPU", "cpu_count": 2, "kernel": "6.1.2"},
        checks=(a_check(),),
        limits=the_limits(),
    )
    return dataclasses.replace(calibration, **changes)


def a_truth(
    *requests: tuple[int, int], ids: tuple[str, ...] = (), stalls: tuple[tuple[int, int], ...] = ()
) -> Truth:
    """`requests` as (received, answered) in ns, in the order received."""
    return Truth(
        ids=ids or tuple(f"id-{number:06}" for number in range(len(requests))),
        received_ns=np.array([received for received, _ in requests], dtype=np.int64),
        answered_ns=np.array([answered for _, answered in requests], dtype=np.int64),
        stalls_ns=stalls,
    )
