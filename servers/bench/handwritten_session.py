"""The shortest honest session server: redis-py as it comes, one GETEX a request."""

from __future__ import annotations

import json
import sys
import time

from aiohttp import web
from redis.asyncio import Redis

from servers.bench.serve import serve

IDLE_S = 1_800
store = Redis.from_url(sys.argv[1])


async def me(request: web.Request) -> web.Response:
    session_id = request.headers.get("Authorization", "").removeprefix("Bearer ")
    value = await store.getex(f"authbench:session:{session_id}", ex=IDLE_S)
    if value is None:
        raise web.HTTPUnauthorized
    session = json.loads(value)
    if session["expires_at"] <= time.time():
        raise web.HTTPUnauthorized
    return web.json_response({"user_id": session["user_id"], "role": session["role"], "replica": 0})


if __name__ == "__main__":
    serve(me)
