from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from loadtests import guard
from tests.processes import wait_for

STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@contextmanager
def guarded(folder: Path, *command: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The guard and the pid of what it guards."""
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, str(folder), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


def close_stdin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def test_end_of_stdin_ends_the_command_and_removes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with guarded(folder, "sleep", "60") as (process, pid):
        assert psutil.Process(pid).name() == "sleep"
        close_stdin(process)
        assert process.wait(5) == -signal.SIGTERM % 256
        assert not psutil.pid_exists(pid)
        assert not folder.exists()


def test_a_command_that_will_not_end_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    command = [sys.executable, "-I", "-S", "-c", STUBBORN]
    with guarded(folder, *command) as (process, pid):
        assert process.stderr is not None
        process.stderr.readline()
        close_stdin(process)
        process.wait(guard.GRACE_S + 5)
        assert not psutil.pid_exists(pid)
        assert not folder.exists()


def test_a_command_that_ends_by_itself_ends_the_guard(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with guarded(folder, "sh", "-c", "exit 7") as (process, _pid):
        assert process.wait(5) == 7
        assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_do_not_end_the_guard_but_reach_the_command(
    tmp_path: Path, number: signal.Signals
) -> None:
    with guarded(tmp_path / "folder", "sleep", "60") as (process, pid):
        process.send_signal(number)
        psutil.Process(pid).send_signal(number)
        wait_for(lambda: process.poll() is not None, 5.0, "the guard followed its command")
        assert process.returncode == -number % 256
