"""A signing key of the kind that a strategy needs, as AUTHBENCH_SIGNING_KEY holds it."""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from servers.strategy import KeyKind


def signing_key(kind: KeyKind) -> str:
    """A fresh one."""
    if kind == "secret":
        return secrets.token_urlsafe(32)
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey
    match kind:
        case "rsa":
            key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        case "ec_p256":
            key = ec.generate_private_key(ec.SECP256R1())
        case "ed25519":
            key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
