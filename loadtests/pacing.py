"""When requests are due. Pure: a load, a stretch of time and a seed give the due times."""

from __future__ import annotations

import numpy as np

from loadtests.model import Load

NS_PER_S = 1_000_000_000


def due_times_ns(load: Load, start_ns: int, end_ns: int, seed: int) -> list[int]:
    """Due times in [start_ns, end_ns), ascending; none for a closed load.

    `constant` spaces them evenly from `start_ns`; `poisson` draws independent exponential gaps,
    the arrivals of many users who do not know of each other (Kingman, Poisson Processes, §1.3).
    """
    if load.rate_rps is None:
        return []
    if load.model == "constant":
        return _constant_ns(load.rate_rps, start_ns, end_ns)
    return _poisson_ns(load.rate_rps, start_ns, end_ns, seed)


def _constant_ns(rate_rps: float, start_ns: int, end_ns: int) -> list[int]:
    gap_ns = NS_PER_S / rate_rps
    count = int(np.ceil((end_ns - start_ns) / gap_ns))
    dues = start_ns + (np.arange(count) * gap_ns).astype(np.int64)
    return [int(due) for due in dues[dues < end_ns]]


def _poisson_ns(rate_rps: float, start_ns: int, end_ns: int, seed: int) -> list[int]:
    # Given their number, Poisson arrivals are uniform and independent over the stretch, so the
    # count is drawn first and nothing has to be extended or cut.
    draw = np.random.default_rng(seed)
    count = draw.poisson(rate_rps * (end_ns - start_ns) / NS_PER_S)
    dues = np.sort(draw.integers(start_ns, end_ns, size=count))
    return [int(due) for due in dues]
