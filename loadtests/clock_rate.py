"""How fast the CPUs' clock runs, and how often heat held it back, where the kernel tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

SYSTEM_CPUS = Path("/sys/devices/system/cpu")


class ClockLook(NamedTuple):
    """The mean clock of some CPUs now, in MHz, and throttling events since the look before; None
    where not readable (a virtual machine mostly has neither)."""

    mhz: float | None
    throttled: int | None


class ClockWatch:
    """Reads `scaling_cur_freq` (kHz, over the last milliseconds) and `core_throttle_count` of
    `cpus`: Linux, Documentation/ABI/testing/sysfs-devices-system-cpu."""

    def __init__(self, cpus: Iterable[int], folder: Path = SYSTEM_CPUS) -> None:
        folders = [folder / f"cpu{cpu}" for cpu in cpus]
        self._clocks = [each / "cpufreq" / "scaling_cur_freq" for each in folders]
        self._events = [each / "thermal_throttle" / "core_throttle_count" for each in folders]
        self._events_before = _sum(self._events)

    def look(self) -> ClockLook:
        khz, events = _sum(self._clocks), _sum(self._events)
        before, self._events_before = self._events_before, events
        return ClockLook(
            mhz=None if khz is None else khz / len(self._clocks) / 1e3,
            throttled=None if events is None or before is None else events - before,
        )


def _sum(paths: Sequence[Path]) -> int | None:
    """None where there is nothing to add, or any of it cannot be read."""
    try:
        return sum(int(path.read_text()) for path in paths) if paths else None
    except (OSError, ValueError):
        return None
