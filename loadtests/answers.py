"""Reads the answers that come over one connection."""

from __future__ import annotations

from httptools import HttpResponseParser

_HEAD_END = b"\r\n\r\n"


class AnswerReader:
    """`status` and `body` of the last whole answer, parsed by httptools.

    A server says the same head time and again (its date changes once a second), so the last head
    is kept: with a length in it, whatever begins with it and is as long is an answer of that
    status, and needs no parser.
    """

    __slots__ = (
        "_answer_bytes",
        "_head",
        "_is_inside",
        "_is_last",
        "_is_whole",
        "_parser",
        "body",
        "status",
    )

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self._parser = HttpResponseParser(self)
        self._head = b""
        self._answer_bytes = 0
        self._is_inside = False
        self._is_whole = False
        self._is_last = False

    def feed(self, data: bytes) -> bool:
        """Takes what was received; says whether an answer is whole now.

        Raises httptools.HttpParserError where it is none.
        """
        if len(data) == self._answer_bytes and data.startswith(self._head):
            self.body = data[len(self._head) :]
            return True
        return self._parse(data)

    def _parse(self, data: bytes) -> bool:
        comes_alone = not self._is_inside
        self._answer_bytes = 0
        self._is_whole = False
        self._parser.feed_data(data)
        if comes_alone and self._is_whole:
            self._remember(data)
        return self._is_whole

    def _remember(self, data: bytes) -> None:
        """Unless its length is told otherwise than by its head: the bytes of chunks are more than
        their body's, so what precedes those is no head."""
        head = data[: len(data) - len(self.body)]
        if data.find(_HEAD_END) == len(head) - len(_HEAD_END) and not self._is_last:
            self._head, self._answer_bytes = head, len(data)

    def on_message_begin(self) -> None:
        self._is_inside = True
        self.body = b""

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self._is_inside = False
        self._is_whole = True
        self._is_last = not self._parser.should_keep_alive()
        self.status = self._parser.get_status_code()


class CookieReader(AnswerReader):
    """Reads `set_cookies` too, the values of those headers: one call for each header."""

    __slots__ = ("set_cookies",)

    def __init__(self) -> None:
        self.set_cookies: list[bytes] = []
        super().__init__()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.set_cookies = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"set-cookie":
            self.set_cookies.append(value)
