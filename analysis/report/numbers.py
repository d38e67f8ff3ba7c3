"""Numbers for machines."""

from __future__ import annotations


def rounded(value: float | None) -> float | None:
    """Seven significant digits: beyond what is measured, short of what the arithmetic adds."""
    return None if value is None else float(f"{value:.7g}")
