"""The keys that tokens are signed with: a secret, or private keys read from PEM.

AUTHBENCH_SIGNING_KEY may hold several private keys, so that a key can be changed without logging
anybody out: the first signs, all of them verify and are published.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from servers.settings import Settings, SettingsError
from servers.strategies._jwt import NO_CLAIMS, Codec, Key
from servers.strategy import Context, KeyKind

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
KEY_KINDS: dict[Algorithm, KeyKind] = {
    "HS256": "secret", "RS256": "rsa", "ES256": "ec_p256", "EdDSA": "ed25519",
}  # fmt: skip
_RSA_EXPONENT = 65_537
# RFC 7518 §3.3: a key of 2048 bits or larger must be used with RS256.
_RSA_BITS = 2_048
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
# `openssl ecparam -genkey` writes the curve in a block of its own before the key.
_NO_KEY = {b"EC PARAMETERS"}


@dataclass(frozen=True, slots=True)
class _Private:
    """What an algorithm signs with; `members` of a JWK are the public key (RFC 7638 §3.2)."""

    needed: str
    fits: Callable[[Any], bool]
    generate: Callable[[], Any]
    members: tuple[str, ...]


_PRIVATE: dict[Algorithm, _Private] = {
    "RS256": _Private(
        f"an RSA private key of at least {_RSA_BITS} bits",
        lambda key: isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS,
        lambda: rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS),
        ("e", "kty", "n"),
    ),
    "ES256": _Private(
        "an EC private key on P-256",
        lambda key: (
            isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
        ),
        lambda: ec.generate_private_key(ec.SECP256R1()),
        ("crv", "kty", "x", "y"),
    ),
    # RFC 8037 §2.
    "EdDSA": _Private(
        "an Ed25519 private key",
        lambda key: isinstance(key, Ed25519PrivateKey),
        Ed25519PrivateKey.generate,
        ("crv", "kty", "x"),
    ),
}


def open_codec(
    context: Context, algorithm: Algorithm, more_claims: Mapping[str, type] = NO_CLAIMS
) -> Codec:
    """The codec of a strategy whose options are TokenOptions; raises SettingsError."""
    keys = signing_keys(context.settings, algorithm)
    return Codec(keys, context.options.settings, more_claims)


def signing_keys(settings: Settings, algorithm: Algorithm) -> list[Key]:
    """The keys in AUTHBENCH_SIGNING_KEY, the one that signs first; one of our own where none is.

    Raises SettingsError, one line, for what does not fit `algorithm`.
    """
    if algorithm == "HS256":
        return [_secret(settings.signing_key)]
    private = _PRIVATE[algorithm]
    if settings.signing_key_is_random:
        return [_key(algorithm, private.generate())]
    keys = [
        _key(algorithm, _read(block[0], block[1].decode(), private))
        for block in _PEM.finditer(settings.signing_key)
        if block[1] not in _NO_KEY
    ]
    if not keys:
        raise _misfit("no private key", private)
    return list({key.kid: key for key in keys}.values())


def _secret(secret: bytes) -> Key:
    try:
        return Key("HS256", signing=secret, verifying=secret)
    except jwt.InvalidKeyError:
        raise SettingsError(
            "AUTHBENCH_SIGNING_KEY: found a key in PEM, JWK or SSH format; "
            "needed is a secret, any other text"
        ) from None


def _read(block: bytes, label: str, private: _Private) -> Any:
    """The key object in one block of PEM (RFC 7468)."""
    try:
        key = load_pem_private_key(block, password=None)
    except TypeError:
        raise _misfit("an encrypted private key", private) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _misfit(_unread(label), private) from None
    if not private.fits(key):
        raise _misfit(_described(key), private)
    return key


def _unread(label: str) -> str:
    if label.endswith(("PUBLIC KEY", "CERTIFICATE")):
        return f"a public key ({label})"
    return f"a block of PEM that cannot be read ({label})"


def _misfit(found: str, private: _Private) -> SettingsError:
    return SettingsError(f"AUTHBENCH_SIGNING_KEY: found {found}; needed is {private.needed} in PEM")


def _described(key: Any) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"an RSA private key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"an EC private key on {key.curve.name}"
    return f"a private key of type {type(key).__name__.removesuffix('PrivateKey')}"


def _key(algorithm: Algorithm, private: Any) -> Key:
    public = private.public_key()
    members = _public_members(algorithm, public)
    kid = _thumbprint(members)
    jwk = {**members, "kid": kid, "alg": algorithm, "use": "sig"}
    return Key(algorithm, signing=private, verifying=public, kid=kid, published=jwk)


def _public_members(algorithm: Algorithm, public: Any) -> dict[str, str]:
    """RFC 7518 §6.2.1 (EC) and §6.3.1 (RSA), RFC 8037 §2 (Ed25519)."""
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return {name: jwk[name] for name in _PRIVATE[algorithm].members}


def _thumbprint(members: dict[str, str]) -> str:
    """RFC 7638 §3: the SHA-256 of the required members, sorted, without white space."""
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
