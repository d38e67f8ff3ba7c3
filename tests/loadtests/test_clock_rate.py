from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.clock_rate import ClockWatch


def tell(folder: Path, cpu: int, khz: int, events: int) -> None:
    for name, value in (
        ("cpufreq/scaling_cur_freq", khz),
        ("thermal_throttle/core_throttle_count", events),
    ):
        path = folder / f"cpu{cpu}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")


def test_the_mean_clock_and_the_events_since_the_look_before(tmp_path: Path) -> None:
    tell(tmp_path, 0, 3_000_000, 7)
    tell(tmp_path, 1, 2_000_000, 1)
    tell(tmp_path, 2, 1_000_000, 90)
    watch = ClockWatch((0, 1), tmp_path)
    assert watch.look() == (2500.0, 0)
    tell(tmp_path, 0, 1_000_000, 9)
    assert watch.look() == (1500.0, 2)
    assert watch.look() == (1500.0, 0)


@pytest.mark.parametrize("cpus", [(), (0,), (0, 1)])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, cpus: tuple[int, ...]) -> None:
    assert ClockWatch(cpus, tmp_path).look() == (None, None)


def test_one_cpu_that_does_not_tell_hides_no_other(tmp_path: Path) -> None:
    tell(tmp_path, 0, 3_000_000, 7)
    (tmp_path / "cpu0" / "thermal_throttle" / "core_throttle_count").write_text("many")
    watch = ClockWatch((0,), tmp_path)
    assert watch.look() == (3000.0, None)
    assert ClockWatch((0, 1), tmp_path).look() == (None, None)
