"""Runs a command that cannot watch a pipe itself, and ends it when whoever started this is gone.

Run as a script: `python -I -S guard.py FOLDER COMMAND…`. Prints the command's pid on stdout. End of
file on stdin (the starter closed it, or died, even by SIGKILL) ends the command and removes FOLDER.
Imports only what starts fast: one guard stands beside every store.
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


def _stdin_closed(timeout_s: float) -> bool:
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], timeout_s)
    return bool(readable) and not os.read(sys.stdin.fileno(), 4096)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
        return
    child.kill()
    # A stopped process (SIGSTOP) dies of SIGKILL all the same, so this wait is bounded.
    child.wait()


def main(folder: str, *command: str) -> int:
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, preexec_fn=_restore_signals
    )
    print(child.pid, flush=True)
    while child.poll() is None and not _stdin_closed(POLL_S):
        pass
    if child.poll() is None:
        _end(child)
    shutil.rmtree(folder, ignore_errors=True)
    return child.returncode


def _restore_signals() -> None:
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
