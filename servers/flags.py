"""The command line: one table of flags, one line on stderr for what cannot be."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

from servers.settings import CARRIERS, Settings, SettingsError, read_secrets

Convert = Callable[[str], Any]
Names = Callable[[], Sequence[str]]


def parse_settings(
    arguments: Sequence[str], environ: Mapping[str, str], strategies: Names
) -> Settings:
    """Settings from flags and environment; `strategies` names what `--strategy` allows.

    Raises SettingsError naming the flag, the value and what is allowed.
    """
    parser = _Parser(prog="python -m servers", allow_abbrev=False)
    known = _flags(strategies())
    for flag, how in known.items():
        parser.add_argument(flag, **how)
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        name = unknown[0].partition("=")[0]
        raise SettingsError(f"{name}: unknown; allowed: {', '.join(known)}")
    flags = vars(parsed)
    found = read_secrets(environ)
    settings = Settings(
        **flags
        | {
            "store": flags["store"] or found.store,
            "origins": tuple(flags["origins"]),
            "strategy_options": tuple(flags["strategy_options"]),
            "admin_secret": found.admin_secret,
            "signing_key": found.signing_key,
            "signing_key_is_random": found.signing_key_is_random,
            "user_password": found.user_password,
        }
    )
    _refuse_contradictions(settings)
    return settings


def _refuse_contradictions(settings: Settings) -> None:
    if settings.insecure_cookie and not settings.is_loopback:
        raise SettingsError(
            f"--insecure-cookie: --host {settings.host} is not a loopback address; "
            "allowed are 127.0.0.1, ::1 and localhost"
        )
    # RFC 9106 §3.1: memory is at least 8 KiB a lane.
    least_kib = 8 * settings.argon2_parallelism
    if settings.argon2_memory_kib < least_kib:
        raise SettingsError(
            f"--argon2-memory-kib {settings.argon2_memory_kib}: allowed is at least {least_kib} "
            f"with --argon2-parallelism {settings.argon2_parallelism}"
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(message.removeprefix("argument "))


def _flags(strategies: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        "--strategy": _value(_one_of(strategies), None, "the auth strategy", required=True),
        "--host": _value(str, "127.0.0.1", "address to listen on"),
        "--port": _value(_whole(0, 65_535), 0, "port to listen on; 0: any free one"),
        "--replica": _value(_whole(0, 9_999), 0, "number this replica shows in /me"),
        "--store": _value(str, None, "redis:// URL (or AUTHBENCH_STORE)"),
        "--key-prefix": _value(str, "authbench:", "begins every key in the store"),
        "--carrier": _value(_one_of(CARRIERS), None, "what /login grants; default: natural"),
        "--insecure-cookie": _switch("cookie without Secure and __Host-; loopback only"),
        "--origin": _value(_origin, [], "allowed Origin; repeatable") | _repeated("origins"),
        "--users": _value(_whole(1, 1_000_000), 10_000, "synthetic users"),
        "--argon2-memory-kib": _value(_whole(8, 4_194_304), 65_536, "memory of a login"),
        "--argon2-time-cost": _value(_whole(1, 1_000), 3, "passes of a login"),
        "--argon2-parallelism": _value(_whole(1, 64), 4, "lanes of a login"),
        "--login-threads": _value(_whole(1, 64), 1, "passwords checked at the same time"),
        "--login-queue": _value(_whole(0, 100_000), 64, "logins that may wait; then 503"),
        "--store-timeout-s": _value(_seconds, 0.25, "longest wait to connect to the store"),
        "--store-deadline-s": _value(_seconds, 0.5, "longest wait for the store in all"),
        "--store-connections": _value(_whole(1, 10_000), 64, "connections to the store"),
        "--state-max-bytes": _value(_whole(2, 1_048_576), 1_024, "largest body of PUT /state"),
        "--mint-max": _value(_whole(1, 1_000_000), 100_000, "most credentials minted at once"),
        "--allow-none-beyond-loopback": _switch("let a strategy that trusts anyone be reached"),
        "--exit-with-parent": _switch("end when stdin does"),
        "--describe": _switch("print what the strategy needs and promises, as JSON, and end"),
        "--set": _value(_assignment, [], "an option of the strategy, NAME=VALUE; repeatable")
        | _repeated("strategy_options"),
    }


def _value(convert: Convert, default: object, text: str, **more: object) -> dict[str, Any]:
    return {"type": convert, "default": default, "help": text, "metavar": "VALUE", **more}


def _switch(text: str) -> dict[str, Any]:
    return {"action": "store_true", "help": text}


def _repeated(name: str) -> dict[str, Any]:
    return {"action": "append", "dest": name}


def _refuse(text: str, allowed: str) -> NoReturn:
    raise argparse.ArgumentTypeError(f"{text!r}: allowed {allowed}")


def _one_of(names: Sequence[str]) -> Convert:
    def convert(text: str) -> str:
        return text if text in names else _refuse(text, f"are {', '.join(names)}")

    return convert


def _whole(low: int, high: int) -> Convert:
    def convert(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
            return int(text)
        _refuse(text, f"is a whole number from {low} to {high}")

    return convert


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    return seconds if 0 < seconds <= 60 else _refuse(text, "are seconds above 0, up to 60")


def _origin(text: str) -> str:
    """RFC 6454 §6.2: scheme, host, and the port where it is not the scheme's own."""
    try:
        parts = urlsplit(text)
        rebuilt = f"{parts.scheme}://{parts.netloc}"
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, rebuilt = False, ""
    return text if usable and rebuilt == text else _refuse(text, "is like https://example.org")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    return (name, value) if name and equals else _refuse(text, "is NAME=VALUE")
