from __future__ import annotations

import struct
from pathlib import Path

import pytest

from loadtests import awake


def test_no_latency_is_asked_for_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "latency"
    device.touch()
    monkeypatch.setattr(awake, "_PM_QOS", device)
    with awake.kept_awake() as awoken:
        assert awoken
        assert awake.can_be_kept_awake()
        assert struct.unpack("i", device.read_bytes()) == (0,)


def test_where_it_is_not_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awake, "_PM_QOS", tmp_path / "nothing" / "here")
    with awake.kept_awake() as awoken:
        assert not awoken
        assert not awake.can_be_kept_awake()
