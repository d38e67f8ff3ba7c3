"""Strategies with other settings than their own: told by name, taken where they have them."""

from __future__ import annotations

import dataclasses

from servers.strategy import available, load

# Bounds of laws that a suite need not wait for; the law itself names what was set.
QUICK: dict[str, object] = {"staleness_s": 0.5, "cache_ttl_s": 0.5}


def option_names(strategy: str) -> set[str]:
    return {field.name for field in dataclasses.fields(load(strategy).options_type)}


def set_flags(strategy: str, **values: object) -> list[str]:
    """`--set` flags for those of `values` that the strategy has an option for."""
    flags: list[str] = []
    for name in sorted(option_names(strategy) & set(values)):
        flags += ["--set", f"{name}={values[name]}"]
    return flags


def having(option: str) -> list[str]:
    """The strategies with an option of that name."""
    return [name for name in available() if option in option_names(name)]
