"""What handlers and middleware work with: one value in the application, two in a request."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from servers.carrier import Carrier
from servers.csrf import CsrfGuard
from servers.login import PasswordCheck
from servers.settings import Settings
from servers.strategy import CarrierName, Identity, Law, Strategy
from servers.users import Directory


@dataclass(frozen=True, slots=True)
class Services:
    """`outcomes` counts answers by status; the only thing in here that changes."""

    settings: Settings
    strategy: Strategy
    law: Law
    natural_carrier: CarrierName
    refreshes: bool
    carrier: Carrier
    csrf: CsrfGuard
    passwords: PasswordCheck
    directory: Directory
    outcomes: dict[int, int] = field(default_factory=dict)

    @property
    def granted_carrier(self) -> CarrierName:
        """What /login grants with."""
        return self.settings.carrier or self.natural_carrier


SERVICES = web.AppKey("services", Services)
IDENTITY = web.RequestKey("identity", Identity)
VIA_COOKIE = web.RequestKey("via_cookie", bool)
