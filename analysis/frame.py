"""A run folder as one tidy pandas DataFrame: a row a slice and endpoint.

What belongs to the whole slice (CPU, bytes, `completed`) stands on each of its rows, so sum it
over `slice_rows` only: the first row of each slice.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.cells import ok_requests, requests
from loadtests.histogram import Histogram
from loadtests.model import Experiment, SliceRecord

Row = dict[str, object]

COLUMNS = (
    "block", "phase", "kind", "scenario", "round", "attempt", "counted", "arm", "strategy",
    "replicas", "started_s", "duration_s", "endpoint", "requests", "ok", "unauthorised",
    "response_p50_ms", "response_p99_ms", "first_of_slice", "completed", "offered", "unsent",
    "cpu_server_s", "cpu_store_s", "cpu_generator_s", "steal_s", "wire_bytes", "findings",
)  # fmt: skip


def rows_of(
    record: SliceRecord,
    response: Mapping[str, Histogram],
    experiment: Experiment,
    *,
    counted: bool,
) -> Iterator[Row]:
    """The rows of one slice; `counted` is false for an attempt that was repeated later.

    A slice in which nothing was answered still has a row, with no endpoint.
    """
    whole = _whole_slice(record, experiment, counted=counted)
    if not record.endpoints:
        nothing = {"endpoint": None, "requests": 0, "ok": 0, "unauthorised": 0}
        yield whole | nothing | {"first_of_slice": True}
    for index, (name, endpoint) in enumerate(record.endpoints.items()):
        yield whole | {
            "endpoint": name,
            "requests": requests(endpoint),
            "ok": ok_requests(endpoint),
            "unauthorised": endpoint.outcomes.get("401", 0),
            "response_p50_ms": _quantile_ms(response[name], 0.5),
            "response_p99_ms": _quantile_ms(response[name], 0.99),
            "first_of_slice": index == 0,
        }


class Columns:
    """Rows on their way to a frame, kept by column: a tenth of the memory of as many dicts."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, list[object]] = {name: [] for name in COLUMNS}

    def add(self, row: Row) -> None:
        for name, values in self._values.items():
            value = row.get(name)
            values.append(sys.intern(value) if isinstance(value, str) else value)

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self._values)


def slice_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a slice."""
    return frame[frame["first_of_slice"].astype(bool)]


def _whole_slice(record: SliceRecord, experiment: Experiment, *, counted: bool) -> Row:
    phase, arm = experiment.phase(record.phase), experiment.arm(record.arm)
    return {
        "block": record.block,
        "phase": record.phase,
        "kind": phase.kind,
        "scenario": phase.scenario,
        "round": record.round,
        "attempt": record.attempt,
        "counted": counted,
        "arm": record.arm,
        "strategy": arm.strategy,
        "replicas": record.replicas,
        "started_s": record.started_s,
        "duration_s": record.duration_s,
        "completed": record.completed,
        "offered": record.offered,
        "unsent": record.unsent,
        "cpu_server_s": record.cpu_s.server,
        "cpu_store_s": record.cpu_s.store,
        "cpu_generator_s": record.cpu_s.generator,
        "steal_s": record.steal_s,
        "wire_bytes": record.wire_bytes.sent + record.wire_bytes.received,
        "findings": " ".join(record.findings),
    }


def _quantile_ms(histogram: Histogram, quantile: float) -> float | None:
    value_ns = histogram.quantile_ns(quantile)
    return None if value_ns is None else value_ns / 1e6
