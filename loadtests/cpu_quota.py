"""Whether a control group rations this process's CPU time (cgroups(7)), as containers often do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/proc/self/cgroup")
_MOUNTS = Path("/sys/fs/cgroup")
# A file of version 2, and one of version 1; what stands in either where nothing is rationed.
_UNLIMITED = {"cpu.max": "max", "cpu.cfs_quota_us": "-1"}


def has_cpu_quota(groups: Path = _GROUPS, mounts: Path = _MOUNTS) -> bool:
    """Its own group or one above it; False where nothing can be read."""
    return any(
        file.read_text().split()[0] != _UNLIMITED[file.name]
        for folder in _folders(groups, mounts)
        for file in map(folder.joinpath, _UNLIMITED)
        if file.exists()
    )


def _folders(groups: Path, mounts: Path) -> Iterator[Path]:
    """Lines are `id:controllers:/path`; of version 2 without controllers."""
    for line in groups.read_text().splitlines() if groups.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = mounts / "cpu" if controllers else mounts
        below = Path(path.lstrip("/"))
        # A path as the host sees it may not exist here; what rations us all does, at the root.
        yield from (root / each for each in (below, *below.parents))
