"""`make ui`: Locust's web UI on 127.0.0.1 against servers that start when a test does."""

from __future__ import annotations

import signal
import subprocess
import sys

from loadtests.generator import LOCUSTFILE

HOST = "127.0.0.1"


def serve(web_port: int) -> int:
    """Runs until Ctrl-C; returns Locust's exit status."""
    command = [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)),
        *("--web-host", HOST, "--web-port", str(web_port)),
        *("--users", "20", "--spawn-rate", "20", "--host", "http://127.0.0.1"),
    ]
    locust = subprocess.Popen(command, cwd=LOCUSTFILE.parent.parent)
    # Ctrl-C reaches Locust too, which ends in order; this process only waits for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: locust.terminate())
    return locust.wait()
