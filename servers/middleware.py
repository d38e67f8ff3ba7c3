"""The one middleware: carrier, Strategy.verify, request identity; refusals become answers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from servers.carrier import MISSING_CREDENTIAL
from servers.errors import Refused
from servers.handlers import PROTECTED, STATE_CHANGING
from servers.responses import answer
from servers.services import IDENTITY, SERVICES, VIA_COOKIE
from servers.strategy import Impossible, Rejected, StoreUnavailable, TtlRefused

_RETRY_AFTER = {"Retry-After": "1"}
_REFUSALS = (Rejected, StoreUnavailable, Refused, TtlRefused, Impossible, web.HTTPException)


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    services = request.app[SERVICES]
    response: web.StreamResponse
    try:
        if handler in PROTECTED:
            credential, via_cookie = services.carrier.read(request.headers)
            identity = await services.strategy.verify(credential)
            if via_cookie:
                _check_cookie_use(request, handler, identity.sid)
            request[IDENTITY] = identity
        response = await handler(request)
    except _REFUSALS as refusal:
        response = _refused(refusal)
    outcomes = services.outcomes
    outcomes[response.status] = outcomes.get(response.status, 0) + 1
    return response


def _check_cookie_use(request: web.Request, handler: Handler, sid: str) -> None:
    request[VIA_COOKIE] = True
    if handler in STATE_CHANGING:
        request.app[SERVICES].csrf.check_change(request.headers, sid)


def _refused(refusal: Exception) -> web.Response:
    match refusal:
        case Rejected():
            return _rejected(refusal.code)
        case StoreUnavailable():
            return _error(503, "store_unavailable", "the store does not answer", _RETRY_AFTER)
        case Refused():
            return _error(refusal.status, refusal.code, refusal.message, refusal.headers)
        case TtlRefused():
            return _error(400, "malformed_request", str(refusal))
        case Impossible():
            return _error(409, "impossible", str(refusal))
        case _:
            assert isinstance(refusal, web.HTTPException)
            return _as_json(refusal)


def _rejected(code: str) -> web.Response:
    """RFC 6750 §3.1: the challenge names an error only where a credential was sent."""
    challenge = "Bearer" if code == MISSING_CREDENTIAL else 'Bearer error="invalid_token"'
    message = "no valid credential was sent"
    return _error(401, code, message, {"WWW-Authenticate": challenge})


def _as_json(raised: web.HTTPException) -> web.Response:
    """aiohttp's own refusals (404, 405, 413 …), with the headers they need."""
    kept = {name: raised.headers[name] for name in ("Allow",) if name in raised.headers}
    code = raised.reason.lower().replace(" ", "_").replace("-", "_")
    return _error(raised.status, code, raised.reason, kept)


def _error(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    return answer({"error": code, "message": message}, status, headers)
