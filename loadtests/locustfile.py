"""What the Locust command line and web UI load: `locust -f loadtests/locustfile.py`.

Started by the runner it follows an order; by hand, or under the web UI, its own flags choose what
is driven (see `loadtests.by_hand`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import locust

# Locust puts this file's folder on the path; the packages are one above.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from loadtests import by_hand, planned  # noqa: E402
from loadtests.user import SimulatedUser  # noqa: E402


class AuthbenchUser(SimulatedUser):
    """The one user class; what it does is its scenario's affair."""


# Locust's hooks are untyped.
events: Any = locust.events

if planned.is_ordered():
    planned.get_ready()
    events.init.add_listener(lambda environment, **_: planned.follow(environment))
else:
    events.init_command_line_parser.add_listener(by_hand.add_arguments)
    events.init.add_listener(lambda environment, **_: by_hand.prepare(environment))
