"""Signing keys for the servers of one run: one of each kind, shared by whoever needs that kind."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_SECRET_BYTES = 32
_RSA_BITS = 2_048
_RSA_EXPONENT = 65_537

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey


class SigningKeys:
    """Each kind's key is made when it is first asked for: an RSA key takes a tenth of a second."""

    def __init__(self) -> None:
        self._by_kind: dict[str, str] = {}

    def of(self, kind: str) -> str:
        """What AUTHBENCH_SIGNING_KEY holds for that kind: a text, or a private key in PEM.

        The same for every call. Raises KeyError for a kind that is not in `KINDS`.
        """
        if kind not in self._by_kind:
            self._by_kind[kind] = _MAKERS[kind]()
        return self._by_kind[kind]


def _secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def _rsa() -> str:
    return _pem(rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS))


def _ec_p256() -> str:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _ed25519() -> str:
    return _pem(Ed25519PrivateKey.generate())


def _pem(key: _PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


_MAKERS: dict[str, Callable[[], str]] = {
    "secret": _secret,
    "rsa": _rsa,
    "ec_p256": _ec_p256,
    "ed25519": _ed25519,
}
KINDS = frozenset(_MAKERS)
