"""A request that is refused: what the middleware turns into a JSON answer."""

from __future__ import annotations

import math
from collections.abc import Mapping


class Refused(Exception):
    """Ends a request with `status` (4xx or 503) and `{"error": code, "message": message}`."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def malformed(message: str) -> Refused:
    return Refused(400, "malformed_request", message)


def forbidden(code: str, message: str) -> Refused:
    return Refused(403, code, message)


def too_large(message: str) -> Refused:
    return Refused(413, "too_large", message)


def try_later(status: int, code: str, message: str, wait_s: float) -> Refused:
    """`wait_s` becomes Retry-After, in whole seconds (RFC 9110 §10.2.3)."""
    return Refused(status, code, message, {"Retry-After": str(max(1, math.ceil(wait_s)))})
