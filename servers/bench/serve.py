"""Serves a hand-written application the way our own servers are served, for a fair race."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

import uvloop
from aiohttp import web


def serve(handler: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    """One route, `GET /me`, on a free port; says which on stdout; ends when stdin does."""
    app = web.Application()
    app.router.add_get("/me", handler)
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(_serve(app))


async def _serve(app: web.Application) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)  # noqa: T201 - its product
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
