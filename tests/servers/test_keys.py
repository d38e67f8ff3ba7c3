"""What AUTHBENCH_SIGNING_KEY may hold for each algorithm, and what is said of what does not fit."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from servers.__main__ import main
from servers.flags import parse_settings
from servers.settings import Settings, SettingsError
from servers.strategies._keys import ALGORITHMS, KEY_KINDS, Algorithm, signing_keys

ASYMMETRIC: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")


@cache
def private(kind: str) -> Any:
    """One key of each kind for the whole module: some take long to make."""
    makers: dict[str, Callable[[], Any]] = {
        "RS256": lambda: rsa.generate_private_key(65_537, 2_048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": Ed25519PrivateKey.generate,
        "rsa_1024": lambda: rsa.generate_private_key(65_537, 1_024),  # noqa: S505 - refused
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "ed448": Ed448PrivateKey.generate,
        "dsa": lambda: dsa.generate_private_key(1_024),  # noqa: S505 - refused
    }
    return makers[kind]()


def pem(
    kind: str,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    key = private(kind)
    text: bytes = key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())
    return text.decode()


def public_pem(kind: str) -> str:
    key = private(kind).public_key()
    text: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def given(signing_key: str | None) -> Settings:
    environ = {} if signing_key is None else {"AUTHBENCH_SIGNING_KEY": signing_key}
    return parse_settings(["--strategy", "none"], environ, lambda: ["none"])


def encode(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_a_secret_signs_and_verifies() -> None:
    (key,) = signing_keys(given("s" * 32), "HS256")
    assert (key.algorithm, key.signing, key.verifying) == ("HS256", b"s" * 32, b"s" * 32)
    assert (key.kid, key.published) == (None, None)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_private_key_becomes_objects(algorithm: Algorithm) -> None:
    (key,) = signing_keys(given(pem(algorithm)), algorithm)
    expected = private(algorithm)
    assert type(key.signing) is type(expected)
    assert key.signing.public_key() == key.verifying == expected.public_key()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_made_where_none_is_given(algorithm: Algorithm) -> None:
    one, other = (signing_keys(given(None), algorithm) for _ in range(2))
    assert len(one) == 1
    assert one[0].verifying != other[0].verifying


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_traditional_format_is_read_too(algorithm: Algorithm) -> None:
    text = pem(algorithm, PrivateFormat.TraditionalOpenSSL)
    assert "BEGIN PRIVATE KEY" not in text
    (key,) = signing_keys(given(text), algorithm)
    assert key.verifying == private(algorithm).public_key()


def test_what_stands_around_the_blocks_does_not_matter() -> None:
    # As `openssl ecparam -name prime256v1 -genkey` writes it, behind a comment and with CRLF.
    curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    text = f"# of 2026\n{curve}{pem('ES256')}".replace("\n", "\r\n")
    (key,) = signing_keys(given(text), "ES256")
    assert key.verifying == private("ES256").public_key()


def test_the_first_of_several_keys_comes_first_and_none_comes_twice() -> None:
    next_key = Ed25519PrivateKey.generate()
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    text = next_key.private_bytes(*form).decode() + pem("EdDSA") + pem("EdDSA")
    first, second = signing_keys(given(text), "EdDSA")
    assert first.verifying == next_key.public_key()
    assert second.verifying == private("EdDSA").public_key()
    assert first.kid != second.kid


NEEDED = {
    "RS256": "an RSA private key of at least 2048 bits in PEM",
    "ES256": "an EC private key on P-256 in PEM",
    "EdDSA": "an Ed25519 private key in PEM",
}
OPENSSH = PrivateFormat.OpenSSH
PASSWORD = BestAvailableEncryption(b"password")


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (lambda _: "just a secret of at least 32 bytes", "no private key"),
        (lambda _: "-----BEGIN PRIVATE KEY-----\nnever ended, in vain", "no private key"),
        (lambda fit: pem(fit).replace("M", "?", 3), "a block of PEM that cannot be read"),
        (lambda fit: "\n".join(pem(fit).split("\n")[:1] + pem(fit).split("\n")[2:]), "a block of"),
        (public_pem, r"a public key \(PUBLIC KEY\)"),
        (lambda fit: pem(fit) + public_pem(fit), "a public key"),
        (lambda fit: pem(fit, encryption=PASSWORD), "an encrypted private key"),
        (lambda fit: pem(fit, OPENSSH), r"a block of PEM .*\(OPENSSH PRIVATE KEY\)"),
        (lambda _: pem("rsa_1024"), "an RSA private key of 1024 bits"),
        (lambda _: pem("p384"), "an EC private key on secp384r1"),
        (lambda _: pem("p256k1"), "an EC private key on secp256k1"),
        (lambda _: pem("ed448"), "a private key of type Ed448"),
        (lambda _: pem("dsa"), "a private key of type DSA"),
        (lambda fit: pem("RS256" if fit != "RS256" else "ES256"), "an (RSA|EC) private key"),
        (lambda fit: pem("EdDSA" if fit != "EdDSA" else "ES256"), "type Ed25519|on secp256r1"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(
    algorithm: Algorithm, text: Any, found: str
) -> None:
    signing_key = text(algorithm)
    with pytest.raises(SettingsError) as refused:
        signing_keys(given(signing_key), algorithm)
    line = str(refused.value)
    assert re.fullmatch(rf"AUTHBENCH_SIGNING_KEY: found .*({found}).*", line)
    assert line.endswith(f"; needed is {NEEDED[algorithm]}")
    body = [part for part in signing_key.splitlines() if "-----" not in part]
    assert not any(part in line for part in body)


def test_a_secret_in_the_format_of_a_key_is_refused() -> None:
    jwk = '{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQ"}'
    for text in (pem("EdDSA"), public_pem("ES256"), jwk):
        with pytest.raises(SettingsError, match="AUTHBENCH_SIGNING_KEY: found a key in PEM, JWK"):
            signing_keys(given(text), "HS256")


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [
        ("jwt_rs256", "ES256"),
        ("jwt_es256", "EdDSA"),
        ("jwt_eddsa", "RS256"),
        ("jwt_hs256", "RS256"),
    ],
)
def test_a_server_with_the_wrong_key_does_not_start(
    strategy: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AUTHBENCH_SIGNING_KEY", pem(kind))
    assert main(["--strategy", strategy, "--port", "0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("AUTHBENCH_SIGNING_KEY: found ")


def test_a_description_needs_no_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTHBENCH_SIGNING_KEY", "a secret of at least 32 bytes, no PEM")
    assert main(["--strategy", "jwt_rs256", "--describe"]) == 0
    assert '"key_kind": "rsa"' in capsys.readouterr().out


def test_every_algorithm_has_a_kind_of_key() -> None:
    assert tuple(KEY_KINDS) == ALGORITHMS


# RFC 7517 Appendix A.2, the key whose thumbprint RFC 7638 §3.1 gives.
RFC_RSA = {
    "kty": "RSA",
    "e": "AQAB",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
        "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "d": (
        "X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKN"
        "LWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d"
        "_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskD"
        "Jk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q"
    ),
}
# RFC 8037 Appendix A.1 and A.3.
RFC_ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
}


@pytest.mark.parametrize(
    ("algorithm", "jwk", "thumbprint"),
    [
        ("RS256", RFC_RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        ("EdDSA", RFC_ED25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ],
)
def test_the_kid_is_the_thumbprint(
    algorithm: Algorithm, jwk: dict[str, str], thumbprint: str
) -> None:
    private_key: Any = jwt.get_algorithm_by_name(algorithm).from_jwk(jwk)
    text = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (key,) = signing_keys(given(text), algorithm)
    assert key.kid == thumbprint
    public = {name: value for name, value in jwk.items() if name != "d"}
    assert key.published == {**public, "kid": thumbprint, "alg": algorithm, "use": "sig"}


def test_the_thumbprint_of_an_ec_key_is_of_its_four_members() -> None:
    (key,) = signing_keys(given(pem("ES256")), "ES256")
    numbers = private("ES256").public_key().public_numbers()
    x, y = (encode(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    text = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    assert key.kid == encode(hashlib.sha256(text.encode()).digest())
