"""What the numbers depend on: machine, kernel, versions, commit."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from loadtests.awake import can_be_kept_awake
from loadtests.model import Setting, StoreInfo
from loadtests.realtime import can_come_first

LIBRARIES = (
    "aiohttp", "uvloop", "pyjwt", "cryptography", "redis", "hiredis", "locust", "gevent",
    "httptools", "hdrhistogram", "argon2-cffi",
)  # fmt: skip
# Of an experiment whose arms need none, and before the first is known.
NO_STORE = StoreInfo("none", "", "", shared=False)
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
        "cpus_awake": can_be_kept_awake(),
        "generator_first": can_come_first(),
        "python": platform.python_version(),
        **{f"lib_{name}": importlib.metadata.version(name) for name in LIBRARIES},
    }


def source_digest(root: Path) -> str:
    """SHA-256 over the Python files of servers/ and loadtests/, by name and content: which code
    measured, committed or not."""
    digest = hashlib.sha256()
    for package in ("servers", "loadtests"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def changes(before: Mapping[str, Setting | None], now: Mapping[str, Setting | None]) -> list[str]:
    """`governor: powersave, was performance`, a line for every fact that is another now."""
    return [
        f"{key}: {now.get(key)}, was {before.get(key)}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]


def store_changes(before: StoreInfo, now: StoreInfo) -> list[str]:
    """As `changes`, of the store; nothing where there was none, or none is known."""
    if NO_STORE in (before, now) or before == now:
        return []
    return [f"store: {_told(now)}, was {_told(before)}"]


def _told(store: StoreInfo) -> str:
    served = "one for all arms" if store.shared else "one an arm"
    return f"{store.name} {store.version} ({store.allocator}, {served})"


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
