from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtests import cpu_clock
from loadtests.cpu_clock import (
    MachineCpu,
    cpu_ns_of_others,
    machine_cpu,
    parse_machine_cpu,
    process_cpu_ns,
    processes_cpu_ns,
)


def spin_until_spent(cpu_ns: int) -> None:
    start_ns = time.process_time_ns()
    while time.process_time_ns() < start_ns + cpu_ns:
        pass


@pytest.fixture
def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    child.wait()
    return child.pid


def test_others_are_everybody_but_ours() -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "print(flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as p:
        assert p.stdout is not None
        # Before that it may not have run yet.
        p.stdout.readline()
        seen = cpu_ns_of_others({os.getpid()})
        assert os.getpid() not in seen
        assert seen[p.pid] > 0
        p.communicate(b"\n")
    assert p.pid not in cpu_ns_of_others({os.getpid()})


def test_own_clock_is_the_one_python_reads() -> None:
    before_ns, started_ns = process_cpu_ns(os.getpid()), time.process_time_ns()
    spin_until_spent(30_000_000)
    spent_ns = process_cpu_ns(os.getpid()) - before_ns
    assert spent_ns == pytest.approx(time.process_time_ns() - started_ns, abs=15_000_000)
    assert spent_ns >= 20_000_000


def test_another_process_is_read_from_outside() -> None:
    spin = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert process_cpu_ns(child.pid) >= 190_000_000
        own_ns = process_cpu_ns(os.getpid())
        both_ns = processes_cpu_ns([os.getpid(), child.pid])
        assert both_ns is not None
        assert both_ns >= own_ns + 190_000_000
        child.kill()


def test_a_dead_process_has_no_clock(dead_pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        process_cpu_ns(dead_pid)
    assert processes_cpu_ns([os.getpid(), dead_pid]) is None


def test_no_processes_spend_nothing() -> None:
    assert processes_cpu_ns([]) == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "cpu  100 20 30 4000 50 6 7 80 9 10\ncpu0 1\ncpu1 1\nintr 5",
            MachineCpu(busy_s=1.63, idle_s=40.5, steal_s=0.8, cpus=2),
        ),
        ("cpu  0 0 0 0 0 0 0 0\ncpu0 0", MachineCpu(0.0, 0.0, 0.0, cpus=1)),
        ("cpu  0 0 0 900 900 0 0 5 0 0\ncpu0 0", MachineCpu(0.0, 18.0, 0.05, cpus=1)),
    ],
)
def test_the_cpu_line(line: str, expected: MachineCpu) -> None:
    """Waiting for a disk is idling too; `cpu0` and the like only count the CPUs."""
    assert parse_machine_cpu(line, ticks_per_s=100) == expected


@pytest.mark.parametrize(
    ("busy_s", "idle_s", "expected_s"),
    [(1.2, 0.5, 1.2), (1.9, 0.5, 1.25), (0.3, 0.5, 0.3), (0.5, 1.9, 0.0)],
)
def test_busy_is_the_smaller_of_two_readings(
    busy_s: float, idle_s: float, expected_s: float
) -> None:
    before = MachineCpu(busy_s=50.0, idle_s=100.0, steal_s=3.0, cpus=2)
    after = MachineCpu(busy_s=50.0 + busy_s, idle_s=100.0 + idle_s, steal_s=3.25, cpus=2)
    assert after.busy_since(before, elapsed_s=1.0) == pytest.approx(expected_s)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc/stat here")
def test_the_machine_only_ever_spends_more() -> None:
    before, started_s = machine_cpu(), time.monotonic()
    spin_until_spent(200_000_000)
    after, elapsed_s = machine_cpu(), time.monotonic() - started_s
    assert before is not None
    assert after is not None
    # Ticks of 10 ms, some of which may miss.
    assert after.busy_since(before, elapsed_s) > 0.05
    assert after.steal_s >= before.steal_s


def test_a_kernel_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_clock, "_STAT", tmp_path / "stat")
    assert machine_cpu() is None
