"""What the real servers refuse, said with the experiment's keys."""

from __future__ import annotations

import pytest

from loadtests.model import Arm, ConfigurationError, Setting
from loadtests.server_flags import RESERVED, ExperimentError, flags, refusal
from loadtests.target import describe

SESSION_OPTIONS = "allowed: idle_ttl_s, absolute_ttl_s, one_session"


def arm(strategy: str = "session_redis", settings: dict[str, Setting] | None = None) -> Arm:
    return Arm("mine", strategy, 1, "bearer", settings or {})


def test_a_value_stays_one_word() -> None:
    assert flags(arm(settings={"a": -1, "b": "x y"}), {"key_prefix": "--describe"}) == [
        "--key-prefix=--describe", "--set=a=-1", "--set=b=x y",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("server", "settings", "says"),
    [
        ({"users": "many"}, {},
         "server.users = 'many': allowed is a whole number from 1 to 1000000"),
        ({"users": -1}, {}, "server.users = -1: allowed is a whole number from 1 to 1000000"),
        ({"login_queue": True}, {},
         "server.login_queue = True: allowed is a whole number from 0 to 100000"),
        ({"store_deadline_s": 99.5}, {},
         "server.store_deadline_s = 99.5: allowed are seconds above 0, up to 60"),
        ({"users": 9, "argon2_memory_kib": 8}, {},
         "server.argon2_memory_kib = 8: allowed is at least 32 with argon2_parallelism 4"),
        ({}, {"idle_ttl_s": "soon"},
         "arms.mine.settings.idle_ttl_s = 'soon': allowed is a number above 0"),
        ({}, {"idle_ttl_s": 60, "idle_ttl": 3},
         f"arms.mine.settings.idle_ttl = 3: unknown key; {SESSION_OPTIONS}"),
        ({}, {"--users": 3}, f"arms.mine.settings.--users = 3: unknown key; {SESSION_OPTIONS}"),
    ],
)  # fmt: skip
def test_a_refused_key_is_named_with_its_value_and_what_is_allowed(
    server: dict[str, Setting], settings: dict[str, Setting], says: str
) -> None:
    with pytest.raises(ExperimentError) as raised:
        describe(arm(settings=settings), server)
    assert str(raised.value) == says


@pytest.mark.parametrize("key", ["argon2_memory", "argon2 memory", "", "-", "user"])
def test_an_unknown_server_key_names_those_an_experiment_may_use(key: str) -> None:
    with pytest.raises(ExperimentError) as raised:
        describe(arm(), {key: 8})
    said, _, allowed = str(raised.value).partition("; allowed: ")
    assert said == f"server.{key} = 8: unknown key"
    names = allowed.split(", ")
    assert {"users", "argon2_memory_kib", "store_deadline_s", "mint_max"} <= set(names)
    assert not RESERVED & set(names)
    assert "--" not in allowed


def test_a_strategy_without_options_says_so() -> None:
    with pytest.raises(ExperimentError, match=r"x = 1: unknown key; allowed: nothing, none has no"):
        describe(arm("none", {"x": 1}), {})


def test_what_no_key_caused_is_said_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHBENCH_ADMIN_SECRET", "short")
    with pytest.raises(ConfigurationError, match=r"^arm mine: AUTHBENCH_ADMIN_SECRET: 5") as raised:
        describe(arm(settings={"idle_ttl_s": 60}), {"users": 9})
    assert not isinstance(raised.value, ExperimentError)
    assert not isinstance(refusal("odd", arm(), {}), ExperimentError)
