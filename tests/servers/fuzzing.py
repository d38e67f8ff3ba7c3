"""Hostile credentials made from good ones: by byte, by base64, by header and claim; seeded.

Nothing here can sign, so none of what it makes is a credential unless it equals a granted one.
(The other half of an ECDSA signature, (r, n - s), is left out: RFC 7518 §3.4 allows both, and
nothing of ours goes by a signature.)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Bytes that somebody's parser takes for something else.
_HOSTILE = (
    b"\0", b"\x01", b"\t", b" ", b"\x0b", b"\x0c", b"\x1c", b"\x7f", b"=", b"==", b"+", b"/", b".",
    b"..", b",", b";", b'"', b"'", b"%00", b"%2e", b"%3d", b"\\", b"{", b"[", b"<", b"&", b"#",
    b"*", b"?", b"\x80", b"\xff", b"\xc0\xae", b"\xed\xa0\x80", "\u00a0".encode(),
    "\u2024".encode(), "\u212a".encode(), "\uff0e".encode(), "\ufeff".encode(), "\u202e".encode(),
)  # fmt: skip
_HEADERS: tuple[tuple[str, Any], ...] = (
    ("alg", "none"), ("alg", "None"), ("alg", ""), ("alg", None), ("alg", ["HS256"]), ("alg", 0),
    ("alg", "HS256"), ("alg", "HS512"), ("alg", "RS256"), ("alg", "ES256"), ("alg", "PS256"),
    ("alg", "EdDSA"), ("alg", {}), ("typ", "JWT"), ("typ", None), ("typ", 1), ("typ", "at+JWT"),
    ("kid", None), ("kid", "../../dev/null"), ("kid", 7), ("kid", []), ("kid", {}),
    ("kid", "a" * 500), ("crit", ["exp"]), ("crit", "exp"), ("b64", False), ("zip", "DEF"),
    ("jku", "http://[::1]/k"), ("jwk", {"kty": "oct", "k": "AAAA"}),
    ("x5c", ["AAAA"]), ("cty", "JWT"), ("enc", "A256GCM"),
)  # fmt: skip
_CLAIMS: tuple[tuple[str, Any], ...] = (
    ("sub", "user-000000"), ("sub", None), ("sub", 1), ("sub", {}), ("role", "admin"),
    ("role", []), ("exp", 9_999_999_999), ("exp", "9999999999"), ("exp", 1e300), ("exp", -1),
    ("exp", None), ("exp", 10**400), ("iat", 0), ("iat", 10**30), ("nbf", []), ("aud", "*"),
    ("aud", ["authbench-api"]), ("aud", None), ("iss", "*"), ("iss", 0), ("sid", ""),
    ("sid", 0), ("jti", None), ("gen", ""), ("gen", 0), ("epoch", 10**9), ("epoch", -1),
    ("epoch", "0"), ("state", None), ("state", [[]]), ("auth_time", 1e18),
    ("\u0000", "\ud800"), ("__proto__", {"role": "admin"}),
)  # fmt: skip
_KEYS = (b"", b"\0" * 32, b"secret", b"changeme", b"a signing key of at least 32 bytes for tests")
Change = Callable[[bytes], bytes]


class Mutations:
    """Endless changes of `good`, printable ASCII each; the same for the same seed."""

    def __init__(self, good: Sequence[str], seed: int) -> None:
        self._good = [text.encode() for text in good]
        self._known = frozenset(self._good)
        self._tokens = frozenset(text for text in self._good if _is_token(text))
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._by_byte: list[Change] = [
            self._flip_bit, self._swap_two, self._replace_one, self._truncate, self._drop_one,
            self._insert, self._wrap, self._repeat, self._cross, self._change_case, self._huge,
            self._random_text,
        ]  # fmt: skip
        self._by_segment: list[Change] = [
            self._edit_header, self._edit_claim, self._unsigned, self._duplicate_claim,
            self._sign_with_a_guess, self._swap_segments, self._respell_base64, self._respace,
            self._nest, self._not_an_object,
        ]  # fmt: skip

    def take(self, count: int) -> Iterator[bytes]:
        """None equals a good one, or holds what ends a header line."""
        while count:
            octets = self._random.choice(self._good)
            changes = self._by_byte
            if octets in self._tokens and self._random.random() < 0.6:
                changes = self._by_segment
            octets = self._random.choice(changes)(octets)
            if self._random.random() < 0.2:
                octets = self._random.choice(self._by_byte)(octets)
            octets = octets.replace(b"\r", b"").replace(b"\n", b"")
            if octets.strip(b" \t") not in self._known:
                count -= 1
                yield octets

    def _place(self, octets: bytes) -> int:
        return self._random.randrange(len(octets)) if octets else 0

    def _flip_bit(self, octets: bytes) -> bytes:
        place = self._place(octets)
        flipped = octets[place : place + 1] or b"\0"
        return _put(octets, place, bytes([flipped[0] ^ 1 << self._random.randrange(8)]))

    def _swap_two(self, octets: bytes) -> bytes:
        changed = bytearray(octets)
        one, other = self._place(octets), self._place(octets)
        if octets:
            changed[one], changed[other] = changed[other], changed[one]
        return bytes(changed)

    def _replace_one(self, octets: bytes) -> bytes:
        letter = self._random.choice(_ALPHABET)
        # The end is where base64 has bits that mean nothing.
        place = len(octets) - 1 if self._random.random() < 0.3 else self._place(octets)
        return _put(octets, max(0, place), bytes([letter]))

    def _truncate(self, octets: bytes) -> bytes:
        place = self._place(octets)
        return octets[:place] if self._random.random() < 0.5 else octets[place:]

    def _drop_one(self, octets: bytes) -> bytes:
        return _put(octets, self._place(octets), b"")

    def _insert(self, octets: bytes) -> bytes:
        place = self._place(octets)
        return octets[:place] + self._random.choice(_HOSTILE) + octets[place:]

    def _wrap(self, octets: bytes) -> bytes:
        hostile = self._random.choice(_HOSTILE)
        return self._random.choice((hostile + octets, octets + hostile, hostile + octets + hostile))

    def _repeat(self, octets: bytes) -> bytes:
        return self._random.choice((b"", b".", b",", b" ", b", Bearer ", b"; ")).join([octets] * 2)

    def _cross(self, octets: bytes) -> bytes:
        other = self._random.choice(self._good)
        place = self._place(octets)
        return octets[:place] + other[place:]

    def _change_case(self, octets: bytes) -> bytes:
        return self._random.choice((octets.lower(), octets.upper(), octets.swapcase()))

    def _huge(self, octets: bytes) -> bytes:
        return octets + self._random.choice((b"A", b".", b"=", b"\xff")) * self._random.randrange(
            6_000
        )

    def _random_text(self, octets: bytes) -> bytes:
        return bytes(self._random.choices(_ALPHABET, k=len(octets)))

    def _edit_header(self, octets: bytes) -> bytes:
        return _edited(octets, 0, *self._random.choice(_HEADERS))

    def _edit_claim(self, octets: bytes) -> bytes:
        return _edited(octets, 1, *self._random.choice(_CLAIMS))

    def _unsigned(self, octets: bytes) -> bytes:
        alg = self._random.choice(("none", "None", "NONE", "nOnE", "", None))
        head, body, signature = _edited(octets, 0, "alg", alg).split(b".")
        return b".".join((head, body, self._random.choice((b"", signature[:4], b"AA"))))

    def _duplicate_claim(self, octets: bytes) -> bytes:
        head, body, signature = octets.split(b".")
        name, value = self._random.choice(_CLAIMS)
        text = _opened(body)
        member = json.dumps({name: value}).encode()[1:-1]
        doubled = self._random.choice(
            (text[:-1] + b"," + member + b"}", b"{" + member + b"," + text[1:])
        )
        return b".".join((head, _closed(doubled), signature))

    def _sign_with_a_guess(self, octets: bytes) -> bytes:
        claimed = _edited(octets, 1, *self._random.choice(_CLAIMS))
        algorithm, digest = self._random.choice(
            (("HS256", hashlib.sha256), ("HS512", hashlib.sha512))
        )
        text = _edited(claimed, 0, "alg", algorithm).rpartition(b".")[0]
        return text + b"." + _closed(hmac.digest(self._random.choice(_KEYS), text, digest))

    def _swap_segments(self, octets: bytes) -> bytes:
        parts = octets.split(b".") + self._random.choice(self._good).split(b".")
        return b".".join(self._random.sample(parts, self._random.choice((2, 3, 3, 3, 4, 5))))

    def _respell_base64(self, octets: bytes) -> bytes:
        """The same bytes, or nearly, in other letters."""
        parts = octets.split(b".")
        which = self._random.randrange(3)
        last = _ALPHABET.find(parts[which][-1:])
        spare = bytes([_ALPHABET[last ^ self._random.randrange(1, 4)]])
        parts[which] = self._random.choice((
            parts[which][:-1] + spare,
            parts[which].replace(b"-", b"+").replace(b"_", b"/") + b"=",
            parts[which] + b"=" * (-len(parts[which]) % 4 or 4),
            base64.b16encode(parts[which]),
            parts[which][:2] + b"=" + parts[which][2:],
        ))  # fmt: skip
        return b".".join(parts)

    def _respace(self, octets: bytes) -> bytes:
        """The same header or claims, written otherwise."""
        parts = octets.split(b".")
        which = self._random.randrange(2)
        value = json.loads(_opened(parts[which]))
        text = self._random.choice((json.dumps(value, indent=1), json.dumps(value, sort_keys=True)))
        parts[which] = _closed(self._random.choice((text, f" {text}", f"\ufeff{text}")).encode())
        return b".".join(parts)

    def _nest(self, octets: bytes) -> bytes:
        head, body, signature = octets.split(b".")
        depth = self._random.choice((10, 900))
        whole = _closed(octets[:900])
        return self._random.choice((
            b".".join((head, _closed(b"[" * depth), signature)),
            b".".join((_closed(b'{"a":' * depth), body, signature)),
            b".".join((head, whole, signature)),
            b'{"protected":"%b","payload":"%b","signature":"%b"}' % (head, body, signature),
        ))  # fmt: skip

    def _not_an_object(self, octets: bytes) -> bytes:
        parts = octets.split(b".")
        values = (b"", b"null", b"[]", b'""', b"0", b"NaN", b"{", b"\xff\xfe", b"9" * 2_000)
        parts[self._random.randrange(2)] = _closed(self._random.choice(values))
        return b".".join(parts)


def _is_token(octets: bytes) -> bool:
    """Three segments, of which two are JSON objects: every other change keeps to bytes."""
    parts = octets.split(b".")
    try:
        return len(parts) == 3 and all(
            isinstance(json.loads(_opened(part)), dict) for part in parts[:2]
        )
    except ValueError:
        return False


def _put(octets: bytes, place: int, instead: bytes) -> bytes:
    return octets[:place] + instead + octets[place + 1 :]


def _edited(octets: bytes, segment: int, name: str, value: Any) -> bytes:
    """With one member of header (0) or claims (1) set; None takes it out."""
    parts = octets.split(b".")
    members = json.loads(_opened(parts[segment]))
    members[name] = value
    if value is None:
        del members[name]
    parts[segment] = _closed(json.dumps(members, separators=(",", ":")).encode())
    return b".".join(parts)


def _opened(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _closed(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
