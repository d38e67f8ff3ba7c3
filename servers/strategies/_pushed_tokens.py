"""Tokens checked against a view of the revocation log that is proven current, or not at all."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from servers.settings import SettingsError
from servers.strategies._follower import following
from servers.strategies._jwt import Codec, Decoder
from servers.strategies._redis import EVERYSEC_UNDOES_S, START_DEADLINE_S, open_store
from servers.strategies._revocable_tokens import (
    EVERYSEC,
    RevocableOptions,
    ViewedTokens,
    register,
    revocable_codec,
)
from servers.strategies._revocation_log import RevocationLog
from servers.strategies._revocation_view import LossPolicy, RevocationView
from servers.strategies._revocations import Revocations
from servers.strategies._token_cache import remembering
from servers.strategies._tokens import but_minted
from servers.strategy import Context, Effect, Identity, Law, StoreUnavailable

# The log is read four times within it; with less the store would do little else.
LEAST_STALENESS_S = 0.01
# How far the store's clock may be ahead of or behind a replica's where they are compared.
CLOCKS_APART_S = 1.0


@dataclass(frozen=True, slots=True)
class PushedOptions(RevocableOptions):
    """`staleness_s`: how old the proof may be that nothing was missed. `verified_cache_entries`:
    tokens whose signature need not be checked again (0: none)."""

    staleness_s: float = 1.0
    on_store_loss: LossPolicy = "reject"
    verified_cache_entries: int = 0

    def __post_init__(self) -> None:
        if self.staleness_s < LEAST_STALENESS_S:
            raise SettingsError(
                f"--set staleness_s={self.staleness_s:g}: allowed is at least {LEAST_STALENESS_S:g}"
            )
        if self.staleness_s > self.token_ttl_s:
            raise SettingsError(
                f"--set staleness_s={self.staleness_s:g}: "
                f"allowed is at most token_ttl_s = {self.token_ttl_s}"
            )


def pushed_law(options: PushedOptions) -> Law:
    within = f"within {options.staleness_s:g} s"
    sentence = (
        f"as soon as the log's entry arrives, {within} at most; at once on the replica that took it"
    )
    bound_s, lost = options.staleness_s, "every login a lost store granted must be made again"
    if options.on_store_loss == "accept":
        bound_s = options.until_expiry_s
        until = f"until their tokens expire, up to {bound_s:g} s"
        sentence += f"; where the store loses its data, revoked logins are good again {until}"
        sentence += but_minted(options.minted_ttl_s)
        lost = "logins a lost store granted stay good, and those it had revoked are good again"
    return Law(
        bound_s=bound_s,
        sentence=sentence,
        store_down=(
            f"tokens are served for at most {options.staleness_s:g} s, then answered 503 with "
            "Retry-After; login, logout and kick 503 at once"
        ),
        store_back=f"works again by itself; {lost}; {EVERYSEC}",
        down="within_law",
        survivors="refuse" if options.on_store_loss == "reject" else "serve",
        hears_by="log",
        unheard="within_law",
        everysec_undoes_s=EVERYSEC_UNDOES_S,
    )


class PushedTokens(ViewedTokens):
    """Fails closed: nothing is served when `log` has proven nothing for `staleness_s`."""

    def __init__(
        self,
        codec: Codec,
        options: PushedOptions,
        revocations: Revocations,
        log: RevocationLog,
        view: RevocationView,
        decoder: Decoder,
    ) -> None:
        effect = Effect(pushed_law(options).bound_s)
        super().__init__(codec, options.settings, revocations, effect, view, log, decoder)
        self.log = log
        self._staleness_s = options.staleness_s

    async def verify(self, credential: str) -> Identity:
        claims = self._decode(credential)
        self._check_current()
        if claims["gen"] != self._view.generation:
            self._check_older_than_proof(claims["epoch"])
        return self._view.admitted(claims)

    async def ready(self) -> None:
        """Not before the log was read from its start."""
        self._check_current()

    def _check_current(self) -> None:
        if time.monotonic() - self.log.proof_s > self._staleness_s:
            raise StoreUnavailable("the log of revocations is not current")

    def _check_older_than_proof(self, epoch: int) -> None:
        """A token of another store may come from one that was lost, or from the next, of which this
        replica has not heard: a login that another one granted a moment ago. An epoch is never
        behind the clock (ms), so what was granted before the proof is of a lost store."""
        proof_ago_s = time.monotonic() - self.log.proof_s
        if epoch / 1_000 + CLOCKS_APART_S > time.time() - proof_ago_s:
            raise StoreUnavailable("the store may be another by now")

    def counters(self) -> Mapping[str, int]:
        return {**super().counters(), "log_reloads": self.log.reloads}


@asynccontextmanager
async def open_pushed(
    context: Context, kind: type[PushedTokens] = PushedTokens
) -> AsyncIterator[PushedTokens]:
    options: PushedOptions = context.options
    settings, codec = context.settings, revocable_codec(context)
    async with open_store(settings) as store:
        revocations = register(context, store, "log")
        view = RevocationView(options.memory, options.on_store_loss)
        log = RevocationLog(
            store, revocations.base, options.staleness_s, settings.store_deadline_s, view
        )
        entries, leeway_s = options.verified_cache_entries, options.clock_leeway_s
        decoder = remembering(codec, entries, leeway_s)
        async with following(log, settings, by="XREAD"):
            # A log so long that it takes more is read on, and /readyz says so.
            await log.wait_for_proof(START_DEADLINE_S)
            yield kind(codec, options, revocations, log, view, decoder)
