"""Request bodies: strict JSON objects, and nothing a client sends is a 500."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from aiohttp import web

from servers.errors import malformed, too_large


async def read_object(request: web.Request, max_bytes: int | None = None) -> dict[str, Any]:
    """The body as a JSON object (RFC 8259: UTF-8, no NaN or Infinity).

    Raises Refused (400, 413). Without `max_bytes` the application's own limit holds.
    """
    try:
        body = await request.read()
    except web.RequestPayloadError:
        raise malformed("the body cannot be read") from None
    if max_bytes is not None and len(body) > max_bytes:
        raise too_large(f"the body has {len(body)} bytes; at most {max_bytes} are kept")
    try:
        value = json.loads(
            body.decode(), parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except (ValueError, RecursionError):
        raise malformed("the body is not JSON") from None
    if not isinstance(value, dict):
        raise malformed("the body is not a JSON object")
    return value


def text_field(body: dict[str, Any], name: str, max_chars: int) -> str:
    """A string that can be encoded: JSON lets lone surrogates through."""
    value = body.get(name)
    if not isinstance(value, str) or len(value) > max_chars:
        raise malformed(f"{name}: a string of at most {max_chars} characters is needed")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise malformed(f"{name}: not Unicode text") from None
    return value


def whole_field(body: dict[str, Any], name: str, low: int, high: int, default: int | None) -> int:
    """A whole number; `default` None: it must be there."""
    value = body.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise malformed(f"{name}: a whole number from {low} to {high} is needed")
    return value


def optional_positive_field(body: dict[str, Any], name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 < value <= _LARGEST:
        raise malformed(f"{name}: a number above 0 is needed")
    return float(value)


def optional_state_field(body: dict[str, Any], name: str, max_bytes: int) -> dict[str, Any] | None:
    """An object of at most `max_bytes` as compact JSON; raises Refused (400, 413)."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise malformed(f"{name}: a JSON object is needed")
    size = len(json.dumps(value, separators=(",", ":")))
    if size > max_bytes:
        raise too_large(f"{name}: {size} bytes; at most {max_bytes} are kept")
    return value


# Beyond it a float no longer holds every whole number.
_LARGEST = 2**53


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
