"""Reads requests and when each came to the kernel, however late its reader was woken."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time

_RECEIVE_BYTES = 65_536
# Linux, include/uapi/asm-generic/socket.h; the socket module has no name for it.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")
_ANCILLARY_BYTES = 64
_TRIES = 25
_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


def realtime_zero_ns() -> int:
    """CLOCK_MONOTONIC − CLOCK_REALTIME in ns, from the pair of readings nearest to each other."""
    readings = []
    for _ in range(_TRIES):
        before_ns = time.monotonic_ns()
        realtime_ns = time.time_ns()
        after_ns = time.monotonic_ns()
        readings.append((after_ns - before_ns, (before_ns + after_ns) // 2 - realtime_ns))
    return min(readings)[1]


# Both clocks are slewed alike, so the difference stays while nobody sets the time.
_REALTIME_ZERO_NS = realtime_zero_ns()


class ArrivalReader:
    """One connection's requests; `arrived_ns` of the last one read, on the monotonic clock."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.arrived_ns = 0
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def read(self) -> bytes:
        """One whole request, or nothing at the end of the connection."""
        received = b""
        while _END not in received or len(received) < _whole(received):
            data, ancillary, _, _ = self._connection.recvmsg(_RECEIVE_BYTES, _ANCILLARY_BYTES)
            if not data:
                return b""
            received += data
            # Never later than it was read, whatever the other clock says.
            self.arrived_ns = min(_arrival_ns(ancillary), time.monotonic_ns())
        return received


def header(request: bytes, name: bytes) -> bytes:
    """What stands behind `name` (with its colon and space) on its line; empty without it."""
    _, _, rest = request.partition(name)
    return rest.partition(b"\r\n")[0]


def _arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds) + _REALTIME_ZERO_NS
    return time.monotonic_ns()


def _whole(request: bytes) -> int:
    body = int(header(request, _LENGTH) or b"0")
    return request.index(_END) + len(_END) + body
