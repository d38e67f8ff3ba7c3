"""Servers that somebody else runs, such as containers: found by name, asked what they are."""

from __future__ import annotations

import socket
from typing import Any

import requests

from loadtests.messages import ArmTarget, ReplicaAddress
from loadtests.model import Carrier, ConfigurationError
from loadtests.target import MeasurementError

TIMEOUT_S = 5.0


def find(targets: str, strategy: str, carrier: Carrier) -> ArmTarget:
    """Every address behind the name that `targets` gives `strategy`, each one a replica.

    Raises ConfigurationError when `targets` has no such name, MeasurementError when a replica
    does not answer or serves another strategy or carrier.
    """
    host, port = endpoint(targets, strategy)
    replicas = _replicas(host, port)
    answers = [_readyz(f"{host}:{port} ({each.host})", each) for each in replicas]
    for answer in answers:
        _expect(f"{host}:{port}", answer, {"strategy": strategy, "carrier": carrier})
    return ArmTarget(strategy, carrier, answers[0]["cookie_name"], replicas)


def endpoint(targets: str, strategy: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, or those of `STRATEGY=HOST:PORT,…` that are `strategy`'s."""
    chosen = targets.strip()
    if "=" in targets:
        by_strategy = dict(_assignment(each) for each in targets.split(","))
        if strategy not in by_strategy:
            has = ", ".join(by_strategy)
            raise ConfigurationError(f"--target: {strategy} is not in it; it has {has}")
        chosen = by_strategy[strategy]
    host, _, port = chosen.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ConfigurationError(f"--target: {chosen!r}; allowed is HOST:PORT")
    return host, int(port)


def _assignment(text: str) -> tuple[str, str]:
    strategy, equals, where = text.partition("=")
    if not equals:
        raise ConfigurationError(f"--target: {text!r}; allowed is STRATEGY=HOST:PORT for each")
    return strategy.strip(), where.strip()


def _replicas(host: str, port: int) -> tuple[ReplicaAddress, ...]:
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise MeasurementError(f"--target: no address for {host}: {error.strerror}") from None
    return tuple(ReplicaAddress(address, port) for address in sorted({str(f[4][0]) for f in found}))


def _readyz(name: str, replica: ReplicaAddress) -> dict[str, Any]:
    try:
        answer = requests.get(f"{replica.origin}/readyz", timeout=TIMEOUT_S)
        told: dict[str, Any] = answer.json()
    except requests.RequestException as error:
        raise MeasurementError(f"{name} does not answer: {type(error).__name__}") from None
    if answer.status_code != 200:
        raise MeasurementError(f"{name} is not ready: {answer.text.strip()}")
    return told


def _expect(name: str, answer: dict[str, Any], wanted: dict[str, str]) -> None:
    for key, value in wanted.items():
        if answer[key] != value:
            raise MeasurementError(
                f"{name} serves {key} {answer[key]}, not {value}: choose {answer[key]} or start "
                f"servers with --{key} {value}"
            )
