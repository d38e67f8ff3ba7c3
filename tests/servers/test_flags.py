"""What cannot be is one line on stderr and exit status 2."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest

from loadtests.store_server import RunningStore
from servers.__main__ import main
from servers.flags import parse_settings
from servers.strategy import available

SECRETS = ("ADMIN_SECRET", "SIGNING_KEY", "USER_PASSWORD", "STORE")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(f"AUTHBENCH_{name}", raising=False)
        monkeypatch.delenv(f"AUTHBENCH_{name}_FILE", raising=False)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that says why the server did not start."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if "using a random key" not in line]
    assert len(lines) == 1, said.err
    return lines[0]


NONE = ("--strategy", "none")
JWT = ("--strategy", "jwt_hs256")
SESSION = ("--strategy", "session_redis", "--store", "redis://127.0.0.1:6379/0")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "--strategy"),
        (("--strategy", "jwt"), "'jwt'.*jwt_hs256.*none.*session_redis"),
        (("--strategy", "_jwt"), "'_jwt'.*jwt_hs256.*none.*session_redis"),
        (("--strategy", "../app"), "allowed are"),
        ((*NONE, "--carrier", "pigeon"), "--carrier.*'pigeon'.*bearer, cookie"),
        ((*NONE, "--port", "70000"), "--port.*'70000'.*0 to 65535"),
        ((*NONE, "--port", "http"), "--port.*'http'.*whole number"),
        ((*NONE, "--users", "0"), "--users.*'0'.*from 1"),
        ((*NONE, "--store-deadline-s", "nan"), "--store-deadline-s.*'nan'.*seconds above 0"),
        ((*NONE, "--store-timeout-s", "-1"), "--store-timeout-s.*'-1'.*seconds above 0"),
        ((*NONE, "--argon2-memory-kib", "8"), "--argon2-memory-kib 8: allowed is at least 32"),
        ((*NONE, "--origin", "shop.example"), "--origin.*https://example.org"),
        ((*NONE, "--origin", "https://shop.example/"), "--origin.*https://example.org"),
        ((*NONE, "--origin", "https://[::1"), "--origin.*https://example.org"),
        ((*NONE, "--set", "x"), "--set.*NAME=VALUE"),
        ((*NONE, "--set", "x=1"), "--set x=1: unknown; allowed: nothing, none has no options"),
        ((*NONE, "--frobnicate"), "--frobnicate: unknown; allowed: --strategy, --host, .*, --set"),
        ((*NONE, "--user=9"), "^--user: unknown; allowed: .*--users"),
        ((*NONE, "--user", "9"), "^--user: unknown; allowed: .*--users"),
        (
            (*JWT, "--set", "ttl=1"),
            "--set ttl=1: unknown; allowed: token_ttl_s, clock_leeway_s, issuer, audience",
        ),
        ((*JWT, "--set", "token_ttl_s=0"), "token_ttl_s=0: allowed is a whole number above 0"),
        ((*JWT, "--set", "token_ttl_s=1.5"), "token_ttl_s=1.5: allowed is a whole number above 0"),
        (
            (*JWT, "--set", "clock_leeway_s=-1"),
            "clock_leeway_s=-1: allowed is a number of at least",
        ),
        ((*JWT, "--set", "audience="), "audience=: allowed is a text"),
        ((*SESSION, "--set", "idle_ttl_s=inf"), "idle_ttl_s=inf: allowed is a number above 0"),
        ((*SESSION, "--set", "idle_ttl_s=0"), "idle_ttl_s=0: allowed is a number above 0"),
        (("--strategy", "session_redis"), "--store: session_redis needs one"),
        (("--strategy", "session_redis", "--store", "http://x"), "--store http://x: "),
        ((*NONE, "--host", "0.0.0.0"), "--host 0.0.0.0: none trusts anyone; allowed"),  # noqa: S104
        ((*JWT, "--host", "0.0.0.0", "--insecure-cookie"), "--insecure-cookie.*0.0.0.0"),  # noqa: S104
        ((*NONE, "--host", "127.0.0.1.x", "--allow-none-beyond-loopback"), "--host 127.0.0.1.x"),
    ],
)
def test_bad_flags(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    assert re.search(expected, refusal(capsys, *arguments))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ADMIN_SECRET", "short", "AUTHBENCH_ADMIN_SECRET: 5 characters; at least 16"),
        ("SIGNING_KEY", "k" * 31, "AUTHBENCH_SIGNING_KEY: 31 bytes; at least 32"),
        ("SIGNING_KEY_FILE", "/nowhere/key", "AUTHBENCH_SIGNING_KEY_FILE=/nowhere/key"),
    ],
)
def test_bad_secrets(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    expected: str,
) -> None:
    monkeypatch.setenv(f"AUTHBENCH_{name}", value)
    said = refusal(capsys, *NONE)
    assert expected in said
    assert "kkk" not in said


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(capsys, *NONE, "--port", str(port)).startswith(f"--port {port}: in use")


def test_an_unreachable_store(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    url = f"redis://:hunter2@127.0.0.1:{port}/0"
    started_s = time.monotonic()
    said = refusal(capsys, "--strategy", "session_redis", "--store", url)
    assert time.monotonic() - started_s < 3
    assert said.startswith(f"--store redis://…@127.0.0.1:{port}/0: cannot be reached")
    assert "hunter2" not in said


def test_a_store_that_never_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        started_s = time.monotonic()
        said = refusal(capsys, "--strategy", "session_redis", "--store", url)
    assert time.monotonic() - started_s < 3
    assert "cannot be reached" in said


def test_a_wrong_store_password(capsys: pytest.CaptureFixture[str], store: RunningStore) -> None:
    url = store.url.replace("://", "://:hunter2@")
    said = refusal(capsys, "--strategy", "session_redis", "--store", url)
    assert "refused" in said
    assert "hunter2" not in said


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "admin").write_text("a secret of sixteen\n")
    (tmp_path / "key").write_text("k" * 32)
    environ = {
        "AUTHBENCH_ADMIN_SECRET_FILE": str(tmp_path / "admin"),
        "AUTHBENCH_SIGNING_KEY_FILE": str(tmp_path / "key"),
    }
    settings = parse_settings(NONE, environ, available)
    assert settings.admin_secret == "a secret of sixteen"
    assert settings.signing_key == b"k" * 32
    assert not settings.signing_key_is_random


def test_settings_never_show_secrets() -> None:
    environ = {"AUTHBENCH_ADMIN_SECRET": "hunter2" * 3, "AUTHBENCH_SIGNING_KEY": "hunter2" * 5}
    assert "hunter2" not in repr(parse_settings(NONE, environ, available))
