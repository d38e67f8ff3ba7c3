from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.cpu_quota import has_cpu_quota

V2 = "0::/user.slice/job\n"
V1 = "5:memory:/elsewhere\n4:cpu,cpuacct:/docker/abc\n"


@pytest.mark.parametrize(
    ("groups", "files", "rationed"),
    [
        (V2, {}, False),
        (V2, {"user.slice/job/cpu.max": "max 100000"}, False),
        (V2, {"user.slice/job/cpu.max": "150000 100000"}, True),
        (V2, {"user.slice/cpu.max": "50000 100000", "user.slice/job/cpu.max": "max 100000"}, True),
        (V2, {"cpu.max": "50000 100000"}, True),
        (V2, {"user.slice/other/cpu.max": "50000 100000"}, False),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "-1"}, False),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "200000"}, True),
        # In a container the path is the host's, and the root its own.
        (V1, {"cpu/cpu.cfs_quota_us": "200000"}, True),
        (V1, {"cpu/elsewhere/cpu.cfs_quota_us": "200000"}, False),
        ("", {"cpu.max": "50000 100000"}, False),
    ],
)
def test_a_group_or_one_above_it_rations(
    tmp_path: Path, groups: str, files: dict[str, str], *, rationed: bool
) -> None:
    for name, text in files.items():
        file = tmp_path / "mounts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    (tmp_path / "groups").write_text(groups)
    assert has_cpu_quota(tmp_path / "groups", tmp_path / "mounts") is rationed


def test_where_nothing_can_be_read_nothing_is_known_to_ration(tmp_path: Path) -> None:
    assert not has_cpu_quota(tmp_path / "groups", tmp_path)
