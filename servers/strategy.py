"""What a strategy is: the protocol every file in `servers/strategies/` fulfils, and its words.

A strategy file exposes

    Options             frozen dataclass of its settings, each an int, float or str with a default
    NATURAL_CARRIER     "bearer" or "cookie": how its credential usually travels
    law(options)        its `Law`
    open_strategy(ctx)  async context manager giving a `Strategy`

and, where they apply, `NEEDS_STORE = True`, `TRUSTS_ANYONE = True`, `REFRESHES = True` and
`key_kind(options)`, the kind of signing key it needs. Nothing else registers it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

from servers.settings import Settings, SettingsError
from servers.users import Directory, User

CarrierName = Literal["bearer", "cookie"]
# What AUTHBENCH_SIGNING_KEY must hold: any text, or a private key in PEM.
KeyKind = Literal["secret", "rsa", "ec_p256", "ed25519"]
State = Mapping[str, Any]
# What becomes of requests while the store, or what it announces, is away: 503 from the beginning;
# served until the law's bound is over, then 503; served all the while; never touched by it.
OutagePolicy = Literal["at_once", "within_law", "serves", "unaffected"]
# Over what a replica hears of changes that others made.
HearsBy = Literal["tracking", "channel", "log"]

_FOLDER = Path(__file__).with_name("strategies")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Rejected(Exception):
    """The credential does not authenticate. `code` says why, in snake_case, for the answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class StoreUnavailable(Exception):
    """The store did not answer in time; nothing is known about the credential."""


class Impossible(Exception):
    """The strategy can never do it, by its nature; the text says why."""


class TtlRefused(Exception):
    """The strategy cannot mint a credential of that life; the text says what it can."""


class Identity(NamedTuple):
    """Whom a credential authenticates.

    `sid` names the login and outlives re-issued credentials. `record` is all the credential said
    (claims, a session's stored value); only the strategy that verified it looks inside. A tuple,
    as one is made for every request and a frozen dataclass costs a microsecond more.
    """

    user_id: str
    role: str
    sid: str
    state: State
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Grant:
    """A credential handed to a client. `expires_in_s` None: it never expires.

    `refresh_token` buys the next credential, where the strategy has such; it lives
    `refresh_expires_in_s`.
    """

    credential: str = field(repr=False)
    sid: str = field(repr=False)
    expires_in_s: float | None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_expires_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Law:
    """What a strategy promises about revocation.

    No request sent later than acknowledgement + `bound_s` is accepted by any replica; None means
    that no such bound exists. `store_down` and `store_back` say what happens while the store is
    down and after it comes back; the rest says the same to a machine.

    `down`: requests while the store is away. `survivors`: what becomes, once an empty store is
    back, of logins that only the lost one knew. `unheard`: requests while the store answers and its
    announcements (`hears_by`; None: it listens to none) are lost in silence. `everysec_undoes_s`:
    so many seconds of revocations may be undone by a store that appends with fsync every second.
    """

    bound_s: float | None
    sentence: str
    store_down: str
    store_back: str
    down: OutagePolicy = "unaffected"
    survivors: Literal["refuse", "serve"] = "serve"
    hears_by: HearsBy | None = None
    unheard: OutagePolicy = "unaffected"
    everysec_undoes_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Effect:
    """When a revocation holds: seconds from now, 0 for already, None for never."""

    effective_within_s: float | None


NOW = Effect(0.0)
NEVER = Effect(None)


class Strategy(Protocol):
    """One way to authenticate a request. Every method may raise StoreUnavailable."""

    async def issue(self, user: User) -> Grant:
        """A new login of `user`, with an empty state."""
        ...

    async def issue_many(self, users: Sequence[User], ttl_s: float | None) -> list[Grant]:
        """One new login for each of `users`, in order; `ttl_s` None: the usual life.

        Raises TtlRefused for a life the strategy cannot give or its law does not allow.
        """
        ...

    async def verify(self, credential: str) -> Identity:
        """Whom `credential` (printable ASCII) authenticates; raises Rejected."""
        ...

    async def write_state(self, identity: Identity, state: State) -> Grant | None:
        """Replaces the login's state; a Grant carries it to the client, None: kept here.

        Raises Rejected when the login ended meanwhile; it is never created anew.
        """
        ...

    async def logout(self, identity: Identity) -> Effect:
        """Ends this login."""
        ...

    async def revoke_user(self, user_id: str) -> Effect:
        """Ends every login of `user_id`; idempotent."""
        ...

    async def revoke_others(self, identity: Identity) -> tuple[Effect, Grant | None]:
        """Ends every login of this user but this one, as a change of password does.

        A Grant takes the place of the credential that asked; None: it stays good.
        """
        ...

    async def revoke_all(self) -> Effect:
        """Ends every login made before the call; idempotent."""
        ...

    async def set_role(self, user_id: str, role: str) -> Effect:
        """Gives `user_id` another role, in logins that stand too. Raises Impossible."""
        ...

    async def refresh(self, refresh_token: str) -> Grant:
        """The next credential of a login. Raises Rejected; only asked where `REFRESHES`."""
        raise Impossible("nothing is refreshed here")

    async def ready(self) -> None:
        """Returns when requests can be served."""
        ...

    def public_keys(self) -> list[dict[str, str]]:
        """The keys that verify its tokens as JWKs (RFC 7517 §4), where they are public."""
        return []

    def counters(self) -> Mapping[str, int]:
        """What it counted since it was opened, by name, for /metrics."""
        return {}


@dataclass(frozen=True, slots=True)
class Context:
    """What a strategy is opened with. `options` is an instance of its own `Options`."""

    settings: Settings
    options: Any
    directory: Directory


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A strategy file, loaded."""

    name: str
    options_type: type[Any]
    natural_carrier: CarrierName
    needs_store: bool
    trusts_anyone: bool
    refreshes: bool
    key_kind: Callable[[Any], KeyKind]
    law: Callable[[Any], Law]
    open_strategy: Callable[[Context], AbstractAsyncContextManager[Strategy]]


def available() -> list[str]:
    """The names of all strategies, sorted."""
    return sorted(file.stem for file in _FOLDER.glob("*.py") if _NAME.fullmatch(file.stem))


def load(name: str) -> StrategySpec:
    """Imports the one file, so that a session server never holds a token library.

    Raises SettingsError naming the allowed strategies when there is no such file.
    """
    names = available()
    if name not in names:
        raise SettingsError(f"--strategy {name!r}: allowed are {', '.join(names)}")
    module = importlib.import_module(f"servers.strategies.{name}")
    return StrategySpec(
        name=name,
        options_type=module.Options,
        natural_carrier=cast("CarrierName", module.NATURAL_CARRIER),
        needs_store=getattr(module, "NEEDS_STORE", False),
        trusts_anyone=getattr(module, "TRUSTS_ANYONE", False),
        refreshes=getattr(module, "REFRESHES", False),
        key_kind=getattr(module, "key_kind", _any_secret),
        law=module.law,
        open_strategy=module.open_strategy,
    )


def _any_secret(_options: object) -> KeyKind:
    return "secret"
