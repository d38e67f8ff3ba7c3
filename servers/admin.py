"""What the harness asks for: credentials by the thousand, and revocation."""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from functools import wraps

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from servers.bodies import (
    optional_positive_field,
    optional_state_field,
    read_object,
    text_field,
    whole_field,
)
from servers.errors import forbidden, malformed
from servers.responses import answer, effect_answer, refuse_outgrown, whole_seconds
from servers.services import SERVICES
from servers.strategy import Grant, State, Strategy

_LAST_USER = 10**9
_MAX_ROLE_CHARS = 32
_ROLE = re.compile(r"[a-z][a-z0-9_]*")


def admin_routes() -> list[web.RouteDef]:
    return [
        web.post("/admin/credentials", _only_admin(mint)),
        web.post("/admin/users/{user_id}/revoke", _only_admin(revoke_user)),
        web.put("/admin/users/{user_id}/role", _only_admin(set_role)),
        web.post("/admin/revoke-all", _only_admin(revoke_all)),
    ]


async def mint(request: web.Request) -> web.Response:
    """`count` credentials for consecutive users from number `first_user` on, no passwords.

    `state`, where it is given, is written to each of their logins.
    """
    services = request.app[SERVICES]
    body = await read_object(request)
    count = whole_field(body, "count", 1, services.settings.mint_max, None)
    first = whole_field(body, "first_user", 0, _LAST_USER, 0)
    ttl_s = optional_positive_field(body, "ttl_s")
    state = optional_state_field(body, "state", services.settings.state_max_bytes)
    users = services.directory.take(first, count)
    grants = await services.strategy.issue_many(users, ttl_s)
    if state is not None:
        grants = [await _filled(services.strategy, grant, state) for grant in grants]
    minted = [
        {
            "user_id": user.user_id,
            "credential": grant.credential,
            "csrf_token": services.csrf.token(grant.sid),
            "expires_in": whole_seconds(grant.expires_in_s),
            **({"refresh_token": grant.refresh_token} if grant.refresh_token else {}),
        }
        for user, grant in zip(users, grants, strict=True)
    ]
    return answer({"credentials": minted})


async def _filled(strategy: Strategy, grant: Grant, state: State) -> Grant:
    """The same login with that state. Raises Refused (413) when its credential outgrows clients."""
    carried = await strategy.write_state(await strategy.verify(grant.credential), state)
    if carried is None:
        return grant
    refuse_outgrown(carried)
    return replace(grant, credential=carried.credential)


async def revoke_user(request: web.Request) -> web.Response:
    strategy = request.app[SERVICES].strategy
    return effect_answer(await strategy.revoke_user(request.match_info["user_id"]))


async def set_role(request: web.Request) -> web.Response:
    body = await read_object(request)
    role = text_field(body, "role", _MAX_ROLE_CHARS)
    if not _ROLE.fullmatch(role):
        raise malformed("role: lower-case letters, digits and _, beginning with a letter")
    strategy = request.app[SERVICES].strategy
    return effect_answer(await strategy.set_role(request.match_info["user_id"], role))


async def revoke_all(request: web.Request) -> web.Response:
    return effect_answer(await request.app[SERVICES].strategy.revoke_all())


def _only_admin(handler: Handler) -> Handler:
    @wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        expected = f"Bearer {request.app[SERVICES].settings.admin_secret}"
        given = request.headers.getall(hdrs.AUTHORIZATION, [])
        if len(given) != 1 or not hmac.compare_digest(_octets(given[0]), _octets(expected)):
            raise forbidden("wrong_admin_secret", "this route needs the admin secret")
        return await handler(request)

    return guarded


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
