"""The shortest honest JWT server: the library's own call, all six claims required."""

from __future__ import annotations

import os

import jwt
from aiohttp import web

from servers.bench.serve import serve

KEY = os.environ["AUTHBENCH_SIGNING_KEY"].encode()
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti"]


async def me(request: web.Request) -> web.Response:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(
            token,
            KEY,
            algorithms=["HS256"],
            audience="authbench-api",
            issuer="authbench",
            options={"require": REQUIRED},
        )
    except jwt.PyJWTError:
        raise web.HTTPUnauthorized from None
    return web.json_response({"user_id": claims["sub"], "role": claims["role"], "replica": 0})


if __name__ == "__main__":
    serve(me)
