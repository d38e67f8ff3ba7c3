"""The exchanges of one loop: which wait for an answer, and in what order those answered go on."""

from __future__ import annotations

from typing import Any, Protocol

from gevent import get_hub


class Asking(Protocol):
    """A client with an exchange under way."""

    @property
    def waiting_since_ns(self) -> int: ...
    def go_on(self) -> None: ...
    def send_now(self) -> None: ...
    def abort(self, outcome: str) -> None: ...


class Exchanges:
    """First every answer that is there is read, then everyone who has one goes on, and what they
    ask next is sent at last, all of it at once.

    So each clock is read where it belongs: no answer lies unread while others are acted upon, none
    is sent later than it says. And a server that sleeps is woken once for all of them: on a
    virtual machine, waking it costs whoever sends as much as all the rest of a request.
    """

    def __init__(self) -> None:
        self.under_way: set[Asking] = set()
        # While those answered are going on, who asks again says so here instead of sending.
        self.are_going_on = False
        self.asking: list[Asking] = []
        self._answered: list[Asking] = []
        self._loop: Any = get_hub().loop

    def answered(self, client: Asking) -> None:
        """It goes on once the loop has read whatever else has come."""
        if not self._answered:
            self._loop.run_callback(self._go_on)
        self._answered.append(client)

    def _go_on(self) -> None:
        answered, self._answered = self._answered, []
        self.are_going_on = True
        try:
            for client in answered:
                client.go_on()
        finally:
            self.are_going_on = False
        asking, self.asking = self.asking, []
        for client in asking:
            client.send_now()
