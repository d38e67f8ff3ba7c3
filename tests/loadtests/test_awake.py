from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from loadtests import awake
from loadtests.placement import usable_cpus
from tests.processes import wait_for

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="threads of the idle class: Linux")
# Keeps CPUs awake, says by whom, and waits to be let go.
STARTER = """
import sys
from loadtests import awake
with awake.kept_awake():
    print(*awake.spinner_pids(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the kernel's; its idle loop has a driver that heeds it."""
    driver, device = tmp_path / "driver", tmp_path / "latency"
    driver.write_text("some_idle\n")
    device.touch()
    monkeypatch.setattr(awake, "_IDLE_DRIVER", driver)
    monkeypatch.setattr(awake, "_PM_QOS", device)
    return device


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A kernel that has nothing to ask, and CPU time that nobody rations."""
    monkeypatch.setattr(awake, "_IDLE_DRIVER", tmp_path / "nothing" / "here")
    monkeypatch.setattr(awake, "has_cpu_quota", lambda: False)
    yield
    assert awake.spinner_pids() == ()


def test_the_kernel_is_asked_where_it_can_do_so(device: Path) -> None:
    with awake.kept_awake() as awoken:
        assert awoken
        assert awake.can_be_kept_awake()
        assert struct.unpack("i", device.read_bytes()) == (0,)
        assert awake.own_pids() == (os.getpid(),)


@linux_only
@pytest.mark.parametrize("lacks", ["a driver", "leave to ask"])
def test_elsewhere_threads_of_the_idle_class_spin(
    device: Path, monkeypatch: pytest.MonkeyPatch, deaf: None, lacks: str
) -> None:
    if lacks == "a driver":
        awake._IDLE_DRIVER.parent.mkdir()
        awake._IDLE_DRIVER.write_text("none\n")
    else:
        monkeypatch.setattr(awake, "_IDLE_DRIVER", device)
        monkeypatch.setattr(awake, "_PM_QOS", device.parent / "nothing" / "here")
    assert awake.can_be_kept_awake()
    cpus = usable_cpus()
    with awake.kept_awake() as awoken:
        assert awoken
        (pid,) = awake.spinner_pids()
        assert awake.own_pids() == (os.getpid(), pid)
        idling = [
            os.sched_getaffinity(thread.id)
            for thread in psutil.Process(pid).threads()
            if os.sched_getscheduler(thread.id) == os.SCHED_IDLE
        ]
        assert sorted(idling, key=min) == [{cpu} for cpu in cpus]
        wait_for(lambda: psutil.Process(pid).cpu_times().user > 0.1, 20, "some spinning")
    assert device.read_bytes() == b""


@linux_only
def test_only_the_cpus_named(deaf: None) -> None:
    cpu = usable_cpus()[-1]
    with awake.kept_awake([cpu]):
        (pid,) = awake.spinner_pids()
        threads = {thread.id for thread in psutil.Process(pid).threads()} - {pid}
        assert [os.sched_getaffinity(thread) for thread in threads] == [{cpu}]


@linux_only
def test_a_session_of_its_own_is_not_weighed_as_one_that_works(deaf: None) -> None:
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel does not weigh sessions")
    with awake.kept_awake():
        (pid,) = awake.spinner_pids()
        assert Path(f"/proc/{pid}/autogroup").read_text().split()[-1] == "19"


def test_where_neither_can_be_the_work_goes_on(monkeypatch: pytest.MonkeyPatch, deaf: None) -> None:
    monkeypatch.setattr(awake, "has_cpu_quota", lambda: True)
    with awake.kept_awake() as awoken:
        assert not awoken
        assert not awake.can_be_kept_awake()
        assert awake.spinner_pids() == ()


@linux_only
def test_it_ends_with_who_started_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        starter.kill()
    if not pids:
        pytest.skip("the kernel itself keeps this machine's CPUs awake")
    wait_for(lambda: not any(map(psutil.pid_exists, pids)), 10, "the spinner's end")
