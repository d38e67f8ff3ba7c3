"""Tokens verified before: the exact string again needs no signature check until it expires."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from servers.strategies._jwt import Decoder


class VerifiedTokens:
    """A bounded map, least recently used out first, in front of a Decoder.

    The key is the whole token as sent: whatever an attacker varies is another token, checked anew.
    """

    def __init__(self, decoder: Decoder, entries: int, clock_leeway_s: float) -> None:
        self._decoder = decoder
        self._most = entries
        self._leeway_s = clock_leeway_s
        self._known: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    def decode(self, token: str) -> dict[str, Any]:
        """The claims; raises Rejected, nothing else."""
        known = self._known.get(token)
        if known is not None and known[0] > time.time():
            self._known.move_to_end(token)
            return known[1]
        self._known.pop(token, None)
        claims = self._decoder.decode(token)
        self._known[token] = (claims["exp"] + self._leeway_s, claims)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return claims


def remembering(decoder: Decoder, entries: int, clock_leeway_s: float) -> Decoder:
    """`decoder`, with a cache before it where `entries` is above 0."""
    return VerifiedTokens(decoder, entries, clock_leeway_s) if entries else decoder
