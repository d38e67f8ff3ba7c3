"""A strategy's own options: `--set name=value` onto the frozen dataclass its file declares."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from servers.settings import SettingsError

Options = TypeVar("Options")
Value = int | float | str | bool


def parse_options(
    options_type: type[Options], strategy: str, assignments: Iterable[tuple[str, str]]
) -> Options:
    """An `options_type` (fields bool, int, float, str or a Literal of strings) with `assignments`
    over its defaults.

    Numbers must be finite and not negative; a name that ends in `ttl_s` must be above zero.
    Raises SettingsError naming the option, the value and what is allowed; a contradiction between
    options is found by `options_type` itself.
    """
    types = get_type_hints(options_type)
    values: dict[str, Value] = {}
    for name, text in assignments:
        if name not in types:
            allowed = ", ".join(_names(options_type)) or f"nothing, {strategy} has no options"
            raise SettingsError(f"--set {name}={text}: unknown; allowed: {allowed}")
        values[name] = _convert(name, text, types[name])
    return options_type(**values)


def _names(options_type: Any) -> list[str]:
    return [each.name for each in dataclasses.fields(options_type)]


def _convert(name: str, text: str, kind: Any) -> Value:
    if kind is bool:
        return _chosen(name, text.lower(), ("true", "false")) == "true"
    if get_origin(kind) is Literal:
        return _chosen(name, text, get_args(kind))
    if kind is str:
        if not text:
            raise SettingsError(f"--set {name}=: allowed is a text that is not empty")
        return text
    return _number(name, text, kind)


def _chosen(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise SettingsError(f"--set {name}={text}: allowed are {', '.join(choices)}")
    return text


def _number(name: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        number: int | float = kind(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number) and (number > 0 or (number == 0 and not name.endswith("ttl_s"))):
        return number
    what = "a whole number" if kind is int else "a number"
    least = "above 0" if name.endswith("ttl_s") else "of at least 0"
    raise SettingsError(f"--set {name}={text}: allowed is {what} {least}")
