"""`make ui`: Locust's web UI on 127.0.0.1 against servers that start when a test does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from loadtests.generator import LOCUSTFILE
from loadtests.messages import LIFELINE_VARIABLE

HOST = "127.0.0.1"
STOP_TIMEOUT_S = 15.0


def serve(web_port: int) -> int:
    """Runs until Ctrl-C or SIGTERM (status 0), or until Locust ends (its status)."""
    locust = subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)),
            *("--web-host", HOST, "--web-port", str(web_port)),
            *("--users", "20", "--spawn-rate", "20", "--host", f"http://{HOST}"),
        ],
        cwd=LOCUSTFILE.parent.parent,
        env={**os.environ, LIFELINE_VARIABLE: "1"},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return locust.wait()
    except KeyboardInterrupt:
        locust.terminate()
        locust.wait(STOP_TIMEOUT_S)
        return 0
