"""The signature layer against the JWS vectors of Project Wycheproof (C2SP/wycheproof).

The file is not part of the project: AUTHBENCH_WYCHEPROOF names it, else it is looked for beside the
checkout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from servers.strategies._jwt import Codec, Key, TokenSettings
from servers.strategies._keys import ALGORITHMS
from servers.strategy import Rejected
from tests.servers.processes import ROOT

VECTORS = Path(
    os.environ.get("AUTHBENCH_WYCHEPROOF")
    or ROOT.parent / "shared" / "vectors" / "wycheproof-jws.json"
)
SETTINGS = TokenSettings("issuer", "audience", token_ttl_s=60, clock_leeway_s=0.0)
# A key without `alg` is marked for encryption; these algorithms would fit it.
BY_TYPE = {"RSA": "RS256", "EC": "ES256", "oct": "HS256"}

_KEY_USE = "marks its key for encryption; our keys come from PEM, which says no such thing"
_SAME_TEXT = "is the text of case 357, which is valid; with its padding we refuse it (test_padding)"
_ALPHABET = "has a character that base64url lacks; RFC 4648 §3.3 says to refuse, and we do"
# Where our verdict is not the vector's, and why: tcId to (our verdict, reason).
DISAGREEMENTS = {
    353: ("valid", _KEY_USE),
    354: ("valid", _KEY_USE),
    355: ("valid", _KEY_USE),
    356: ("valid", _KEY_USE),
    367: ("valid", _SAME_TEXT),
    370: ("valid", _SAME_TEXT),
    372: ("invalid", _ALPHABET),
    373: ("invalid", _ALPHABET),
}
# Good RS256 signatures that are invalid as their key is for another algorithm by its JWK; a key of
# ours has no algorithm but the one of its strategy.
RS256_BY_KEYS_OF_OTHERS = (332,)

pytestmark = pytest.mark.skipif(
    not VECTORS.is_file(),
    reason=f"no Wycheproof vectors at {VECTORS}; AUTHBENCH_WYCHEPROOF can name the file",
)
Case = dict[str, Any]
Group = dict[str, Any]
Judged = tuple[Codec, Case]


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    read = json.loads(VECTORS.read_text(encoding="utf-8"))
    found: list[Group] = read["testGroups"]
    assert sum(len(group["tests"]) for group in found) == read["numberOfTests"] > 0
    return found


@pytest.fixture(scope="module")
def offered(groups: list[Group]) -> list[Judged]:
    """The cases of algorithms we have, each with a codec that has its group's one key."""
    return [each for group in groups if algorithm_of(group) in ALGORITHMS for each in judged(group)]


@pytest.fixture(scope="module")
def not_offered(groups: list[Group]) -> list[Judged]:
    """The cases of other algorithms, each with a codec that has our nearest use of its key."""
    return [
        each for group in groups if algorithm_of(group) not in ALGORITHMS for each in judged(group)
    ]


def algorithm_of(group: Group) -> str:
    jwk = group["private"]
    return str(jwk.get("alg", BY_TYPE[jwk["kty"]]))


def judged(group: Group) -> Iterator[Judged]:
    codec = Codec([key_of(group["private"], algorithm_of(group))], SETTINGS)
    for case in group["tests"]:
        yield codec, case


def key_of(jwk: dict[str, Any], name: str) -> Key:
    """The key with its own algorithm, where we have it. An RSA key is used with RS256 else; one on
    another curve cannot be ours, and a key on P-256 has its name."""
    ours = name if name in ALGORITHMS else BY_TYPE[jwk["kty"]]
    algorithm = jwt.get_algorithm_by_name(ours)
    if name not in ALGORITHMS and jwk["kty"] == "EC":
        signing: Any = ec.generate_private_key(ec.SECP256R1())
    else:
        signing = algorithm.from_jwk(jwk)
    verifying = signing if ours == "HS256" else signing.public_key()
    return Key(ours, signing, verifying, jwk["kid"])


def verdict(codec: Codec, case: Case) -> str:
    try:
        codec.signed_bytes(case["jws"])
    except Rejected:
        return "invalid"
    return "valid"


def test_every_verdict_agrees_or_is_listed(offered: list[Judged]) -> None:
    differing = {
        case["tcId"]: ours
        for codec, case in offered
        if (ours := verdict(codec, case)) != case["result"]
    }
    assert differing == {number: ours for number, (ours, _) in DISAGREEMENTS.items()}


def test_what_is_listed_as_the_text_of_a_valid_case_is(groups: list[Group]) -> None:
    by_number = {case["tcId"]: case for group in groups for case in group["tests"]}
    assert by_number[357]["result"] == "valid"
    assert {by_number[number]["jws"] for number in (357, 367, 370)} == {by_number[357]["jws"]}


def test_algorithms_that_we_do_not_offer_are_refused(not_offered: list[Judged]) -> None:
    accepted = {case["tcId"] for codec, case in not_offered if verdict(codec, case) == "valid"}
    assert accepted == set(RS256_BY_KEYS_OF_OTHERS)
    assert {case["result"] for _, case in not_offered} == {"valid", "invalid"}


def test_every_case_is_looked_at(
    groups: list[Group], offered: list[Judged], not_offered: list[Judged]
) -> None:
    seen = [case["tcId"] for _, case in offered + not_offered]
    assert sorted(seen) == sorted(case["tcId"] for group in groups for case in group["tests"])


def test_none_of_them_is_a_token_of_ours(offered: list[Judged], not_offered: list[Judged]) -> None:
    for codec, case in offered + not_offered:
        with pytest.raises(Rejected):
            codec.decode(case["jws"])
