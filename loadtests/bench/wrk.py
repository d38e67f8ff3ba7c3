"""wrk (https://github.com/wg/wrk) as a second opinion: the same requests from another program."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loadtests.model import ConfigurationError
from loadtests.realtime import come_first
from loadtests.target import MeasurementError

_SCRIPT = Path(__file__).with_name("wrk_lookups.lua")
_FAILURES = ("connect", "read", "write", "status", "timeout")
_SPARE_S = 10.0


@dataclass(frozen=True, slots=True)
class WrkResult:
    """What wrk says of a run, and the CPU of its process."""

    requests: int
    duration_s: float
    cpu_s: float
    latency_p50_ms: float
    latency_p99_ms: float


def find() -> str:
    """Raises ConfigurationError saying how to get it."""
    found = shutil.which("wrk")
    if found is None:
        raise ConfigurationError("no wrk on PATH; install it (Debian, Ubuntu: apt install wrk)")
    return found


def run(
    program: str,
    origin: str,
    requests: Sequence[bytes],
    connections: int,
    duration_s: int,
    seed: int,
    *,
    is_first: bool = False,
) -> WrkResult:
    """Drives one server for `duration_s` in a closed loop, on this process's CPUs; `is_first`
    there, as our generator is, where the system allows it.

    Raises MeasurementError when a request failed, or wrk did.
    """
    # A file without a name: whatever kills this process, no credentials are left behind.
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(requests))
        file.flush()
        before_s = _children_cpu_s()
        done = subprocess.run(
            [
                *(program, "--threads", "1", "--connections", str(connections)),
                *("--duration", f"{duration_s}s", "--script", str(_SCRIPT), origin),
                *("--", f"/dev/fd/{file.fileno()}", str(seed)),
            ],
            pass_fds=(file.fileno(),),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=duration_s + _SPARE_S,
            check=False,
            preexec_fn=partial(come_first, for_good=True) if is_first else None,
        )
    if done.returncode != 0:
        raise MeasurementError(f"wrk at {origin}: {(done.stderr or done.stdout).strip()}")
    return parse(done.stdout, _children_cpu_s() - before_s)


def parse(output: str, cpu_s: float) -> WrkResult:
    """The JSON line of our script, wherever it stands in what wrk prints.

    Raises MeasurementError where there is none, or when requests failed or none was answered.
    """
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise MeasurementError(f"wrk told nothing: {' '.join(output.split())[-200:]}")
    told: dict[str, int] = json.loads(line)
    failed = {name: told[name] for name in _FAILURES if told[name]}
    if failed:
        shown = ", ".join(f"{name} {count}" for name, count in failed.items())
        raise MeasurementError(f"wrk counted errors: {shown}")
    if not told["requests"]:
        raise MeasurementError("wrk had no answer at all")
    return WrkResult(
        requests=told["requests"],
        duration_s=told["duration_us"] / 1e6,
        cpu_s=cpu_s,
        latency_p50_ms=told["latency_p50_us"] / 1e3,
        latency_p99_ms=told["latency_p99_us"] / 1e3,
    )


def _children_cpu_s() -> float:
    """Of every child that ended and was waited for; between two readings that is wrk alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
