"""Every arm's servers get a signing key of the kind that their strategy and settings need."""

from __future__ import annotations

from typing import get_args

import pytest
import requests

from loadtests import verify
from loadtests.block import BlockPlan
from loadtests.model import Arm, Placement
from loadtests.signing_keys import KINDS, SigningKeys
from loadtests.target import RunningArm, RunSecrets, StrategyFacts, describe, running_arms
from servers.flags import parse_settings
from servers.strategies._keys import ALGORITHMS, KEY_KINDS, Algorithm, signing_keys
from servers.strategy import KeyKind
from tests.builders import an_arm, an_experiment

CACHED = Arm("jwt_cached", "jwt_cached", 1, "bearer", {"algorithm": "ES256"})
CONTROL = Arm("jwt_cached#2", "jwt_cached", 1, "bearer", {"algorithm": "ES256"})
EDDSA = Arm("cached_eddsa", "jwt_cached", 1, "bearer", {"algorithm": "EdDSA"})


def test_the_kinds_are_those_of_the_servers() -> None:
    assert frozenset(get_args(KeyKind)) == KINDS


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_servers_take_what_is_made(algorithm: Algorithm) -> None:
    environ = {"AUTHBENCH_SIGNING_KEY": SigningKeys().of(KEY_KINDS[algorithm])}
    settings = parse_settings(["--strategy", "none"], environ, lambda: ["none"])
    assert [key.algorithm for key in signing_keys(settings, algorithm)] == [algorithm]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_run_has_one_key_of_each_kind(kind: str) -> None:
    run, other = RunSecrets.fresh(), RunSecrets.fresh()
    assert run.environment(kind) == run.environment(kind)
    for name in ("AUTHBENCH_SIGNING_KEY", "AUTHBENCH_ADMIN_SECRET", "AUTHBENCH_USER_PASSWORD"):
        assert run.environment(kind)[name] != other.environment(kind)[name]


def test_the_servers_name_the_kind_that_the_settings_ask_for() -> None:
    assert describe(CACHED, {}) == StrategyFacts(False, "ec_p256", law_bound_s=900.0)
    assert describe(EDDSA, {}) == StrategyFacts(False, "ed25519", law_bound_s=900.0)


def test_arms_of_one_strategy_may_need_different_kinds() -> None:
    one, other = an_arm("jwt_cached"), an_arm("cached_rsa", strategy="jwt_cached")
    facts = {one.name: StrategyFacts(False), other.name: StrategyFacts(False, "rsa")}
    plan = BlockPlan(
        experiment=an_experiment(arms=(one, other)),
        facts=facts,
        placement=Placement((), (), ()),
        secrets=RunSecrets.fresh(),
        run_started_ns=0,
    )
    assert plan.arms() == {
        one.name: (one, facts[one.name]), other.name: (other, facts[other.name]),
    }  # fmt: skip


def test_an_arm_and_its_control_have_the_same_key() -> None:
    secrets = RunSecrets.fresh()
    kinds = {"jwt_cached": "ec_p256", "jwt_cached#2": "ec_p256", "cached_eddsa": "ed25519"}
    arms = {
        arm.name: (arm, StrategyFacts(needs_store=False, key_kind=kinds[arm.name]))
        for arm in (CACHED, CONTROL, EDDSA)
    }
    with running_arms(arms, {}, secrets) as running:
        keys = {name: published(arm) for name, arm in running.items()}
        first = running["jwt_cached"].replicas[0].address
        minted = verify.mint(first, 1, secrets.admin_secret)
        bearer = {"Authorization": f"Bearer {minted.credentials[0].credential}"}
        (control,) = running["jwt_cached#2"].replicas
        answer = requests.get(f"{control.address.origin}/me", headers=bearer, timeout=5)
    assert keys["jwt_cached"] == keys["jwt_cached#2"]
    assert answer.status_code == 200
    assert [key["crv"] for key in keys["cached_eddsa"]] == ["Ed25519"]


def published(arm: RunningArm) -> list[dict[str, str]]:
    (replica,) = arm.replicas
    answer = requests.get(f"{replica.address.origin}/.well-known/jwks.json", timeout=5)
    keys: list[dict[str, str]] = answer.json()["keys"]
    return keys
