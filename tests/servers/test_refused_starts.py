"""Settings and stores that no server starts with: exit status 2 and one line that says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import get_type_hints

import pytest
import redis

from loadtests.store_server import RunningStore, start_store
from servers.__main__ import main
from servers.strategy import available, load
from tests.servers.processes import environment_of, launched
from tests.servers.variants import having

STORED = [name for name in available() if load(name).needs_store]
# What contradicts itself, by strategy.
CONTRADICTIONS: dict[str, list[tuple[str, ...]]] = {
    "session_nearcache": [("cache_ttl_s=3", "idle_ttl_s=2"), ("cache_entries=0",)],
    "session_tracking": [("staleness_s=3", "idle_ttl_s=2"), ("cache_entries=0",)],
    "jwt_cached": [("cache_entries=0",), ("algorithm=none",), ("algorithm=PS256",)],
    "jwt_denylist_redis": [("on_store_down=hope",), ("on_store_loss=hope",)],
    "jwt_denylist_push": [("staleness_s=3", "token_ttl_s=2"), ("on_store_loss=hope",)],
    "jwt_epoch": [("staleness_s=3", "token_ttl_s=2"), ("on_store_loss=hope",)],
    "jwt_refresh": [
        ("access_ttl_s=10", "refresh_ttl_s=9"), ("grace_s=11", "access_ttl_s=10"),
        ("one_session=perhaps",),
    ],
}  # fmt: skip
CASES = [(name, case) for name in available() for case in CONTRADICTIONS.get(name, [])]


def lives(name: str) -> list[str]:
    """Its options that are seconds and cannot be 0."""
    fields = dataclasses.fields(load(name).options_type)
    return [field.name for field in fields if field.name.endswith("ttl_s")]


@pytest.fixture(scope="module")
def evicting() -> Iterator[str]:
    """The URL of a store that may forget anything."""
    with start_store() as store, redis.Redis.from_url(store.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        yield store.url


def refusal(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    store_url: str,
    *assignments: str,
) -> str:
    """The one line that says why `python -m servers` ended with 2."""
    monkeypatch.setenv("AUTHBENCH_SIGNING_KEY", environment_of(name)["AUTHBENCH_SIGNING_KEY"])
    flags = [word for assignment in assignments for word in ("--set", assignment)]
    assert main(["--strategy", name, "--store", store_url, *flags]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize("name", STORED)
def test_a_store_that_may_evict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, evicting: str
) -> None:
    said = refusal(capsys, monkeypatch, name, evicting)
    assert "maxmemory-policy allkeys-lru" in said
    assert said.endswith("allowed is noeviction")


def test_a_process_ends_with_2_and_one_line(evicting: str) -> None:
    with launched("session_redis", "--store", evicting) as process:
        said, complaint = process.communicate(timeout=10)
        assert process.returncode == 2
        assert said == b""
        assert len(complaint.splitlines()) == 1


@pytest.mark.parametrize("name", available())
def test_an_option_that_it_does_not_have(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    store: RunningStore,
    name: str,
) -> None:
    said = refusal(capsys, monkeypatch, name, store.url, "frobnicate=1")
    assert said.startswith("--set frobnicate=1: unknown; allowed: ")
    for option in get_type_hints(load(name).options_type):
        assert option in said


@pytest.mark.parametrize(
    ("name", "option"), [(name, option) for name in available() for option in lives(name)]
)
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e999", "soon", ""])
def test_a_life_that_is_none(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    store: RunningStore,
    name: str,
    option: str,
    value: str,
) -> None:
    said = refusal(capsys, monkeypatch, name, store.url, f"{option}={value}")
    assert said.startswith(f"--set {option}={value}: allowed is ")


@pytest.mark.parametrize(("name", "assignments"), CASES, ids=str)
def test_options_that_contradict_each_other(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    store: RunningStore,
    name: str,
    assignments: tuple[str, ...],
) -> None:
    said = refusal(capsys, monkeypatch, name, store.url, *assignments)
    assert said.startswith(f"--set {assignments[0].partition('=')[0]}=")
    assert "allowed" in said


@pytest.mark.parametrize("name", having("staleness_s"))
def test_no_staleness_is_no_law(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    store: RunningStore,
    name: str,
) -> None:
    refusal(capsys, monkeypatch, name, store.url, "staleness_s=0")
