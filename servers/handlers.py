"""What a user can ask for, the same for every strategy, and the route table."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from aiohttp import web
from aiohttp.typedefs import Handler

from servers.admin import admin_routes
from servers.bodies import read_object, text_field
from servers.carrier import MAX_CREDENTIAL_BYTES
from servers.metrics import metrics
from servers.responses import answer, effect_answer, grant_answer, profile_answer
from servers.services import IDENTITY, SERVICES, VIA_COOKIE
from servers.strategy import Rejected, Strategy

_MAX_USERNAME_CHARS = 128
_MAX_PASSWORD_CHARS = 1_024


async def login(request: web.Request) -> web.Response:
    """Always a new credential: one the client brings is never adopted, and its login ends."""
    services = request.app[SERVICES]
    by_cookie = services.granted_carrier == "cookie"
    services.csrf.check_login(request.headers, grants_cookie=by_cookie)
    body = await read_object(request)
    username = text_field(body, "username", _MAX_USERNAME_CHARS)
    password = text_field(body, "password", _MAX_PASSWORD_CHARS)
    presented = _presented(request)
    user = await services.passwords.check(username, password)
    # Before the new login is made: some strategies can only end all that a user has.
    if presented is not None:
        await _end(services.strategy, presented)
    grant = await services.strategy.issue(user)
    return grant_answer(services, grant, by_cookie=by_cookie)


def _presented(request: web.Request) -> str | None:
    """The credential sent along with a login; raises Refused for an ambiguous or hostile one."""
    with suppress(Rejected):
        return request.app[SERVICES].carrier.read(request.headers)[0]
    return None


async def _end(strategy: Strategy, credential: str) -> None:
    with suppress(Rejected):
        await strategy.logout(await strategy.verify(credential))


async def me(request: web.Request) -> web.Response:
    identity = request[IDENTITY]
    replica = request.app[SERVICES].settings.replica
    return profile_answer(identity.user_id, identity.role, replica)


async def get_state(request: web.Request) -> web.Response:
    return answer(request[IDENTITY].state)


async def put_state(request: web.Request) -> web.Response:
    """Answers with the credential that carries the state, or `{}` when it is kept here."""
    services = request.app[SERVICES]
    state = await read_object(request, services.settings.state_max_bytes)
    grant = await services.strategy.write_state(request[IDENTITY], state)
    if grant is None:
        return answer({})
    return grant_answer(services, grant, by_cookie=VIA_COOKIE in request)


async def logout(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    effect = await services.strategy.logout(request[IDENTITY])
    response = effect_answer(effect)
    if VIA_COOKIE in request:
        for cookie in services.carrier.clear_cookies(refreshes=services.refreshes):
            response.headers.add("Set-Cookie", cookie)
    return response


async def refresh(request: web.Request) -> web.Response:
    """The next credential for a refresh token: from its cookie, or from the body."""
    services = request.app[SERVICES]
    token = services.carrier.read_refresh(request.headers)
    by_cookie = token is not None
    if token is None:
        token = text_field(await read_object(request), "refresh_token", MAX_CREDENTIAL_BYTES)
    else:
        services.csrf.check_login(request.headers, grants_cookie=True)
    return grant_answer(services, await services.strategy.refresh(token), by_cookie=by_cookie)


async def change_password(request: web.Request) -> web.Response:
    """What a change of password does to logins: every other one of this user ends.

    Synthetic users share one password and keep it; the present one must be given.
    """
    services = request.app[SERVICES]
    identity = request[IDENTITY]
    body = await read_object(request)
    password = text_field(body, "password", _MAX_PASSWORD_CHARS)
    await services.passwords.check(identity.user_id, password)
    effect, grant = await services.strategy.revoke_others(identity)
    if grant is None:
        return effect_answer(effect)
    return grant_answer(services, grant, by_cookie=VIA_COOKIE in request, effect=effect)


async def jwks(request: web.Request) -> web.Response:
    """RFC 7517 §5: the keys that verify this server's tokens."""
    return answer({"keys": request.app[SERVICES].strategy.public_keys()})


async def healthz(_: web.Request) -> web.Response:
    return answer({"alive": True})


async def readyz(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    await services.strategy.ready()
    return answer(
        {
            "ready": True,
            "strategy": services.settings.strategy,
            "replica": services.settings.replica,
            "carrier": services.granted_carrier,
            "natural_carrier": services.natural_carrier,
            "cookie_name": services.carrier.cookie_name,
            "law": asdict(services.law),
        }
    )


PROTECTED: frozenset[Handler] = frozenset({me, get_state, put_state, logout, change_password})
STATE_CHANGING: frozenset[Handler] = frozenset({put_state, logout, change_password})


def routes(*, with_admin: bool, with_refresh: bool, with_public_keys: bool) -> list[web.RouteDef]:
    return [
        web.get("/me", me),
        web.get("/state", get_state),
        web.put("/state", put_state),
        web.post("/login", login),
        web.post("/logout", logout),
        web.post("/password", change_password),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
        *([web.post("/refresh", refresh)] if with_refresh else []),
        *([web.get("/.well-known/jwks.json", jwks)] if with_public_keys else []),
        *(admin_routes() if with_admin else []),
    ]
