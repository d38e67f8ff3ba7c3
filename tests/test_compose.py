"""What docker-compose.yml and the Dockerfile promise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from servers.flags import parse_settings
from servers.strategy import available

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SECRETS = ("AUTHBENCH_ADMIN_SECRET", "AUTHBENCH_SIGNING_KEY", "AUTHBENCH_USER_PASSWORD")

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())


def test_the_services_are_the_twins_their_store_and_the_generator() -> None:
    assert set(SERVICES) == {"redis", "session", "jwt", "locust-master", "locust-worker"}


def test_session_and_jwt_differ_in_the_strategy_name_only() -> None:
    session, jwt = dict(SERVICES["session"]), dict(SERVICES["jwt"])
    assert session.pop("command") == ["--strategy", "session_redis"]
    assert jwt.pop("command") == ["--strategy", "jwt_hs256"]
    assert session == jwt


@pytest.mark.parametrize("name", ["session", "jwt"])
def test_the_servers_start_with_flags_that_exist(name: str) -> None:
    program, *flags = SERVICES[name]["entrypoint"][2:] + SERVICES[name]["command"]
    environment = dict.fromkeys(SECRETS, "x" * 32) | {"AUTHBENCH_STORE": "redis://redis:6379/0"}
    settings = parse_settings(flags, environment, available)
    assert program == "servers"
    assert (settings.host, settings.port, settings.carrier) == ("0.0.0.0", 8080, "bearer")  # noqa: S104 - within the compose network
    assert set(settings.origins) == {"http://session:8080", "http://jwt:8080"}


def test_every_target_is_the_service_of_that_strategy() -> None:
    targets = SERVICES["locust-worker"]["environment"]["AUTHBENCH_TARGET"]
    assert targets == SERVICES["locust-master"]["environment"]["AUTHBENCH_TARGET"]
    for target in targets.split(","):
        strategy, where = target.split("=")
        host, port = where.split(":")
        assert SERVICES[host]["command"] == ["--strategy", strategy]
        assert f"--port={port}" in SERVICES[host]["entrypoint"]


@each_service
def test_every_service_names_its_command(service: dict[str, Any]) -> None:
    assert service.get("command"), "no command"


@each_service
def test_every_service_has_a_health_check_or_says_that_it_has_none(
    service: dict[str, Any],
) -> None:
    if service["image"] != "authbench" or "entrypoint" not in service:
        assert "healthcheck" in service
    else:
        assert re.search(r"^HEALTHCHECK .*\n +CMD .*8080/healthz", DOCKERFILE, re.MULTILINE)


def test_only_the_web_ui_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"locust-master": ["127.0.0.1:8089:8089"]}
    assert not any("network_mode" in service for service in SERVICES.values())


@each_service
def test_nothing_runs_with_more_rights_than_it_was_given(service: dict[str, Any]) -> None:
    assert "user" not in service
    assert "privileged" not in service
    assert "cap_add" not in service


def test_the_image_runs_as_somebody_else_than_root() -> None:
    final_stage = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[-1]
    users = re.findall(r"^USER (\S+)", final_stage, re.MULTILINE)
    assert users
    assert users[-1].split(":")[0].isdigit()
    assert int(users[-1].split(":")[0]) > 0


def test_the_image_holds_exactly_what_is_locked_and_has_no_entrypoint() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert "ENTRYPOINT" not in DOCKERFILE


def test_secrets_come_from_the_environment_alone() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name in SECRETS:
        assert re.findall(rf"{name}: (\S+)", text) == [f"${{{name}:?run"]


def test_the_builder_is_sent_nothing_but_the_packages_and_the_lock() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules == ["*", "!requirements.lock", "!servers/", "!loadtests/", "**/__pycache__/"]
