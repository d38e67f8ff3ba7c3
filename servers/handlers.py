"""What a user can ask for, the same for every strategy, and the route table."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web
from aiohttp.typedefs import Handler

from servers.admin import admin_routes
from servers.bodies import read_object, text_field
from servers.metrics import metrics
from servers.responses import answer, effect_answer, grant_answer, profile_answer
from servers.services import IDENTITY, SERVICES, VIA_COOKIE

_MAX_USERNAME_CHARS = 128
_MAX_PASSWORD_CHARS = 1_024


async def login(request: web.Request) -> web.Response:
    """Always a new credential: one the client brings is not even read."""
    services = request.app[SERVICES]
    by_cookie = services.granted_carrier == "cookie"
    services.csrf.check_login(request.headers, grants_cookie=by_cookie)
    body = await read_object(request)
    username = text_field(body, "username", _MAX_USERNAME_CHARS)
    password = text_field(body, "password", _MAX_PASSWORD_CHARS)
    user = await services.passwords.check(username, password)
    return grant_answer(services, await services.strategy.issue(user), by_cookie=by_cookie)


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
    if VIA_COOKIE not in request:
        return effect_answer(effect)
    return effect_answer(effect, {"Set-Cookie": services.carrier.clear_cookie()})


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


PROTECTED: frozenset[Handler] = frozenset({me, get_state, put_state, logout})
STATE_CHANGING: frozenset[Handler] = frozenset({put_state, logout})


def routes(*, with_admin: bool) -> list[web.RouteDef]:
    return [
        web.get("/me", me),
        web.get("/state", get_state),
        web.put("/state", put_state),
        web.post("/login", login),
        web.post("/logout", logout),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
        *(admin_routes() if with_admin else []),
    ]
