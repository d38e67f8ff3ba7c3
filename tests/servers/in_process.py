"""A replica without a process: a strategy opened as its server opens it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from servers.flags import parse_settings
from servers.options import parse_options
from servers.strategy import Context, Strategy, load
from servers.users import Directory
from tests.servers.processes import environment_of

USERS = 1_000


@asynccontextmanager
async def opened(strategy: str, *flags: str) -> AsyncIterator[Strategy]:
    """`flags` are the server's, --store and --key-prefix among them."""
    environment = environment_of(strategy, flags)
    settings = parse_settings(["--strategy", strategy, *flags], environment, lambda: [strategy])
    spec = load(strategy)
    options = parse_options(spec.options_type, strategy, settings.strategy_options)
    async with spec.open_strategy(Context(settings, options, Directory(USERS))) as replica:
        yield replica
