"""What no file of the project may hold. The words looked for are put together here, so that this
file does not hold them either."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES_LIMIT = 300
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "--index" + "-url"]
MACHINE_PATHS = [f"/{top}/" for top in ("work", "root", "Users")] + [str(ROOT)]


@cache
def files() -> list[Path]:
    """Every file that is, or could be, committed."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def test_no_python_file_is_long() -> None:
    lines = {
        path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines())
        for path in files()
        if path.suffix == ".py"
    }
    assert {path: count for path, count in lines.items() if count > LINES_LIMIT} == {}


@pytest.mark.parametrize("words", [REGISTRY_HOSTS, MACHINE_PATHS], ids=["registries", "paths"])
def test_no_file_names_a_registry_or_a_place_on_one_machine(words: list[str]) -> None:
    wanted = [word.encode() for word in words]
    found = {
        path.relative_to(ROOT): [word.decode() for word in wanted if word in path.read_bytes()]
        for path in files()
    }
    assert {path: held for path, held in found.items() if held} == {}
