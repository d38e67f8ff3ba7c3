"""`python -m servers --strategy NAME …`: one replica."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

import uvloop
from aiohttp import web

from servers.app import create_app
from servers.flags import parse_settings
from servers.options import parse_options
from servers.settings import Settings, SettingsError
from servers.strategy import StrategySpec, available, load

_BACKLOG = 1_024
# Longer than any measurement: an idle connection must not be dropped between two slices.
_KEEPALIVE_S = 3_600.0
_SHUTDOWN_S = 5.0


def main(arguments: Sequence[str]) -> int:
    try:
        settings = parse_settings(arguments, os.environ, available)
        spec = load(settings.strategy)
        options = parse_options(spec.options_type, spec.name, settings.strategy_options)
        if settings.describe:
            print(json.dumps(_description(spec, options)))
            return 0
        _refuse_misfit(spec, settings)
        with _listen(settings.host, settings.port) as listener:
            reached = dataclasses.replace(settings, port=listener.getsockname()[1])
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(create_app(spec, options, reached), listener, reached))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _refuse_misfit(spec: StrategySpec, settings: Settings) -> None:
    if spec.needs_store and not settings.store:
        raise SettingsError(f"--store: {spec.name} needs one, like redis://127.0.0.1:6379/0")
    if spec.trusts_anyone and not (settings.is_loopback or settings.allow_none_beyond_loopback):
        raise SettingsError(
            f"--host {settings.host}: {spec.name} trusts anyone; allowed are loopback addresses, "
            "or any with --allow-none-beyond-loopback"
        )
    if settings.signing_key_is_random:
        print(
            "AUTHBENCH_SIGNING_KEY is not set: using a random key; "
            "other replicas will not accept this one's tokens",
            file=sys.stderr,
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"--port {port}: in use on {host}; allowed is a free one, or 0 for any"
            ) from None
        raise SettingsError(f"--host {host} --port {port}: {error.strerror or error}") from None


async def _serve(app: web.Application, listener: socket.socket, settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=_KEEPALIVE_S, shutdown_timeout=_SHUTDOWN_S
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        if settings.exit_with_parent:
            threading.Thread(target=_await_end_of_stdin, args=(loop, stop), daemon=True).start()
        gc.collect()
        gc.freeze()
        print(json.dumps(_announcement(settings)), flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def _await_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # os.read, as a thread inside sys.stdin at exit would abort the interpreter.
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    loop.call_soon_threadsafe(stop.set)


def _description(spec: StrategySpec, options: object) -> dict[str, Any]:
    return {
        "strategy": spec.name,
        "needs_store": spec.needs_store,
        "natural_carrier": spec.natural_carrier,
        "key_kind": spec.key_kind(options),
        "law": dataclasses.asdict(spec.law(options)),
    }


def _announcement(settings: Settings) -> dict[str, Any]:
    return {
        "event": "listening",
        "host": settings.host,
        "port": settings.port,
        "pid": os.getpid(),
        "strategy": settings.strategy,
        "replica": settings.replica,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
