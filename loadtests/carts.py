"""What users keep in the state of their logins: a cart, of a size that never changes."""

from __future__ import annotations

import json

_SKUS = 1_000


def cart(number: int, state_bytes: int | None) -> dict[str, object]:
    """A cart with one thing in it; every `number` makes one of the same size.

    `state_bytes`, at least LEAST_STATE_BYTES, pads it to that size as compact JSON.
    """
    filled: dict[str, object] = {"cart": [{"sku": f"sku-{number % _SKUS:03}", "quantity": 1}]}
    if state_bytes is not None:
        filled["note"] = "x" * (state_bytes - LEAST_STATE_BYTES)
    return filled


LEAST_STATE_BYTES = len(json.dumps({**cart(0, None), "note": ""}, separators=(",", ":")))
