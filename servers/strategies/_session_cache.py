"""Sessions looked up before, bounded, and safe from look-ups that were overtaken.

A look-up is announced before it is sent, and its value is kept only if the announcement is still
there when the reply arrives: whatever ends or changes the session meanwhile removes it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeAlias

from servers.strategy import Identity

Announcement: TypeAlias = object
# Of a look-up whose value must not be kept.
UNANNOUNCED: Announcement = object()


class SessionCache:
    """At most `most_entries` identities by credential, least recently used out first.

    Each is good until a moment of the monotonic clock that no hit puts off.
    """

    def __init__(self, most_entries: int) -> None:
        self._most = most_entries
        self._entries: OrderedDict[str, tuple[float, Identity]] = OrderedDict()
        # Apart from the entries, so that made-up credentials push none out.
        self._announced: dict[str, Announcement] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, credential: str, now_s: float) -> Identity | None:
        entry = self._entries.get(credential)
        if entry is None or entry[0] <= now_s:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(credential)
        return entry[1]

    def announce(self, credential: str) -> Announcement:
        """Before a look-up is sent; `withdraw` must follow. Look-ups side by side share one."""
        return self._announced.setdefault(credential, object())

    def withdraw(self, credential: str, announcement: Announcement) -> None:
        if self._announced.get(credential) is announcement:
            del self._announced[credential]

    def fill(
        self, credential: str, announcement: Announcement, good_until_s: float, identity: Identity
    ) -> None:
        """Keeps what a look-up said, unless its announcement is gone."""
        if self._announced.get(credential) is not announcement:
            return
        self._entries[credential] = (good_until_s, identity)
        self._entries.move_to_end(credential)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def forget(self, credentials: Iterable[str]) -> None:
        for credential in credentials:
            self._entries.pop(credential, None)
            self._announced.pop(credential, None)

    def forget_starting(self, start: str) -> None:
        """Walks through everything: for what hardly ever happens."""
        known = [*self._entries, *self._announced]
        self.forget([credential for credential in known if credential.startswith(start)])

    def forget_all(self) -> None:
        self._entries.clear()
        self._announced.clear()


def on_monotonic_clock(wall_s: float) -> float:
    """The moment `wall_s` (s since 1970) of the wall clock, on the monotonic one."""
    return time.monotonic() + (wall_s - time.time())
