"""A proxy's process: who may control it, what it listens on, and that nothing is left of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from loadtests.model import ConfigurationError
from loadtests.store_proxy import ProxyControl, RunningProxy, start_proxy
from loadtests.store_server import RunningStore
from tests.loadtests.store_proxy.asking import SPARE_S
from tests.processes import wait_for

ROOT = Path(__file__).parents[3]


def test_somebody_else_than_the_starter_may_control_it(proxy: RunningProxy) -> None:
    control = ProxyControl(proxy.control_port)
    control.set_delay(0.002)
    assert proxy.added_delay().asked_s == 0.002
    control.close()


@pytest.mark.parametrize("seconds", [-0.001, float("nan")])
def test_no_negative_delay(proxy: RunningProxy, seconds: float) -> None:
    with pytest.raises(ValueError, match="allowed is 0 or more"):
        proxy.set_delay(seconds)


@pytest.mark.parametrize("url", ["unix:///run/store", "rediss://127.0.0.1:6379", ""])
def test_only_plain_tcp_can_be_passed_on(url: str) -> None:
    with pytest.raises(ConfigurationError, match="needs redis://HOST:PORT"), start_proxy(url):
        pass


def test_user_password_and_database_stay_in_the_url() -> None:
    with start_proxy("redis://me:secret@127.0.0.1:1/3?health_check_interval=2") as proxy:
        parts = urlsplit(proxy.url)
        command = psutil.Process(proxy.pid).cmdline()
    assert (parts.username, parts.password, parts.path) == ("me", "secret", "/3")
    assert parts.query == "health_check_interval=2"
    assert not any("secret" in word for word in command)


def test_it_listens_on_the_loopback_alone_and_leaves_nothing(store: RunningStore) -> None:
    with start_proxy(store.url) as proxy:
        process = psutil.Process(proxy.pid)
        listening = [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
        assert {each.laddr[0] for each in listening} == {"127.0.0.1"}
        assert not proxy.has_ended
    assert not process.is_running()
    assert proxy.has_ended
    with pytest.raises(ConnectionError):
        proxy.set_delay(0.0)


HOLD = (
    "import sys; from loadtests.store_proxy import start_proxy\n"
    "with start_proxy(sys.argv[1]) as proxy: print(proxy.pid, flush=True); sys.stdin.read()"
)


def test_a_killed_starter_leaves_nothing(store: RunningStore) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, store.url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert psutil.pid_exists(pid)
        starter.kill()
    wait_for(lambda: not psutil.pid_exists(pid), SPARE_S, "the proxy ended")
