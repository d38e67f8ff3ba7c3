"""The only application factory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from servers.carrier import Carrier
from servers.csrf import CsrfGuard
from servers.handlers import routes
from servers.login import open_password_check
from servers.middleware import authenticate
from servers.services import SERVICES, Services
from servers.settings import Settings
from servers.strategy import Context, StrategySpec
from servers.users import Directory

# A login is small; PUT /state has its own limit.
_MAX_BODY_BYTES = 16_384


def create_app(spec: StrategySpec, options: Any, settings: Settings) -> web.Application:
    """The application of one replica; `settings.port` is the port it is reached on.

    Starting it opens the strategy and raises SettingsError when that cannot work.
    """

    async def open_services(app: web.Application) -> AsyncIterator[None]:
        directory = Directory(settings.users)
        context = Context(settings, options, directory)
        async with (
            spec.open_strategy(context) as strategy,
            open_password_check(settings, directory) as passwords,
        ):
            app[SERVICES] = Services(
                settings=settings,
                strategy=strategy,
                law=spec.law(options),
                natural_carrier=spec.natural_carrier,
                refreshes=spec.refreshes,
                carrier=Carrier(secure=not settings.insecure_cookie),
                csrf=CsrfGuard(settings.signing_key, settings.origins or [_own_origin(settings)]),
                passwords=passwords,
                directory=directory,
            )
            yield

    app = web.Application(
        middlewares=[authenticate],
        client_max_size=max(_MAX_BODY_BYTES, settings.state_max_bytes),
    )
    app.add_routes(
        routes(
            with_admin=settings.admin_secret is not None,
            with_refresh=spec.refreshes,
            with_public_keys=spec.key_kind(options) != "secret",
        )
    )
    app.cleanup_ctx.append(open_services)
    return app


def _own_origin(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"
