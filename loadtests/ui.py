"""`make ui`: Locust's web UI on 127.0.0.1 against servers that start when a test does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from loadtests.generator import LOCUSTFILE
from loadtests.messages import LIFELINE_VARIABLE
from loadtests.model import ConfigurationError

HOST = "127.0.0.1"
STOP_TIMEOUT_S = 15.0


def serve(web_port: int) -> int:
    """Runs until Ctrl-C or SIGTERM (status 0), or until Locust ends (its status).

    Raises ConfigurationError when the port is taken.
    """
    _check_free(web_port)
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
    # SIGINT too: a shell starts background commands with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return locust.wait()
    except KeyboardInterrupt:
        locust.terminate()
        locust.wait(STOP_TIMEOUT_S)
        return 0


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigurationError(
                f"--web-port {port}: {error.strerror} on {HOST}; allowed is a free port"
            ) from None
