from __future__ import annotations

import json
import os
import subprocess
import sys

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
print(json.dumps([can, unchanged, came, first, started == os.SCHED_OTHER]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="real-time scheduling is asked for on Linux")
def test_what_can_come_first_does_and_what_it_starts_is_ordinary() -> None:
    asked = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    can, unchanged, came, first, started_ordinary = json.loads(asked.stdout)
    assert unchanged
    assert came == can == first
    assert started_ordinary


def test_where_it_may_not_everything_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    assert not realtime.come_first()
    assert not realtime.can_come_first()
