"""Our side of the crosscheck at real servers; wrk's too where it is on PATH."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from rich.console import Console

from loadtests.bench import crosscheck, crosscheck_report, tools, wrk
from loadtests.bench.agreement import Seen
from loadtests.messages import ArmTarget
from loadtests.model import CpuSeconds, EndpointRecord
from loadtests.target import MeasurementError
from tests.builders import a_slice, an_endpoint
from tests.processes import are_gone, descendants, wait_for

ROOT = Path(__file__).parents[3]
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="no wrk on PATH")
COMMAND = [sys.executable, "-m", "loadtests.bench", "crosscheck", "--rounds", "2"]
LOCUST = [sys.executable, "-m", "locust"]


def seen(throughput_rps: float, per_core_second: float) -> Seen:
    return Seen(throughput_rps, per_core_second, 0.97, 0.01, 12.5, 1.25, 3.5)


def test_ours_sees_standing_servers_slice_by_slice() -> None:
    plan = crosscheck.a_plan(("none", "session_redis"), slice_s=0.2, connections=4)
    with crosscheck.standing(plan, takes_s=60) as targets:
        told = crosscheck.look(plan, targets, {"ours": tools.ours}, range(1))
    assert told.keys() == {"ours"}
    assert {arm: len(slices) for arm, slices in told["ours"].items()} == {
        "none": 1, "session_redis": 1,
    }  # fmt: skip
    for (each,) in told["ours"].values():
        assert each.throughput_rps > 0
        # Servers that were busy for a part of the time did more in a second of their own.
        assert each.per_core_second >= 0.9 * each.throughput_rps / max(1.0, each.servers_busy)
        assert each.servers_busy > 0
        assert 0 < each.latency_p50_ms <= each.latency_p99_ms
        assert each.client_cpu_us > 0


@needs_wrk
def test_wrk_sees_the_same_servers_and_counts_their_cpu_and_its_own() -> None:
    plan = crosscheck.a_plan(("session_redis",), slice_s=1.0, connections=4)
    with crosscheck.standing(plan, takes_s=60) as targets:
        told = crosscheck.look(plan, targets, {"wrk": tools.wrks}, range(1))
    (each,) = told["wrk"]["session_redis"]
    assert each.throughput_rps > 0
    assert each.per_core_second * each.servers_busy == pytest.approx(each.throughput_rps, rel=0.1)
    assert 0 < each.latency_p50_ms <= each.latency_p99_ms
    assert each.client_cpu_us > 0


def test_wrk_comes_first_where_our_generator_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def run(
        _wrk: str, origin: str, requests: Sequence[bytes], *_: int, is_first: bool
    ) -> wrk.WrkResult:
        """A short stand-in, whose requests cost a server CPU."""
        asked.append(is_first)
        with socket.create_connection(("127.0.0.1", urlsplit(origin).port or 0)) as connection:
            for request in (requests[0] for _ in range(200)):
                connection.sendall(request)
                assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        return wrk.WrkResult(200, 1.0, 0.01, 1.0, 2.0)

    monkeypatch.setattr(wrk, "find", lambda: "wrk")
    monkeypatch.setattr(wrk, "run", run)
    plan = crosscheck.a_plan(("none",), slice_s=1.0, connections=1)
    with crosscheck.standing(plan, takes_s=60) as targets:
        for generator_cpus in ((0,), ()):
            placed = replace(plan.placement, generator_cpus=generator_cpus)
            tools.wrks(replace(plan, placement=placed), targets[0], 1)
    # Each look is a warm-up and a slice.
    assert asked == [True, True, False, False]


def test_a_slice_of_ours_is_read_as_wrks_are() -> None:
    told = tools.seen_in(a_slice())
    assert told.throughput_rps == pytest.approx(285 / 0.9)
    assert told.per_core_second == pytest.approx(310 / (0.031 + 0.005))
    assert told.servers_busy == pytest.approx(0.036 / 0.91)
    assert told.client_cpu_us == pytest.approx(1e6 * 0.02 / 310)
    assert told.foreign_busy == 0.0
    assert 0 < told.latency_p50_ms <= told.latency_p99_ms


@pytest.mark.parametrize(
    "endpoints", [{}, {"GET /me": an_endpoint({"200": 284, "401": 1})}], ids=["none", "refused"]
)
def test_a_slice_that_met_anything_but_good_answers_is_no_measurement(
    endpoints: dict[str, EndpointRecord],
) -> None:
    record = a_slice(endpoints=endpoints)
    with pytest.raises(MeasurementError, match=r"session_redis: GET /me ended .*, not all in 200"):
        tools.seen_in(record)


def test_servers_whose_cpu_cannot_be_read_cannot_be_compared() -> None:
    record = a_slice(cpu_s=CpuSeconds(server=None, store=0.1, generator=0.1))
    with pytest.raises(MeasurementError, match="session_redis: the CPU of its servers or store"):
        tools.seen_in(record)


def test_rounds_differ_in_their_order_and_hold_every_tool_at_every_arm_once() -> None:
    plan = crosscheck.a_plan(("none", "jwt_hs256"), slice_s=1.0)
    order: list[tuple[int, str, str]] = []
    with crosscheck.standing(plan, takes_s=60) as targets:

        def noting(tool: str) -> tools.Tool:
            def look(_plan: object, target: ArmTarget, number: int) -> Seen:
                order.append((number, tool, target.arm))
                return seen(1.0, 1.0)

            return look

        told = crosscheck.look(plan, targets, {t: noting(t) for t in ("ours", "wrk")}, range(6))
    rounds = [[turn[1:] for turn in order if turn[0] == number] for number in range(6)]
    everything = {(t, a) for t in ("ours", "wrk") for a in ("none", "jwt_hs256")}
    assert all(len(each) == 4 and set(each) == everything for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    # One tool right after the other at each arm, now this one first, now that.
    assert all(each[0][1] == each[1][1] and each[2][1] == each[3][1] for each in rounds)
    assert {each[0][0] for each in rounds} == {"ours", "wrk"}
    assert {each[0][1] for each in rounds} == {"none", "jwt_hs256"}
    assert [len(slices) for by_arm in told.values() for slices in by_arm.values()] == [6] * 4


def looked_at(
    spread: float, monkeypatch: pytest.MonkeyPatch, rounds: int | None = None
) -> tuple[int, int]:
    """The status, and how many rounds were made, where wrk's slices differ by `spread`."""

    def tool(middle: float, spread: float) -> tools.Tool:
        def look(_plan: object, target: ArmTarget, number: int) -> Seen:
            made.append(number)
            value = middle * (1 + spread * (-1) ** number * (target.arm == "none"))
            return seen(value, value)

        return look

    made: list[int] = []
    standing = contextlib.nullcontext([ArmTarget(arm, "bearer", "", ()) for arm in crosscheck.ARMS])
    monkeypatch.setattr(crosscheck, "standing", lambda *_: standing)
    monkeypatch.setattr(crosscheck, "ours", tool(10.0, 0.0))
    monkeypatch.setattr(crosscheck, "wrks", tool(10.0, spread))
    monkeypatch.setattr(wrk, "find", lambda: "wrk")
    console = Console(file=io.StringIO())
    return crosscheck.main(console, rounds), len(set(made))


def test_rounds_are_added_until_every_interval_is_narrow_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert looked_at(0.01, monkeypatch) == (0, crosscheck.LEAST_ROUNDS)
    status, rounds = looked_at(0.2, monkeypatch)
    assert status == 0
    assert crosscheck.LEAST_ROUNDS < rounds < crosscheck.MOST_ROUNDS
    assert looked_at(0.9, monkeypatch) == (1, crosscheck.MOST_ROUNDS)
    assert looked_at(0.01, monkeypatch, rounds=3) == (0, 3)
    assert looked_at(0.9, monkeypatch, rounds=3) == (1, 3)


def test_every_credential_outlives_the_most_rounds() -> None:
    plan = crosscheck.a_plan(crosscheck.ARMS, slice_s=1.0)
    with crosscheck.standing(plan, crosscheck.takes_s(crosscheck.MOST_ROUNDS)) as targets:
        assert [target.arm for target in targets] == list(crosscheck.ARMS)


def shown(ratio: float) -> tuple[int, str]:
    """Both tools see session_redis alike, and `none` at 3 and at `ratio` times that."""
    console = Console(file=io.StringIO(), width=200)
    ours = {"session_redis": [seen(10, 10)] * 3, "none": [seen(30, 30)] * 3}
    theirs = {"session_redis": [seen(10, 10)] * 3, "none": [seen(10 * ratio, 30)] * 3}
    status = crosscheck_report.show(console, ours, theirs, "session_redis")
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue()


def test_agreement_is_told_and_ends_well() -> None:
    status, text = shown(3.0)
    assert status == 0
    assert "every goal reached" in text
    assert "none ÷ session_redis, throughput" in text
    assert "ours 3.000, wrk 3.000: +0.0%" in text


def test_disagreement_is_told_and_ends_badly() -> None:
    status, text = shown(4.0)
    assert status == 1
    assert "1 of 2 goals missed" in text
    assert "ours 3.000, wrk 4.000: -28.8%" in text


def test_without_wrk_nothing_starts_and_one_line_says_why(tmp_path: Path) -> None:
    told = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert told.stderr == "no wrk on PATH; install it (Debian, Ubuntu: apt install wrk)\n"
    assert told.stdout == ""


def command_of(process: psutil.Process) -> list[str]:
    """Empty where it has ended meanwhile."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


@needs_wrk
def test_an_interrupt_leaves_nothing_behind_and_says_one_word() -> None:
    with subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:

        def drives() -> bool:
            return any(command_of(each)[:3] == LOCUST for each in descendants(process.pid))

        try:
            wait_for(drives, 30, "a slice of ours")
            started = descendants(process.pid)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=45)
        finally:
            process.kill()
        wait_for(lambda: are_gone(started), 10, "everything ended")
    assert (process.returncode, said) == (130, b"interrupted\n")
