"""Runs a command that cannot watch a pipe itself, and ends it when whoever started this is gone.

Run as a script: `python -I -S guard.py [--stay] FOLDER COMMAND…`. Prints the command's pid on
stdout. End of file on stdin (the starter closed it, or died, even by SIGKILL) ends the command and
removes FOLDER. With --stay the guard outlives its command: a line on stdin ends that, where it has
not ended, and starts it again on what it left in FOLDER. Imports only what starts fast: one guard
stands beside every store.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys

GRACE_S = 2.0
POLL_S = 0.1


def _heard(timeout_s: float) -> bytes | None:
    """What came on stdin, nothing at its end; None when nothing did."""
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], timeout_s)
    return os.read(sys.stdin.fileno(), 4096) if readable else None


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
        return
    child.kill()
    # A stopped process (SIGSTOP) dies of SIGKILL all the same, so this wait is bounded.
    child.wait()


def main(*arguments: str) -> int:
    stays = arguments[0] == "--stay"
    folder, *command = arguments[stays:]
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    child = _start(command)
    while child.poll() is None or stays:
        heard = _heard(POLL_S)
        if heard == b"":
            break
        if heard and stays:
            # Killed a moment ago it may not have ended yet.
            _end(child)
            child = _start(command)
    if child.poll() is None:
        _end(child)
    shutil.rmtree(folder, ignore_errors=True)
    return child.returncode


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=_restore_signals
    )
    print(child.pid, flush=True)
    return child


def _restore_signals() -> None:
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
