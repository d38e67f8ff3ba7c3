"""What a simulated user does, one file a scenario; the file name is its name.

A scenario has `iterate(visitor, due_ns)`: one unit of work, begun at its due time. Its docstring
says which question it answers.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, cast

from loadtests.model import ConfigurationError

Iterate = Callable[[Any, int], None]


def available() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Iterate:
    """Imports one scenario. Raises ConfigurationError naming the allowed ones."""
    if name not in available():
        raise ConfigurationError(f"scenario: {name!r}; allowed: {', '.join(available())}")
    return cast("Iterate", importlib.import_module(f"{__name__}.{name}").iterate)
