"""What the numbers depend on: machine, kernel, versions, commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import psutil

from loadtests.model import Setting

LIBRARIES = (
    "aiohttp", "uvloop", "pyjwt", "cryptography", "redis", "hiredis", "locust", "gevent",
    "httptools", "hdrhistogram", "argon2-cffi",
)  # fmt: skip
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def describe() -> dict[str, Setting | None]:
    """Flat, so that two runs compare line by line. None where the machine does not tell."""
    return {
        "cpu_model": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "memory_mib": psutil.virtual_memory().total // 2**20,
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "governor": _GOVERNOR.read_text().strip() if _GOVERNOR.exists() else None,
        "python": platform.python_version(),
        **{f"lib_{name}": importlib.metadata.version(name) for name in LIBRARIES},
    }


def git_commit(folder: Path) -> str | None:
    """The commit checked out, with `+` when files differ from it; None outside a checkout."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def _cpu_model() -> str | None:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or None
