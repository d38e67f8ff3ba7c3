"""Answers read against httptools alone, whatever comes before and in whatever pieces."""

from __future__ import annotations

import pytest
from httptools import HttpParserError, HttpResponseParser
from hypothesis import given
from hypothesis import strategies as st

from loadtests.answers import AnswerReader, CookieReader

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
COOKIE = b"Set-Cookie: session=1; Path=/\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Reference:
    """What the parser says of one answer that it reads alone."""

    def __init__(self, answer: bytes) -> None:
        self.body = b""
        self.cookies: list[bytes] = []
        parser = HttpResponseParser(self)
        parser.feed_data(answer)
        self.status = parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"Set-Cookie":
            self.cookies.append(value)


class Counting(AnswerReader):
    """Counts the answers that its parser has read."""

    __slots__ = ("parsed",)

    def __init__(self) -> None:
        self.parsed = 0
        super().__init__()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.parsed += 1


def in_chunks(pieces: list[bytes]) -> bytes:
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece]
    return CHUNKED + b"".join(chunks) + b"0\r\n\r\n"


bodies = st.one_of(
    st.sampled_from([b"abc", b"xyz", b"{}", b"\r\n\r\n", b"", CHUNKED]), st.binary(max_size=8)
)
with_length = st.builds(
    lambda status, cookie, body: (
        b"HTTP/1.1 %d Said\r\n%sContent-Length: %d\r\n\r\n%s" % (status, cookie, len(body), body)
    ),
    st.sampled_from([200, 201, 401, 503]),
    st.sampled_from([b"", COOKIE]),
    bodies,
)
answers = st.one_of(
    with_length,
    st.lists(bodies, max_size=3).map(in_chunks),
    st.just(b"HTTP/1.1 204 No Content\r\n\r\n"),
)


@given(st.lists(answers, max_size=12), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_every_answer_is_what_the_parser_says_of_it_alone(
    come: list[bytes], steps: list[int]
) -> None:
    reader = CookieReader()
    for number, answer in enumerate(come):
        # Every other one comes whole.
        step = len(answer) if number % 2 else steps[number % len(steps)]
        pieces = [answer[at : at + step] for at in range(0, len(answer), step)]
        assert [reader.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        expected = Reference(answer)
        assert (reader.status, reader.body) == (expected.status, expected.body)
        assert reader.set_cookies == expected.cookies


def parsed(come: list[bytes]) -> int:
    reader = Counting()
    for answer in come:
        assert reader.feed(answer)
    return reader.parsed


def test_a_head_that_comes_again_is_not_parsed_again() -> None:
    assert parsed([HEAD + b"\r\n" + body for body in (b"abc", b"xyz", b"\r\n\r")]) == 1


@pytest.mark.parametrize(
    "between",
    [
        HEAD + b"Date: another second\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
        in_chunks([b"abc"]),
    ],
)
def test_only_the_last_head_is_kept(between: bytes) -> None:
    assert parsed([HEAD + b"\r\nabc", between, HEAD + b"\r\nabc"]) == 3


@pytest.mark.parametrize("answer", [in_chunks([b"abc"]), in_chunks([])])
def test_a_head_that_does_not_tell_the_length_is_not_kept(answer: bytes) -> None:
    assert parsed([answer, answer]) == 2


def test_a_head_that_ends_the_connection_is_not_kept() -> None:
    last = HEAD + b"Connection: close\r\n\r\nabc"
    reader = AnswerReader()
    assert reader.feed(last)
    with pytest.raises(HttpParserError):
        reader.feed(last)


def test_the_end_of_a_head_is_no_head() -> None:
    reader = AnswerReader()
    assert not reader.feed(HEAD[:10])
    assert reader.feed(HEAD[10:] + b"\r\nabc")
    with pytest.raises(HttpParserError):
        reader.feed(HEAD[10:] + b"\r\nabc")


def test_what_follows_an_answer_and_is_none_is_an_error() -> None:
    reader = AnswerReader()
    with pytest.raises(HttpParserError):
        reader.feed(HEAD + b"\r\nabcgarbage\r\n")


def test_a_second_answer_that_has_begun_is_read_to_its_end() -> None:
    """Nobody asked for it; the connection's next answer must not be taken for the first's like."""
    reader = Counting()
    whole = HEAD + b"\r\nabc"
    assert reader.feed(whole + whole[:-1])
    assert reader.feed(b"d")
    assert (reader.body, reader.parsed) == (b"abd", 2)
