"""An experiment's `[server]` table and its arms' settings as flags of the servers, and back.

Which keys there are and what they may hold only the servers know; what they refuse is said again
here with the experiment's keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from loadtests.model import Arm, ConfigurationError, Setting

# A run gives its servers these itself, or keeps them at their defaults to stay on this machine.
RESERVED = frozenset({
    "allow_none_beyond_loopback", "carrier", "describe", "exit_with_parent", "host",
    "insecure_cookie", "key_prefix", "origin", "port", "replica", "set", "store", "strategy",
})  # fmt: skip
_UNKNOWN = "unknown; allowed: "


class ExperimentError(ConfigurationError):
    """What must change in the experiment's file: begins with a key, lacks the file's name."""


def flags(arm: Arm, server_settings: Mapping[str, Setting]) -> list[str]:
    """What a server of `arm` is started with, as far as the experiment's file says it."""
    # One word each: a value that begins with a dash is still a value.
    given = [f"{_flag(key)}={value}" for key, value in server_settings.items()]
    return given + [f"--set={key}={value}" for key, value in arm.settings.items()]


def refusal(line: str, arm: Arm, server_settings: Mapping[str, Setting]) -> ConfigurationError:
    """The servers' one line as an ExperimentError; where it is about no key, the line as it is."""
    for key, value, flag, given in _keys(arm, server_settings):
        # The servers name a value as it was given, as they read it, or not at all.
        for start in (f"{flag}: {given!r}: ", f"{flag} {given}: ", f"{flag}: "):
            if line.startswith(start):
                why = _in_keys(line.removeprefix(start))
                return ExperimentError(f"{key} = {value!r}: {why}")
    return ConfigurationError(f"arm {arm.name}: {line}")


def _keys(
    arm: Arm, server_settings: Mapping[str, Setting]
) -> Iterator[tuple[str, Setting, str, str]]:
    """Key in the file, its value, and both as the servers name them."""
    for key, value in server_settings.items():
        yield f"server.{key}", value, _flag(key), str(value)
    for key, value in arm.settings.items():
        yield f"arms.{arm.name}.settings.{key}", value, "--set", f"{key}={value}"


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _in_keys(why: str) -> str:
    if why.startswith(_UNKNOWN):
        reserved = {_flag(key) for key in RESERVED}
        names = why.removeprefix(_UNKNOWN).split(", ")
        why = f"unknown key; allowed: {', '.join(each for each in names if each not in reserved)}"
    return re.sub(r"--([a-z0-9-]+)", lambda flag: flag[1].replace("-", "_"), why)
