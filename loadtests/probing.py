"""The probes of a block's searches: which rate comes next, and when a probe ends early."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from loadtests.checks import meets
from loadtests.model import Experiment, Load, Phase, PlannedSlice, SliceRecord
from loadtests.saturation import LOOK_EVERY_S, Look, SaturationWatch
from loadtests.search import Answer

_NS_PER_S = 1_000_000_000

# Parks until a time on the monotonic clock in ns.
Wait = Callable[[int], None]


class Searches:
    """What each arm's search has been told in this block, by phase."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)

    def load(self, planned: PlannedSlice) -> Load | None:
        """The load of a slice: its phase's, or what the arm's search asks for; None at its end."""
        phase = self._experiment.phase(planned.phase)
        if phase.search is None:
            return phase.load
        answers = self._answers[planned.phase, planned.arm]
        rate_rps = phase.search.next_rps(answers, planned.seed)
        return None if rate_rps is None else Load(phase.load.model, rate_rps=rate_rps)

    def doubt(self, record: SliceRecord) -> bool:
        """Whether a disturbance may have changed what a slice told: a probe that met its limit
        would have met it all the more without."""
        search = self._experiment.phase(record.phase).search
        return search is None or not meets(record, search)

    def hear(self, records: Iterable[SliceRecord]) -> None:
        """The last attempt at a round; what was repeated tells nothing."""
        for record in records:
            search = self._experiment.phase(record.phase).search
            if search is not None and record.load.rate_rps is not None:
                answer = Answer(record.load.rate_rps, meets(record, search))
                self._answers[record.phase, record.arm].append(answer)


def await_end(look: Callable[[], Look], phase: Phase, load: Load, end_ns: int, wait: Wait) -> int:
    """Waits until `end_ns`; a probe that saturates its servers ends before. Returns when, in ns."""
    if phase.search is None or load.rate_rps is None:
        wait(end_ns)
        return end_ns
    watch = SaturationWatch(load.rate_rps, phase.search.p99_ms / 1e3, phase.slice_s)
    step_ns = int(LOOK_EVERY_S * _NS_PER_S)
    while (now_ns := time.monotonic_ns()) < end_ns - step_ns:
        wait(now_ns + step_ns)
        if watch.sees(look()):
            return min(time.monotonic_ns(), end_ns)
    wait(end_ns)
    return end_ns
