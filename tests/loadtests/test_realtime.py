from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from loadtests import realtime

# In a process of its own: coming first cannot be asked for in half.
_ASK = """
import json, os, subprocess, sys
from loadtests.realtime import can_come_first, come_first
before = os.sched_getscheduler(0)
can = can_come_first()
unchanged = os.sched_getscheduler(0) == before
came = come_first()
child = [sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"]
started = int(subprocess.run(child, capture_output=True, text=True, check=True).stdout)
first = os.sched_getscheduler(0) & os.SCHED_FIFO == os.SCHED_FIFO
come_first(for_good=True)
passed_on = int(subprocess.run(child, capture_output=True, text=True, check=True).stdout)
print(json.dumps([can, unchanged, came, first, started == os.SCHED_OTHER, passed_on]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="real-time scheduling is asked for on Linux")
def test_what_can_come_first_does_and_what_it_starts_is_ordinary() -> None:
    asked = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    can, unchanged, came, first, started_ordinary, passed_on = json.loads(asked.stdout)
    assert unchanged
    assert came == can == first
    assert started_ordinary
    assert passed_on == (os.SCHED_FIFO if can else os.SCHED_OTHER)


@pytest.mark.skipif(sys.platform != "linux", reason="real-time scheduling is asked for on Linux")
def test_who_may_not_take_it_back_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """RLIMIT_RTPRIO lets anyone come first; only CAP_SYS_NICE ends reset-on-fork (sched(7))."""
    asked = []

    def one_way(_pid: int, policy: int, _parameter: os.sched_param) -> None:
        if not policy & os.SCHED_RESET_ON_FORK:
            raise PermissionError
        asked.append(threading.get_ident())

    monkeypatch.setattr(os, "sched_setscheduler", one_way)
    assert realtime.can_come_first()
    assert threading.get_ident() not in asked


def test_where_it_may_not_everything_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    assert not realtime.come_first()
    assert not realtime.can_come_first()
