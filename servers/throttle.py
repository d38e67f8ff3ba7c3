"""Slows guessing: failures per account, remembered for a bounded number of accounts."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class FailureThrottle:
    """A token bucket an account: `burst` failures at once, then one every `refill_s`.

    Kept as one number, when the bucket will be full again (GCRA, ITU-T I.371). The account that
    failed longest ago is forgotten first; each entry costs an attacker a password hash.
    """

    def __init__(
        self,
        burst: int = 5,
        refill_s: float = 12.0,
        max_accounts: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst_s = (burst - 1) * refill_s
        self._refill_s = refill_s
        self._max_accounts = max_accounts
        self._clock = clock
        self._full_at_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, account: str) -> float:
        """Seconds until the account may try again; 0 when it may now."""
        full_in_s = self._full_at_s.get(account, 0.0) - self._clock()
        return max(0.0, full_in_s - self._burst_s)

    def record_failure(self, account: str) -> None:
        now_s = self._clock()
        self._full_at_s[account] = max(now_s, self._full_at_s.get(account, 0.0)) + self._refill_s
        self._full_at_s.move_to_end(account)
        if len(self._full_at_s) > self._max_accounts:
            self._full_at_s.popitem(last=False)
