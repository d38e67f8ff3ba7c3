"""The floor: the same JSON for everybody, no middleware, no credential."""

from __future__ import annotations

from aiohttp import web

from servers.bench.serve import serve


async def me(_: web.Request) -> web.Response:
    return web.json_response({"user_id": "user-000000", "role": "admin", "replica": 0})


if __name__ == "__main__":
    serve(me)
