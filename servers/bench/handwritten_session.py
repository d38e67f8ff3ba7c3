"""The shortest honest session server: redis-py as it comes, one GETEX a request."""

from __future__ import annotations

import json
import sys
import time

from aiohttp import web
from redis.asyncio import Redis

from servers.bench.serve import serve

IDLE_S = 1_800
store: Redis = Redis.from_url(sys.argv[1], decode_responses=True)


async def me(request: web.Request) -> web.Response:
    session_id = request.headers.get("Authorization", "").removeprefix("Bearer ")
    key = f"authbench:session:{{{session_id[:4]}}}{session_id[4:]}"
    value = await store.getex(key, ex=IDLE_S)
    if value is None:
        raise web.HTTPUnauthorized
    head, state = str(value).split("\n")
    json.loads(state)
    role, ends_ms, user_id = head.split(" ")
    if int(ends_ms) / 1_000 <= time.time():
        raise web.HTTPUnauthorized
    return web.json_response({"user_id": user_id, "role": role, "replica": 0})


if __name__ == "__main__":
    serve(me)
