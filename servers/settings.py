"""Settings of one server: a frozen value from flags and environment.

Secrets come from the environment (NAME, or NAME_FILE pointing at a file), never from flags: every
user of a machine can read another process's arguments.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

MINIMUM_ADMIN_SECRET_CHARS = 16
# RFC 7518 §3.2: a key of the hash's size or larger must be used with HS256.
MINIMUM_SIGNING_KEY_BYTES = 32
DEMO_PASSWORD = "authbench-demo"  # noqa: S105 - public on purpose: synthetic users only
Carrier = Literal["bearer", "cookie"]
CARRIERS: tuple[Carrier, ...] = get_args(Carrier)


class SettingsError(Exception):
    """What a person must change before the server starts: one line, exit status 2."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One server's settings; names are those of the flags (see `servers.flags`)."""

    strategy: str
    host: str
    port: int
    replica: int
    store: str | None
    key_prefix: str
    carrier: Carrier | None
    insecure_cookie: bool
    origins: tuple[str, ...]
    users: int
    argon2_memory_kib: int
    argon2_time_cost: int
    argon2_parallelism: int
    login_threads: int
    login_queue: int
    store_timeout_s: float
    store_deadline_s: float
    store_connections: int
    state_max_bytes: int
    mint_max: int
    allow_none_beyond_loopback: bool
    exit_with_parent: bool
    describe: bool
    strategy_options: tuple[tuple[str, str], ...]
    admin_secret: str | None = field(repr=False)
    signing_key: bytes = field(repr=False)
    signing_key_is_random: bool
    user_password: str = field(repr=False)

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the environment gives; `signing_key` is fresh and random where it gives none."""

    admin_secret: str | None
    signing_key: bytes
    signing_key_is_random: bool
    user_password: str
    store: str | None


def read_secrets(environ: Mapping[str, str]) -> Secrets:
    """Raises SettingsError for an unreadable file or a secret that is too short."""
    admin_secret = _read(environ, "AUTHBENCH_ADMIN_SECRET")
    if admin_secret is not None and len(admin_secret) < MINIMUM_ADMIN_SECRET_CHARS:
        raise SettingsError(
            f"AUTHBENCH_ADMIN_SECRET: {len(admin_secret)} characters; "
            f"at least {MINIMUM_ADMIN_SECRET_CHARS} are needed"
        )
    signing_key = _read(environ, "AUTHBENCH_SIGNING_KEY")
    key = secrets.token_bytes(MINIMUM_SIGNING_KEY_BYTES)
    if signing_key is not None:
        key = signing_key.encode("utf-8", "surrogateescape")
    if len(key) < MINIMUM_SIGNING_KEY_BYTES:
        raise SettingsError(
            f"AUTHBENCH_SIGNING_KEY: {len(key)} bytes; at least {MINIMUM_SIGNING_KEY_BYTES} "
            "are needed (RFC 7518 §3.2)"
        )
    return Secrets(
        admin_secret=admin_secret,
        signing_key=key,
        signing_key_is_random=signing_key is None,
        user_password=_read(environ, "AUTHBENCH_USER_PASSWORD") or DEMO_PASSWORD,
        store=_read(environ, "AUTHBENCH_STORE"),
    )


def _read(environ: Mapping[str, str], name: str) -> str | None:
    value, path = environ.get(name), environ.get(f"{name}_FILE")
    if value is not None and path is not None:
        raise SettingsError(f"{name} and {name}_FILE are both set; set one of them")
    if path is None:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}_FILE={path}: {error}") from None
