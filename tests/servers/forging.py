"""Tokens as a server signs them, with any header and any claims: what nobody should be granted."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import jwt

from loadtests.signing_keys import SigningKeys
from servers.strategy import load
from tests.servers.processes import environment_of

# Keys of every kind that no server of a test has.
FOREIGN_KEYS = SigningKeys()
_GONE = object()


@dataclass(frozen=True, slots=True)
class Forge:
    """Changes one good token; `key` is what AUTHBENCH_SIGNING_KEY holds, `foreign_key` another."""

    header: dict[str, Any]
    claims: dict[str, Any]
    key: str
    foreign_key: str

    @property
    def algorithm(self) -> str:
        return str(self.header["alg"])

    def token(self, **claims: Any) -> str:
        """The token again, correctly signed, with some claims changed."""
        return self.signed(self.header, {**self.claims, **claims})

    def without(self, claim: str) -> str:
        return self.signed(self.header, {**self.claims, claim: _GONE})

    def with_header(self, **header: Any) -> str:
        """`None` takes a member out."""
        return self.signed({**self.header, **header}, self.claims)

    def signed(
        self, header: dict[str, Any], claims: object, key: str | None = None, algorithm: str = ""
    ) -> str:
        """Signed with our own key and algorithm, whatever the header says, unless told others."""
        signer = jwt.get_algorithm_by_name(algorithm or self.algorithm)
        header = {name: value for name, value in header.items() if value is not None}
        if isinstance(claims, dict):
            claims = {name: value for name, value in claims.items() if value is not _GONE}
        text = f"{segment(header)}.{segment(claims)}"
        signature = signer.sign(text.encode(), signer.prepare_key(key or self.key))
        return f"{text}.{segment(signature)}"


def forge(strategy: str, token: str, *flags: str) -> Forge:
    """What `token`, granted by `strategy` as started with `flags`, can be changed into."""
    header, claims = (opened(part) for part in token.split(".")[:2])
    spec = load(strategy)
    return Forge(
        header,
        claims,
        environment_of(strategy, flags)["AUTHBENCH_SIGNING_KEY"],
        FOREIGN_KEYS.of(spec.key_kind(spec.options_type())),
    )


def segment(value: object) -> str:
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def opened(part: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read
